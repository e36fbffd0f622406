// Names of channels and states for people.

import { t, type Key } from '../../i18n';
import type { IconName } from '../Icon.svelte';
import type { Row, State } from '../../lib/alerts/rows';

/** `team/wecom[0]` → `企业微信 · team`. */
export function channelName(integration: string): string {
  const [, receiver = integration, kind = '', index = '0'] = /^(.*)\/(\w+)(?:\[(\d+)\])?$/.exec(integration) ?? [];
  return [kindName(kind), receiver, index === '0' ? '' : `#${Number(index) + 1}`].filter((part) => part !== '').join(' · ');
}

export function kindName(kind: string): string {
  const key = `alerts.kind_${kind}` as Key;
  const words = t(key);
  return words === key ? kind : words;
}

export const STATE_ICONS: Record<State, IconName> = {
  firing: 'bell',
  pending: 'clock',
  silenced: 'muted',
  inhibited: 'muted',
  muted: 'muted',
  quiet: 'muted',
};

/** A link that people wrote into an annotation, when it is one that a browser may follow. */
export function webLink(text: string | undefined): string | null {
  return text !== undefined && /^https?:\/\//i.test(text) ? text : null;
}

/** Labels that all rows have with the same value, beside the name. */
export function commonLabels(rows: readonly Row[]): string[] {
  const [first, ...rest] = rows;
  if (first === undefined || rest.length === 0) return [];
  return Object.keys(first.labels).filter((name) => rest.every((row) => row.labels[name] === first.labels[name]));
}
