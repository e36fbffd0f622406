import { expect, test } from 'vitest';
import { parsePlace } from '../router.svelte';
import { alertLogs, logQueryOf } from './links';

test.each<[string, Record<string, string>, number | null, string]>([
  ['sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))', {}, null, 'status_code:>=500'],
  ['rate(http_requests_total{status=~"4..|5.."}[5m])', {}, null, 'status_code:>=400'],
  ['rate(http_requests_total{status=~"4.."}[5m])', {}, null, 'status_code:[400 TO 499]'],
  ['rate(http_requests_total{status!~"2..|3.."}[5m])', {}, null, 'status_code:>=400'],
  ['rate(http_requests_total{status="5xx"}[5m])', {}, null, 'status_code:>=500'],
  ['rate(http_requests_total{code="404"}[5m])', {}, null, 'status_code:404'],
  ['rate(http_requests_total[5m])', { endpoint: '/api/v1/orders' }, null, '(route:"/api/v1/orders" OR path:"/api/v1/orders")'],
  ['rate(http_requests_total{handler="none"}[5m])', { handler: 'none' }, null, ''],
  ['histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))', {}, 1.5, 'process_time:>1.5'],
  ['histogram_quantile(0.95, http_request_duration_seconds)', {}, null, 'process_time:>2'],
  ['rate(http_request_duration_seconds_count{status="500"}[5m])', {}, null, 'status_code:500'],
  ['rate(payment_failures_total[5m]) / rate(payment_requests_total[5m])', {}, null, 'path:*payment*'],
  ['rate(payment_failures_total[5m])', { path: '/pay', service: 'shop' }, null, '(route:"/pay" OR path:"/pay") AND service:"shop"'],
  ['rate(x_total[5m])', { path: '/"x"' }, null, '(route:"/\\"x\\"" OR path:"/\\"x\\"")'],
  ['1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes', { instance: 'vm' }, null, ''],
])('%s', (expr, labels, threshold, expected) => {
  expect(logQueryOf(expr, labels, threshold)).toBe(expected);
});

test('an alert leads to the lines of its time', () => {
  const { page, query } = parsePlace(alertLogs('up == 0', {}, 0, 1_800_000_000, 1_800_100_000));
  expect([page, query.get('query')]).toEqual(['logs', 'level:(WARNING OR ERROR OR CRITICAL)']);
  expect([query.get('from'), query.get('to')]).toEqual(['1799999400000', '1800001800000']);
});
