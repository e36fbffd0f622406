// Spans of time as texts: `1.5 min`, `1 hour, 5 minutes`, `01:02:03`.

import { t, type Key } from '../../i18n';
import { fixed } from './number';
import type { Formatted } from './unit';

/** Up to `below`, the value `times` (or `over`) a number carries the unit. `one` never takes a plural. */
interface Step {
  below: number;
  unit: string;
  times?: number;
  over?: number;
  one?: boolean;
}

// The borders are Grafana's, so that a board reads the same in both.
const STEPS: Record<string, Step[]> = {
  ns: [
    { below: 1e3, unit: 'ns' },
    { below: 1e6, over: 1e3, unit: 'µs' },
    { below: 1e9, over: 1e6, unit: 'ms' },
    { below: 6e10, over: 1e9, unit: 's' },
    { below: 36e11, over: 6e10, unit: 'min' },
    { below: 864e11, over: 36e11, unit: 'hour' },
    { below: Infinity, over: 864e11, unit: 'day' },
  ],
  µs: [
    { below: 1e3, unit: 'µs' },
    { below: 1e6, over: 1e3, unit: 'ms' },
    { below: Infinity, over: 1e6, unit: 's' },
  ],
  ms: [
    { below: 1e3, unit: 'ms' },
    { below: 6e4, over: 1e3, unit: 's' },
    { below: 36e5, over: 6e4, unit: 'min' },
    { below: 864e5, over: 36e5, unit: 'hour' },
    { below: 31536e6, over: 864e5, unit: 'day' },
    { below: Infinity, over: 31536e6, unit: 'year' },
  ],
  s: [
    { below: 1e-6, times: 1e9, unit: 'ns' },
    { below: 1e-3, times: 1e6, unit: 'µs' },
    { below: 1, times: 1e3, unit: 'ms' },
    { below: 60, unit: 's' },
    { below: 3600, over: 60, unit: 'min' },
    { below: 86_400, over: 3600, unit: 'hour' },
    { below: 604_800, over: 86_400, unit: 'day' },
    { below: 31_536_000, over: 604_800, unit: 'week' },
    { below: Infinity, over: 31_556_900, unit: 'year' },
  ],
  m: [
    { below: 60, unit: 'min', one: true },
    { below: 1440, over: 60, unit: 'hour' },
    { below: 10_080, over: 1440, unit: 'day' },
    { below: 604_800, over: 10_080, unit: 'week' },
    { below: Infinity, over: 525_948, unit: 'year' },
  ],
  h: [
    { below: 24, unit: 'hour', one: true },
    { below: 168, over: 24, unit: 'day' },
    { below: 8760, over: 168, unit: 'week' },
    { below: Infinity, over: 8760, unit: 'year' },
  ],
  d: [
    { below: 7, unit: 'day' },
    { below: 365, over: 7, unit: 'week' },
    { below: Infinity, over: 365, unit: 'year' },
  ],
};

const WORDS: Record<string, [one: Key, many: Key]> = {
  min: ['units.unitMinute', 'units.unitMinutes'],
  hour: ['units.unitHour', 'units.unitHours'],
  day: ['units.unitDay', 'units.unitDays'],
  week: ['units.unitWeek', 'units.unitWeeks'],
  year: ['units.unitYear', 'units.unitYears'],
};

/** A span given in `unit` (`s`, `ms`, …), in the largest unit that leaves at least one. */
export function scaledSpan(value: number, unit: string, decimals?: number | null): Formatted {
  if (value === 0 && unit === 's') {
    return { prefix: '', text: '0', suffix: ' s' };
  }
  const steps = STEPS[unit] ?? [];
  const step = steps.find(({ below }) => Math.abs(value) < below) ?? steps[steps.length - 1];
  if (step === undefined || !Number.isFinite(value)) {
    return { prefix: '', text: fixed(value), suffix: '' };
  }
  const scaled = (value * (step.times ?? 1)) / (step.over ?? 1);
  const words = WORDS[step.unit];
  const many = Math.abs(scaled) > 1 && !step.one;
  const suffix = words === undefined ? step.unit : t(many ? words[1] : words[0]);
  return { prefix: '', text: fixed(scaled, decimals), suffix: ` ${suffix}` };
}

const PARTS: [seconds: number, one: Key, many: Key][] = [
  [31_536_000, 'units.spanYear', 'units.spanYears'],
  [2_592_000, 'units.spanMonth', 'units.spanMonths'],
  [604_800, 'units.spanWeek', 'units.spanWeeks'],
  [86_400, 'units.spanDay', 'units.spanDays'],
  [3600, 'units.spanHour', 'units.spanHours'],
  [60, 'units.spanMinute', 'units.spanMinutes'],
  [1, 'units.spanSecond', 'units.spanSeconds'],
  [0.001, 'units.spanMillisecond', 'units.spanMilliseconds'],
];

/** `2 hours, 5 minutes`: the largest part, and one more for each decimal. `scale` is 1 for seconds, 0.001 for milliseconds. */
export function spanInWords(value: number, scale: number, decimals?: number | null): string {
  if (value < 0) {
    return t('units.spanAgo', { span: spanInWords(-value, scale, decimals) });
  }
  if (value === 0) {
    return t(scale === 1 ? 'units.spanSeconds' : 'units.spanMilliseconds', { n: 0 });
  }
  let rest = value * scale * 1000;
  let left = decimals ?? 0;
  const said: string[] = [];
  for (const [seconds, one, many] of PARTS) {
    const length = seconds * 1000;
    if (left < 0) break;
    if (rest < length && said.length === 0) continue;
    const n = Math.floor(rest / length);
    said.push(t(n === 1 ? one : many, { n }));
    rest %= length;
    left--;
  }
  return said.length === 0 ? '' : said.reduce((a, b) => t('units.spanJoin', { a, b }));
}

/** `01:02:03`, or with days `2 d 01:02:03`. */
export function spanAsClock(seconds: number, withDays: boolean): string {
  if (seconds < 0) {
    return t('units.spanAgo', { span: spanAsClock(-seconds, withDays) });
  }
  const days = withDays ? Math.floor(seconds / 86_400) : 0;
  const rest = seconds - days * 86_400;
  const parts = [rest / 3600, (rest % 3600) / 60, (rest % 3600) % 60];
  const text = parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
  return days > 0 ? `${days} d ${text}` : text;
}

/** `05m:09s:120ms`; each decimal adds a part after the first, none given means all. */
export function spanAsStopwatch(milliseconds: number, decimals?: number | null): string {
  const whole = Math.floor(Math.abs(milliseconds));
  const hours = Math.floor(whole / 3_600_000);
  const all: [number, number, string][] = [
    [hours, 2, 'h'],
    [Math.floor(whole / 60_000) % 60, 2, 'm'],
    [Math.floor(whole / 1000) % 60, 2, 's'],
    [whole % 1000, 3, 'ms'],
  ];
  const first = all.findIndex(([n, , unit]) => n > 0 || unit === 'ms');
  const parts = all.slice(first, decimals == null ? undefined : first + 1 + Math.max(0, decimals));
  const text = parts.map(([n, width, unit]) => (unit === 'h' ? `${n}h` : `${String(n).padStart(width, '0')}${unit}`));
  return (milliseconds < 0 ? '-' : '') + text.join(':');
}
