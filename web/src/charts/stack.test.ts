import { expect, test } from 'vitest';
import { stack } from './stack';
import type { ChartSeries } from './types';

const series = (values: (number | null)[], rest: Partial<ChartSeries> = {}): ChartSeries => ({ name: 'x', values, stack: 'A', ...rest });

test('series of one pile add up, and a gap in one carries the others', () => {
  const { columns, bands } = stack([series([1, 2, null]), series([10, null, null])], () => true);
  expect(columns).toEqual([[1, 2, null], [11, 2, null]]);
  expect(bands).toEqual([[1, 0]]);
});

test('shares add up to one, and nothing is a gap', () => {
  const percent = { percent: true };
  const { columns } = stack([series([1, 0], percent), series([3, 0], percent)], () => true);
  expect(columns).toEqual([[0.25, null], [1, null]]);
});

test('what is hidden carries nothing', () => {
  const { columns, bands } = stack([series([1]), series([2]), series([4])], (index) => index !== 1);
  expect([columns[0], columns[2], bands]).toEqual([[1], [5], [[2, 0]]]);
});

test('what goes below zero is piled apart', () => {
  const { columns } = stack([series([1]), series([2], { negate: true }), series([4]), series([8], { negate: true })], () => true);
  expect(columns).toEqual([[1], [-2], [5], [-10]]);
});
