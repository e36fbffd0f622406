import { expect, test } from 'vitest';
import { tokens } from './tokens';

const kinds = (code: string) =>
  tokens(code)
    .filter((one) => one.kind !== 'space' && one.kind !== 'operator')
    .map((one) => `${one.kind}:${one.text}`);

test.each([
  [
    'sum by (job) (rate(http_requests_total{status=~"5.."}[5m])) > 0.05',
    'function:sum keyword:by label:job function:rate metric:http_requests_total label:status string:"5.." number:5m number:0.05',
  ],
  ['a / on(x, y) group_left b offset 1h30m # end', 'metric:a keyword:on label:x label:y keyword:group_left metric:b keyword:offset number:1h30m comment:# end'],
  ['up{a="\\"}"} and NaN', 'metric:up label:a string:"\\"}" keyword:and number:NaN'],
])('%s', (code, expected) => {
  expect(kinds(code).join(' ')).toBe(expected);
});

test('nothing is lost, whatever is written', () => {
  for (const code of ['up{a="未闭', '支付 > 1 {}}}', ')(', '', '\n\t`x', '1e5 0xff .5 😀']) {
    expect(tokens(code).map((one) => one.text).join('')).toBe(code);
  }
});
