import { expect, test } from 'vitest';
import { withFilters } from './filters';

const FILTERS = [{ key: 'env', operator: '=', value: 'a"b' }, { key: 'zone', operator: '!~', value: 'x|y' }];
const SAID = 'env="a\\"b",zone!~"x|y"';

test.each([
  ['up', `up{${SAID}}`],
  ['up{}', `up{${SAID}}`],
  ['sum by (job, instance) (rate(http_requests_total{job="api"}[5m])) / on (job) group_left count(up)',
    `sum by (job, instance) (rate(http_requests_total{${SAID},job="api"}[5m])) / on (job) group_left count(up{${SAID}})`],
  ['rate(x[5m] offset 1h)', `rate(x{${SAID}}[5m] offset 1h)`],
  ['{__name__="up"}', `{${SAID},__name__="up"}`],
  ['vector(1) # up', 'vector(1) # up'],
])('%s', (expr, expected) => {
  expect(withFilters(expr, FILTERS)).toBe(expected);
});

test('without filters, or with what is no matcher, nothing changes', () => {
  expect(withFilters('up', [])).toBe('up');
  expect(withFilters('up', [{ key: 'a b', operator: '=', value: '1' }, { key: 'a', operator: '<', value: '1' }])).toBe('up');
});
