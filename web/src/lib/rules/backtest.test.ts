import { expect, test } from 'vitest';
import type { Point } from '../api/prometheus';
import { covered, judge, strip, type Timing } from './backtest';

const TIMING: Timing = { from: 0, to: 6000, step: 60, for: 300, keepFiringFor: 0 };

/** A series that is true at every step from one time to another, both included. */
function truth(...runs: [from: number, to: number][]) {
  const values = runs.flatMap(([from, to]) =>
    Array.from({ length: (to - from) / 60 + 1 }, (_, n): Point => [from + n * 60, '1']),
  );
  return { metric: { job: 'shop' }, values };
}

function spans(series: ReturnType<typeof truth>[], timing: Partial<Timing> = {}): [number, number, boolean][] {
  return judge(series, { ...TIMING, ...timing }).firings.map(({ from, to, open }) => [from, to, open]);
}

test('it fires once `for` has passed, until it is looked at and no longer true', () => {
  expect(spans([truth([600, 1200])])).toEqual([[900, 1260, false]]);
});

test('what is true for less than `for` is pending only', () => {
  const verdict = judge([truth([600, 840])], TIMING);
  expect(verdict.firings).toEqual([]);
  expect(verdict.pending).toEqual([{ from: 600, to: 900 }]);
});

test('true for exactly `for` is enough', () => {
  expect(spans([truth([600, 900])])).toEqual([[900, 960, false]]);
});

test('a gap begins anew', () => {
  expect(spans([truth([600, 900], [1020, 1380])])).toEqual([
    [900, 960, false],
    [1320, 1440, false],
  ]);
});

test('without `for`, and with one below a step, each point fires', () => {
  expect(spans([truth([600, 600])], { for: 0 })).toEqual([[600, 660, false]]);
  expect(spans([truth([600, 600])], { for: 10 })).toEqual([[610, 660, false]]);
});

test('`keep_firing_for` bridges gaps', () => {
  expect(spans([truth([600, 900], [1020, 1080])], { keepFiringFor: 120 })).toEqual([[900, 1260, false]]);
});

test('what lasts to the end fires still', () => {
  expect(spans([truth([5400, 6000])])).toEqual([[5700, 6000, true]]);
});

test('series are judged one by one', () => {
  const other = { ...truth([900, 1200]), metric: { job: 'other' } };
  expect(judge([truth([600, 900]), other], TIMING).firings.map((one) => [one.labels.job, one.from])).toEqual([
    ['shop', 900],
    ['other', 1200],
  ]);
});

test('time in which several fire counts once', () => {
  expect(covered([{ from: 0, to: 100 }, { from: 50, to: 120 }, { from: 200, to: 210 }])).toBe(130);
});

test('the strip joins neighbours, and firing covers pending', () => {
  const verdict = judge([truth([600, 1200])], TIMING);
  expect(strip(verdict, { from: 0, to: 6000 }, 100)).toEqual([
    { start: 10, end: 15, state: 'pending' },
    { start: 15, end: 21, state: 'firing' },
  ]);
});

test('a firing of a minute is still seen in a strip of a week', () => {
  const verdict = { firings: [{ labels: {}, from: 100_000, to: 100_060, open: false }], pending: [] };
  expect(strip(verdict, { from: 0, to: 604_800 })).toEqual([{ start: 55, end: 56, state: 'firing' }]);
});
