import { expect, test } from 'vitest';
import { Rows } from './rows';

const rows = new Rows(10_000, 20, new Map([[5, 100], [2, 50], [20_000, 7]]));

test.each([
  [0, 0],
  [19, 0],
  [20, 1],
  [40, 2],
  [109, 2],
  [110, 3],
  [150, 5],
  [269, 5],
  [270, 6],
  [1_000_000, 9999],
  [-5, 0],
])('at %i lies row %i', (top, expected) => {
  expect(rows.at(top)).toBe(expected);
});

test('each row begins where the one before ends', () => {
  expect([0, 2, 3, 5, 6].map((place) => rows.topOf(place))).toEqual([0, 40, 110, 150, 270]);
  expect(rows.total).toBe(10_000 * 20 + 150);
  for (let place = 0; place < 300; place += 1) expect(rows.at(rows.topOf(place))).toBe(place);
});

test('what is drawn covers what is seen', () => {
  expect(rows.seen(110, 40, 0)).toEqual([3, 6]);
  expect(rows.seen(110, 40, 2)).toEqual([1, 8]);
  expect(new Rows(0, 20, new Map()).seen(0, 500, 5)).toEqual([0, 0]);
});
