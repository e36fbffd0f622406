import { expect, test } from 'vitest';
import { aligned, durationText, parseDuration, parseMoment, parseRange, rangeTexts, shifted, stepFor, zoomedOut } from './range';

const ZONE = 'Asia/Shanghai';
/** Thursday, 2026-11-26 20:34:56 in Shanghai. */
const NOW = Date.UTC(2026, 10, 26, 12, 34, 56) / 1000;

function iso(moment: number | null): string | null {
  return moment === null ? null : new Date(moment * 1000).toISOString().replace('.000Z', 'Z');
}

test.each([
  ['now', '2026-11-26T12:34:56Z'],
  ['now-1h', '2026-11-26T11:34:56Z'],
  ['now-1h30m', null],
  ['now-1d/d', '2026-11-24T16:00:00Z'],
  ['now/d', '2026-11-25T16:00:00Z'],
  ['now/d+9h', '2026-11-26T01:00:00Z'],
  ['now/w', '2026-11-22T16:00:00Z'],
  ['now/M', '2026-10-31T16:00:00Z'],
  ['now-1M/M', '2026-09-30T16:00:00Z'],
  ['now/y', '2025-12-31T16:00:00Z'],
  ['now-5m/m', '2026-11-26T12:29:00Z'],
  ['now-7d', '2026-11-19T12:34:56Z'],
  ['1795696496000', '2026-11-26T12:34:56Z'],
  ['2026-11-26T12:00:00Z', '2026-11-26T12:00:00Z'],
  ['2026-11-26T12:00:00.000Z', '2026-11-26T12:00:00Z'],
  ['2026-11-26 20:00', '2026-11-26T12:00:00Z'],
  ['2026-11-26 20:00:30', '2026-11-26T12:00:30Z'],
  ['2026-11-26', '2026-11-25T16:00:00Z'],
  ['nowhere', null],
  ['yesterday', null],
  ['2026-13-26', null],
  ['', null],
])('%s begins at %s', (text, expected) => {
  expect(iso(parseMoment(text, NOW, ZONE))).toBe(expected);
});

test.each([
  ['now/d', '2026-11-26T15:59:59Z'],
  ['now-1d/d', '2026-11-25T15:59:59Z'],
  ['now/M', '2026-11-30T15:59:59Z'],
  ['2026-11-26', '2026-11-26T15:59:59Z'],
  ['2026-11-26 20:00', '2026-11-26T12:00:00Z'],
])('%s ends at %s', (text, expected) => {
  expect(iso(parseMoment(text, NOW, ZONE, true))).toBe(expected);
});

test('a day on which the clock is turned has 23 hours', () => {
  const noon = Date.UTC(2026, 2, 29, 10) / 1000;
  const day = parseRange('now/d', 'now/d', noon, 'Europe/Berlin')!;
  expect(day.to + 1 - day.from).toBe(23 * 3600);
});

test('a range that ends before it begins is none', () => {
  expect(parseRange('now', 'now-1h', NOW, ZONE)).toBeNull();
  expect(parseRange('now-1h', 'rubbish', NOW, ZONE)).toBeNull();
  expect(parseRange('now-1h', 'now', NOW, ZONE)).toEqual({ from: NOW - 3600, to: NOW });
});

test('a drawn range is written in whole seconds', () => {
  expect(rangeTexts({ from: 100.7, to: 200.2 })).toEqual({ from: '100000', to: '201000' });
  expect(rangeTexts({ from: 100.2, to: 100.4 })).toEqual({ from: '100000', to: '101000' });
});

test('zooming out and moving never pass the present', () => {
  expect(zoomedOut({ from: NOW - 100, to: NOW }, NOW)).toEqual({ from: NOW - 200, to: NOW });
  expect(zoomedOut({ from: NOW - 1000, to: NOW - 900 }, NOW)).toEqual({ from: NOW - 1050, to: NOW - 850 });
  expect(shifted({ from: NOW - 100, to: NOW }, -1, NOW)).toEqual({ from: NOW - 150, to: NOW - 50 });
  expect(shifted({ from: NOW - 150, to: NOW - 50 }, 1, NOW)).toEqual({ from: NOW - 100, to: NOW });
});

test.each([
  [3600, 700, 15, 15],
  [3600, 700, 1, 5],
  [6 * 3600, 700, 15, 30],
  [24 * 3600, 700, 15, 120],
  [7 * 86_400, 700, 15, 900],
  [30 * 86_400, 1000, 15, 1800],
  [90 * 86_400, 0, 15, 31_536_000],
  [86_400, 1_000_000, 1, 8],
])('%d s on %d points with at least %d s take steps of %d s', (span, points, least, expected) => {
  expect(stepFor(span, points, least)).toBe(expected);
});

test('aligned ranges lie on whole steps', () => {
  expect(aligned({ from: 1003, to: 1999 }, 15)).toEqual({ from: 990, to: 1995 });
});

test.each([
  ['15s', 15],
  ['1h30m', 5400],
  ['1d', 86_400],
  ['100ms', 0.1],
  ['1w', 604_800],
  ['30', 30],
  ['soon', null],
  ['', null],
])('duration %s is %d s', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  [90, '90s'],
  [15, '15s'],
  [86_400, '1d'],
  [5400, '90m'],
  [0.25, '250ms'],
])('%d s are written %s', (seconds, expected) => {
  expect(durationText(seconds)).toBe(expected);
});
