import { expect, test } from 'vitest';
import { conditionOf, metricsOf, narrowedTo, unitOf } from './condition';

function short(expr: string): string {
  const found = conditionOf(expr);
  return found === null ? 'none' : `${found.measured} | ${found.comparison} | ${found.threshold ?? found.limit}`;
}

test.each([
  ['product_stock < 10', 'product_stock | < | 10'],
  ['up{job="postgres"} == 0', 'up{job="postgres"} | == | 0'],
  ['rate(http_requests_total{status=~"5.."}[5m]) > 0.05', 'rate(http_requests_total{status=~"5.."}[5m]) | > | 0.05'],
  ['a / b >= 1e-3', 'a / b | >= | 0.001'],
  ['0.1 < a', 'a | > | 0.1'],
  ['(sum(a) > bool 2)', 'sum(a) | > | 2'],
  ['a > 2 * 1024', 'a | > | 2048'],
  ['a > -5', 'a | > | -5'],
  ['a > on (job) b', 'a | > | on (job) b'],
  ['sum(a > 5) != 0', 'sum(a > 5) | != | 0'],
  ['a{x=">"} > 1 # why > 3', 'a{x=">"} | > | 1'],
  ['((a > 1) and (b > 2)) or c > 3', 'a | > | 1'],
  ['absent(up)', 'none'],
  ['', 'none'],
  [')', 'none'],
])('%s compares %s', (expr, expected) => {
  expect(short(expr)).toBe(expected);
});

test('what must hold besides is told', () => {
  const found = conditionOf('sum(f) / sum(r) > 0.1\n  and sum(increase(r[5m])) >= 20 unless vector(0)');
  expect(found?.measured).toBe('sum(f) / sum(r)');
  expect(found?.besides).toEqual(['sum(increase(r[5m])) >= 20']);
});

test.each([
  ['sum(rate(payment_failures_total[5m])) / sum(rate(payment_requests_total[5m]))', 'percentunit'],
  ['sum(rate(http_requests_total[5m]))', 'reqps'],
  ['product_stock', ''],
])('%s is measured in %s', (measured, unit) => {
  expect(unitOf(measured)).toBe(unit);
});

test('metrics are told from functions, labels and words', () => {
  const expr = 'histogram_quantile(0.95, sum by (le, job) (rate(x_bucket{endpoint="y"}[5m]))) > 2 and on (job) {__name__="z:w"}';
  expect([...metricsOf(expr)]).toEqual(['x_bucket', 'z:w']);
});

test('an expression is narrowed by labels whatever they hold', () => {
  expect(narrowedTo('a', {})).toBe('a');
  expect(narrowedTo('a or b', { id: 'x"$1', __name__: 'a' })).toBe(
    '(a or b) and on (id) label_replace(vector(1), "id", "x\\"$$1", "", "")',
  );
});
