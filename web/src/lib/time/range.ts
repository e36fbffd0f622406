// Ranges of time as they stand in addresses and boards (`now-6h` to `now`, milliseconds, dates), and how finely they are
// asked for. Moments are seconds since 1970.

import { durationText as textOf, parseDuration as millisecondsOf, stepsFor } from '../grafana/interval';

export interface Range {
  from: number;
  to: number;
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Shorter ranges show nothing. */
const SPAN_MIN = 1;

/** A duration such as `15s`, `1h30m` or `1d`, in seconds. */
export function parseDuration(text: string): number | null {
  const milliseconds = millisecondsOf(text);
  return milliseconds === undefined ? null : milliseconds / 1000;
}

/** `90s`, `2m`, `1d`: a text that PromQL reads as so many seconds. */
export function durationText(seconds: number): string {
  return textOf(Math.round(seconds * 1000));
}

interface Civil {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What calendar and clock show in a zone. */
export function civil(seconds: number, zone: string): Civil {
  let format = formats.get(zone);
  if (format === undefined) {
    const two = '2-digit' as const;
    const fields = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
    format = new Intl.DateTimeFormat('en-US', { ...fields, timeZone: zone, hourCycle: 'h23', calendar: 'gregory' });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(seconds * 1000).map(({ type, value }) => [type, Number(value)]));
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return { year, month, day, hour, minute, second };
}

function asUtc({ year, month, day, hour, minute, second }: Civil): number {
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/** The moment at which a zone's calendar and clock show this. Fields may run over: month 13 is next January. */
export function momentOf(shown: Civil, zone: string): number {
  const wanted = asUtc(shown);
  // The zone's distance from UTC may differ between the guess and the result; the second look settles it.
  const once = wanted - (asUtc(civil(wanted, zone)) - wanted);
  return wanted - (asUtc(civil(once, zone)) - once);
}

/** First second of the unit in which a moment lies. Weeks begin on Monday. */
function startOf(seconds: number, unit: string, zone: string): number {
  const shown = civil(seconds, zone);
  const { year, month } = shown;
  const midnight = { ...shown, hour: 0, minute: 0, second: 0 };
  switch (unit) {
    case 's':
      return Math.floor(seconds);
    case 'm':
      return momentOf({ ...shown, second: 0 }, zone);
    case 'h':
      return momentOf({ ...shown, minute: 0, second: 0 }, zone);
    case 'w':
      return momentOf({ ...midnight, day: shown.day - ((new Date(asUtc(midnight) * 1000).getUTCDay() + 6) % 7) }, zone);
    case 'M':
      return momentOf({ ...midnight, day: 1 }, zone);
    case 'y':
      return momentOf({ ...midnight, year, month: 1, day: 1 }, zone);
    default:
      return momentOf({ ...midnight, month }, zone);
  }
}

/** A moment later (or earlier) by whole units of the calendar. */
function later(seconds: number, amount: number, unit: string, zone: string): number {
  const shown = civil(seconds, zone);
  const rest = seconds - Math.floor(seconds);
  switch (unit) {
    case 'd':
      return momentOf({ ...shown, day: shown.day + amount }, zone) + rest;
    case 'w':
      return momentOf({ ...shown, day: shown.day + 7 * amount }, zone) + rest;
    case 'M':
      return momentOf({ ...shown, month: shown.month + amount }, zone) + rest;
    case 'y':
      return momentOf({ ...shown, year: shown.year + amount }, zone) + rest;
    default:
      return seconds + amount * (SECONDS[unit] ?? 0);
  }
}

/**
 * Reads `now-1d/d`, milliseconds since 1970, ISO, or `2026-11-26 20:00` in the zone. A rounding (`/d`) goes to the start
 * of the unit, or to its end when the text is the end of a range.
 */
export function parseMoment(text: string, now: number, zone: string, end = false): number | null {
  const plain = text.trim();
  if (/^now(?![a-z])/.test(plain)) {
    return relative(plain.slice('now'.length), now, zone, end);
  }
  if (/^-?\d{5,}(\.\d+)?$/.test(plain)) {
    return Number(plain) / 1000;
  }
  const shown = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?$/.exec(plain);
  if (shown !== null) {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = shown.slice(1).map((part) => Number(part ?? 0));
    const whole = end && shown[4] === undefined ? 86_399 : 0;
    return month > 12 || day > 31 || hour > 24 ? null : momentOf({ year, month, day, hour, minute, second }, zone) + whole;
  }
  const parsed = /^\d{4}-\d\d-\d\dT/.test(plain) ? Date.parse(plain) : NaN;
  return Number.isNaN(parsed) ? null : parsed / 1000;
}

function relative(rest: string, now: number, zone: string, end: boolean): number | null {
  let moment = now;
  let left = rest.replace(/\s+/g, '');
  while (left !== '') {
    const step = /^([+-])(\d*)([smhdwMy])|^\/f?([smhdwMy])/.exec(left);
    if (step === null) {
      return null;
    }
    left = left.slice(step[0].length);
    const [, sign, amount, unit, rounded] = step;
    if (rounded === undefined) {
      moment = later(moment, (sign === '-' ? -1 : 1) * Number(amount === '' ? 1 : amount), unit ?? 's', zone);
    } else {
      const start = startOf(moment, rounded, zone);
      moment = end ? later(start, 1, rounded, zone) - 1 : start;
    }
  }
  return moment;
}

/** A range from the texts of an address; `null` when one cannot be read or it ends before it begins. */
export function parseRange(from: string, to: string, now: number, zone: string): Range | null {
  const start = parseMoment(from, now, zone);
  const end = parseMoment(to, now, zone, true);
  return start === null || end === null || end - start < SPAN_MIN ? null : { from: start, to: end };
}

/** The texts of a range that was drawn with the pointer: whole seconds, in milliseconds as Grafana writes them. */
export function rangeTexts(range: Range): { from: string; to: string } {
  const from = Math.floor(range.from);
  return { from: String(from * 1000), to: String(Math.max(from + SPAN_MIN, Math.ceil(range.to)) * 1000) };
}

/** Twice as much around the same middle. What reached the present reaches no further. */
export function zoomedOut({ from, to }: Range, now: number): Range {
  const span = to - from;
  const end = Math.min(to + span / 2, Math.max(now, to));
  return { from: end - 2 * span, to: end };
}

/** The neighbouring range, before or behind. */
export function shifted({ from, to }: Range, direction: -1 | 1, now: number): Range {
  const span = to - from;
  const move = (direction * span) / 2;
  const end = Math.min(to + move, Math.max(now, to));
  return { from: end - span, to: end };
}

/**
 * How far apart the values of a chart lie, as boards choose it: the range over as many points as there is room for,
 * rounded, never finer than `least` (the scrape interval, or what somebody asks for).
 */
export function stepFor(span: number, points: number, least: number): number {
  const scrape = least * 1000;
  return stepsFor({ range: span * 1000, points, minStep: scrape, scrape, factor: 1 }).step / 1000;
}

/** The range on whole steps, so that a refresh asks for the same moments again and lines do not dance. */
export function aligned({ from, to }: Range, step: number): Range {
  return { from: Math.floor(from / step) * step, to: Math.floor(to / step) * step };
}

/** Ranges offered in one click. */
export const QUICK: readonly { from: string; to: string }[] = [
  ...['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '14d', '30d', '90d'].map((span) => ({
    from: `now-${span}`,
    to: 'now',
  })),
  { from: 'now/d', to: 'now' },
  { from: 'now-1d/d', to: 'now-1d/d' },
  { from: 'now/w', to: 'now' },
  { from: 'now/M', to: 'now' },
];

/** Pauses between refreshes that are offered; the empty one is none. */
export const REFRESHES: readonly string[] = ['', '2s', '5s', '10s', '30s', '1m', '5m', '15m', '30m', '1h'];
