// Silences as people make them: for how long, over what, what that will quieten.

import type { NewSilence, Silence } from '../api/alertmanager';
import { fromWire, matchesAll, toWire, type Matcher } from './matchers';
import type { Row } from './rows';

const HOUR = 3600;

/** What is offered; the first is taken unless another is chosen. */
export const DURATIONS: readonly { text: string; seconds: number }[] = [
  { text: '1h', seconds: HOUR },
  { text: '2h', seconds: 2 * HOUR },
  { text: '8h', seconds: 8 * HOUR },
  { text: '1d', seconds: 24 * HOUR },
  { text: '3d', seconds: 72 * HOUR },
  { text: '7d', seconds: 168 * HOUR },
];

/** Exactly this alert. */
export function matchersOf(labels: Record<string, string>): Matcher[] {
  // The name first: it is what people look for.
  const names = Object.keys(labels).sort((a, b) => Number(b === 'alertname') - Number(a === 'alertname') || a.localeCompare(b));
  return names.map((name) => ({ name, operator: '=', value: labels[name] ?? '' }));
}

/** Takes the condition `name="value"` out of a list, or puts it in. */
export function toggled(matchers: readonly Matcher[], name: string, value: string): Matcher[] {
  const others = matchers.filter((one) => one.name !== name);
  return hasExactly(matchers, name, value) ? others : [...others, { name, operator: '=', value }];
}

export const hasExactly = (matchers: readonly Matcher[], name: string, value: string): boolean =>
  matchers.some((one) => one.name === name && one.operator === '=' && one.value === value);

/** A silence that would hold for everything: the server refuses it, and we say so before. */
export function isBoundless(matchers: readonly Matcher[]): boolean {
  return matchers.every((one) => matchesAll([one])({}));
}

/** The alerts that it would quieten, those that are quiet already among them. */
export function covered(matchers: readonly Matcher[], rows: readonly Row[]): Row[] {
  if (matchers.length === 0) return [];
  const matches = matchesAll(matchers);
  return rows.filter((row) => matches(row.labels));
}

export interface Draft {
  /** Of the silence that is changed. */
  id?: string;
  matchers: readonly Matcher[];
  /** Seconds since 1970. */
  start: number;
  seconds: number;
  author: string;
  reason: string;
}

export function wireOf(draft: Draft): NewSilence {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  return {
    ...(draft.id === undefined ? {} : { id: draft.id }),
    matchers: draft.matchers.map(toWire),
    startsAt: time(draft.start),
    endsAt: time(draft.start + draft.seconds),
    createdBy: draft.author,
    comment: draft.reason,
  };
}

/** The same silence with another end. */
export function extended(silence: Silence, seconds: number): NewSilence {
  const end = Date.parse(silence.endsAt) + seconds * 1000;
  const { id, matchers, startsAt, createdBy, comment } = silence;
  return { id, matchers, startsAt, endsAt: new Date(end).toISOString(), createdBy, comment };
}

const STATES = ['active', 'pending', 'expired'];

/** Those that hold first, each kind by what happens next; of the past the newest first. */
export function inOrder(silences: readonly Silence[]): Silence[] {
  const rank = (one: Silence) => STATES.indexOf(one.status.state);
  const moment = (one: Silence) => Date.parse(one.status.state === 'pending' ? one.startsAt : one.endsAt);
  const past = (one: Silence) => (one.status.state === 'expired' ? -1 : 1);
  return [...silences].sort((a, b) => rank(a) - rank(b) || past(a) * (moment(a) - moment(b)));
}

/** The alerts under a silence: as the server says for those that hold, by its conditions for those to come. */
export function affectedBy(silence: Silence, rows: readonly Row[]): Row[] {
  if (silence.status.state === 'expired') return [];
  if (silence.status.state === 'active') return rows.filter((row) => row.silencedBy.includes(silence.id));
  return covered(silence.matchers.map(fromWire), rows);
}
