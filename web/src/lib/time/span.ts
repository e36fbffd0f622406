// How long something lasts, in words.

import { t, type Key } from '../../i18n';

const PARTS: readonly [seconds: number, one: Key, many: Key][] = [
  [604_800, 'units.spanWeek', 'units.spanWeeks'],
  [86_400, 'units.spanDay', 'units.spanDays'],
  [3600, 'units.spanHour', 'units.spanHours'],
  [60, 'units.spanMinute', 'units.spanMinutes'],
  [1, 'units.spanSecond', 'units.spanSeconds'],
];

/** `1 小时 20 分钟`: the largest part, and the next one when there is some of it. `parts` is 1 for the largest alone. */
export function spanText(seconds: number, parts: 1 | 2 = 2): string {
  const total = Math.max(0, Math.round(seconds));
  const first = Math.max(0, PARTS.findIndex(([length]) => total >= length));
  const [length, ...names] = total === 0 ? PARTS[PARTS.length - 1]! : PARTS[first]!;
  const said = [words(Math.floor(total / length), names)];
  const next = PARTS[first + 1];
  const rest = total % length;
  if (parts === 2 && total > 0 && next !== undefined && rest >= next[0]) {
    said.push(words(Math.floor(rest / next[0]), [next[1], next[2]]));
  }
  return said.reduce((a, b) => t('units.spanJoin', { a, b }));
}

const words = (n: number, names: Key[]) => t(names[n === 1 ? 0 : 1]!, { n });
