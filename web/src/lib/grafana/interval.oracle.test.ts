// @vitest-environment jsdom
import { expect, test } from 'vitest';
import { durationText, parseDuration, roundStep, stepsFor } from './interval';
import { grafana } from './oracle';
import { Random } from './random';

test('steps are rounded as Grafana rounds them', () => {
  const random = new Random(3);
  for (let round = 0; round < 2000; round++) {
    const milliseconds = Math.exp(random.next() * 26);
    expect(roundStep(milliseconds), String(milliseconds)).toBe(grafana.rangeUtil.roundInterval(milliseconds));
  }
});

test.each([
  ['15s', 15_000], ['1m30s', 90_000], ['250ms', 250], ['2', 2000], ['>10s', 10_000], ['1w', 604_800_000], ['1d12h', 129_600_000], ['auto', undefined], ['', undefined], ['5 apples', undefined],
])('%s is %s ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([[15_000, '15s'], [90_000, '90s'], [120_000, '2m'], [3_600_000, '1h'], [86_400_000, '1d'], [250, '250ms']])('%s ms is %s', (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text);
});

test.each([
  // hours, points, least step, factor; step and rate interval in seconds
  [1, 240, undefined, 1, 15, 60],
  [1, 2000, undefined, 1, 15, 60],
  [6, 240, undefined, 1, 120, 135],
  [24, 1000, undefined, 2, 120, 135],
  [1, 240, 60_000, 1, 60, 240],
  [24 * 365, 100_000, 1000, 1, 2867, 2868],
])('%s h on %s points, at least %s ms, times %s', (hours, points, minStep, factor, step, rate) => {
  const steps = stepsFor({ range: hours * 3_600_000, points, minStep, scrape: 15_000, factor });
  expect([steps.step / 1000, steps.rateInterval / 1000]).toEqual([step, rate]);
});
