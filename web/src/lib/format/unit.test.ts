import { afterEach, expect, test, vi } from 'vitest';
import { preferences } from '../preferences.svelte';
import { formatText, formatValue, inferUnit } from './unit';

afterEach(() => {
  preferences.language = 'en';
  vi.useRealTimers();
});

test.each<[number | null, string, number | undefined, string]>([
  [null, 's', undefined, ''],
  [NaN, 's', undefined, 'NaN'],
  [Infinity, 'bytes', undefined, '∞'],
  [-Infinity, 'short', 2, '-∞'],
  [1_234_567, 'currencyFen', undefined, '¥12,345.67'],
  [-5, 'currencyFen', undefined, '-¥0.05'],
  [1_234_567, 'currencyFen', 0, '¥12,346'],
  [1_500_000, 'currencyCNY', undefined, '¥1.50M'],
  [-61_000, 'clockms', undefined, '-01m:01s:000ms'],
  [1, 'constructor', undefined, '1 constructor'],
])('%s in %s with %s decimals', (value, unit, decimals, text) => {
  preferences.language = 'en';
  expect(formatText(value, unit, decimals)).toBe(text);
});

test.each([
  [5400, 's', '1.50 小时'],
  [172_800, 's', '2 天'],
  [3661, 'dtdurations', '1 小时'],
  [-3661, 'dtdurations', '1 小时前'],
  [1, 'bool_yes_no', '是'],
])('in Chinese: %s in %s', (value, unit, text) => {
  preferences.language = 'zh';
  expect(formatText(value, unit)).toBe(text);
});

test('today needs no date, in the zone of the shop', () => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 26, 16, 30) });
  const shown = (hour: number) => formatText(Date.UTC(2026, 10, 26, hour), 'dateTimeAsIsoNoDateIfToday', null, 'Asia/Shanghai');
  expect(shown(15)).toBe('2026-11-26 23:00:00');
  expect(shown(16)).toBe('00:00:00');
  preferences.language = 'zh';
  expect(formatText(Date.UTC(2026, 10, 26, 16, 25), 'dateTimeFromNow')).toBe('5分钟前');
});

test('the parts stay apart, for a number larger than its unit', () => {
  expect(formatValue(1536, 'bytes', 1)).toEqual({ prefix: '', text: '1.5', suffix: ' KiB' });
});

test.each([
  ['rate(http_requests_total[1m])', 'reqps'],
  ['sum by (status) (rate(http_requests_total{job="x"}[5m]))', 'reqps'],
  ['sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))', 'percentunit'],
  ['100 * sum(a_total) / sum(b_total)', 'percent'],
  ['histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))', 's'],
  ['http_request_duration_seconds_bucket', 'short'],
  ['sum by (le) (rate(http_request_duration_seconds_bucket[5m]))', 'ops'],
  ['rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])', 's'],
  ['node_memory_MemAvailable_bytes', 'bytes'],
  ['1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes', 'percentunit'],
  ['node_memory_MemAvailable_bytes / 1024', ''],
  ['rate(node_network_receive_bytes_total{device!~"lo|veth.*"}[1m])', 'binBps'],
  ['sales_today_fen', 'currencyFen'],
  ['rate(http_request_duration_seconds_count[1m])', 'ops'],
  ['active_users', ''],
  ['process_start_time_seconds', ''],
  ['count(up == 0)', 'short'],
  ['a_bytes + b_seconds', ''],
])('the unit of %s', (expr, unit) => {
  expect(inferUnit(expr)).toBe(unit);
});
