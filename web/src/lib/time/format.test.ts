import { expect, test } from 'vitest';
import { clock, dateTime, exactTime, secondsOfDay, shortClock, shortDate } from './format';

const MOMENT = Date.UTC(2026, 10, 26, 16, 5, 9) / 1000;

test('times are those of the zone, with 24 hours', () => {
  expect(dateTime(MOMENT, 'Asia/Shanghai')).toBe('2026-11-27 00:05:09');
  expect(dateTime(MOMENT, 'UTC')).toBe('2026-11-26 16:05:09');
  expect(exactTime(MOMENT * 1000 + 7, 'Asia/Shanghai')).toBe('2026-11-27 00:05:09.007');
  expect(clock(MOMENT, 'Asia/Shanghai')).toBe('00:05:09');
  expect(shortClock(MOMENT, 'Asia/Shanghai')).toBe('00:05');
  expect(shortDate(MOMENT, 'Asia/Shanghai')).toBe('11-27');
});

test('a day begins at midnight of the zone', () => {
  expect(secondsOfDay(MOMENT, 'Asia/Shanghai')).toBe(309);
  expect(secondsOfDay(MOMENT, 'UTC')).toBe(16 * 3600 + 309);
});
