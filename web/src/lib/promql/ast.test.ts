import { expect, test } from 'vitest';
import { kindOf, print, printDuration, printSelector, selectors, type Node } from './ast';

const up = (range?: number): Node => ({
  type: range === undefined ? 'vectorSelector' : 'matrixSelector',
  name: 'up',
  matchers: [
    { name: 'job', type: '=~', value: 'a"b\\' },
    { name: '__name__', type: '=', value: 'up' },
  ],
  offset: 60_000,
  timestamp: null,
  startOrEnd: null,
  ...(range === undefined ? {} : { range }),
});

test.each([
  ['up', [], 'up'],
  ['up', [{ name: '__name__', type: '=', value: 'up' }], 'up'],
  ['', [{ name: 'job', type: '!=', value: '' }], '{job!=""}'],
  ['http.requests', [{ name: 'a-b', type: '=', value: '门店' }], '{"http.requests", "a-b"="门店"}'],
] as const)('%s is written', (name, matchers, text) => {
  expect(printSelector(name, matchers)).toBe(text);
});

test.each([
  [300_000, '5m'],
  [5_400_000, '1h30m'],
  [691_200_000, '8d'],
  [1_209_600_000, '2w'],
  [250, '250ms'],
  [-60_000, '-1m'],
  [0, '0s'],
])('%d ms', (millis, text) => {
  expect(printDuration(millis)).toBe(text);
});

test('a tree is printed as it would be typed', () => {
  const rate: Node = { type: 'call', func: { name: 'rate' }, args: [up(300_000)] };
  const sum: Node = { type: 'aggregation', op: 'sum', expr: rate, param: null, grouping: ['job'], without: false };
  const matching = { card: 'many-to-one' as const, labels: ['job'], on: true, include: ['region'] };
  const tree: Node = { type: 'binaryExpr', op: '>', lhs: sum, rhs: { type: 'parenExpr', expr: up() }, matching, bool: true };
  expect(print(tree)).toBe(
    'sum by (job) (rate(up{job=~"a\\"b\\\\"}[5m] offset 1m)) > bool on (job) group_left (region) (up{job=~"a\\"b\\\\"} offset 1m)',
  );
  expect(kindOf(tree)).toBe('vector');
  expect(kindOf(up(1))).toBe('matrix');
  expect(selectors(tree)).toHaveLength(2);
});
