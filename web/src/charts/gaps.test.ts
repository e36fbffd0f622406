import { expect, test } from 'vitest';
import { bridged, lonely } from './gaps';

test('short gaps are drawn over, long ones stay', () => {
  const times = [0, 10, 20, 30, 40, 50, 60];
  expect(bridged([1, null, 2, null, null, null, 3], times, 20)).toEqual([1, undefined, 2, null, null, null, 3]);
  expect(bridged([null, 1, null], times, 100)).toEqual([null, 1, null]);
});

test('a value between two gaps gets a dot, as no line would show it', () => {
  expect(lonely([null, 1, null, 2, 3], [[0, 1]])).toEqual([1]);
  expect(lonely([1, 2, 3], [[0, 1]])).toBeNull();
  expect(lonely([null, 1, null], [])).toBeNull();
});
