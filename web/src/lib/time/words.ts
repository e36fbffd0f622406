// Ranges and pauses in the reader's words.

import { t } from '../../i18n';
import { dateTime } from './format';
import { parseMoment } from './range';

const UNITS = { s: 'dashboards.spanSeconds', m: 'dashboards.spanMinutes', h: 'dashboards.spanHours', d: 'dashboards.spanDays' } as const;

const NAMED: Record<string, Parameters<typeof t>[0]> = {
  'now/d now': 'dashboards.rangeToday',
  'now/d now/d': 'dashboards.rangeToday',
  'now-1d/d now-1d/d': 'dashboards.rangeYesterday',
  'now/w now': 'dashboards.rangeThisWeek',
  'now/w now/w': 'dashboards.rangeThisWeek',
  'now/M now': 'dashboards.rangeThisMonth',
  'now/M now/M': 'dashboards.rangeThisMonth',
};

/** `15 分钟` for `15m`; a text that is more complicated stays as it is. */
export function spanName(span: string): string {
  const parts = /^(\d+)([smhd])$/.exec(span);
  return parts === null ? span : t(UNITS[parts[2] as keyof typeof UNITS], { n: Number(parts[1]) });
}

/** `最近 15 分钟`, `昨天`, or both ends as dates. */
export function rangeName(from: string, to: string, zone: string): string {
  const named = NAMED[`${from} ${to}`];
  if (named !== undefined) {
    return t(named);
  }
  const last = to === 'now' ? /^now-(\d+[smhd])$/.exec(from)?.[1] : undefined;
  if (last !== undefined) {
    return t('dashboards.rangeLast', { span: spanName(last) });
  }
  return t('dashboards.rangeBetween', { from: momentName(from, zone), to: momentName(to, zone) });
}

function momentName(text: string, zone: string): string {
  if (text.startsWith('now')) {
    return text;
  }
  const moment = parseMoment(text, 0, zone);
  return moment === null ? text : dateTime(moment, zone);
}
