// Ranges and pauses in the reader's words.

import { t } from '../../i18n';
import { dateTime } from './format';
import { parseMoment } from './range';

const UNITS = { s: 'range.spanSeconds', m: 'range.spanMinutes', h: 'range.spanHours', d: 'range.spanDays' } as const;

const NAMED: Record<string, Parameters<typeof t>[0]> = {
  'now/d now': 'range.rangeToday',
  'now/d now/d': 'range.rangeToday',
  'now-1d/d now-1d/d': 'range.rangeYesterday',
  'now/w now': 'range.rangeThisWeek',
  'now/w now/w': 'range.rangeThisWeek',
  'now/M now': 'range.rangeThisMonth',
  'now/M now/M': 'range.rangeThisMonth',
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
    return t('range.rangeLast', { span: spanName(last) });
  }
  return t('range.rangeBetween', { from: momentName(from, zone), to: momentName(to, zone) });
}

function momentName(text: string, zone: string): string {
  if (text.startsWith('now')) {
    return text;
  }
  const moment = parseMoment(text, 0, zone);
  return moment === null ? text : dateTime(moment, zone);
}
