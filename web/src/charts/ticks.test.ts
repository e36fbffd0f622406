import { expect, test } from 'vitest';
import { timeTicks } from './ticks';

test('ticks lie on round times of the zone', () => {
  const from = Date.UTC(2026, 10, 26, 15, 20) / 1000;
  const ticks = timeTicks(from, from + 3600, 4, 'Asia/Shanghai');
  expect(ticks.map(({ text }) => text)).toEqual(['23:30', '23:45', '11-27', '00:15']);
  expect(ticks.map(({ share }) => share.toFixed(3))).toEqual(['0.167', '0.417', '0.667', '0.917']);
});
