import { expect, test } from 'vitest';
import { distance, nearest } from './nearest';

const KNOWN = [
  'http_requests_total',
  'http_request_duration_seconds_bucket',
  'http_requests_in_flight',
  'orders_total',
  'orders_today',
  'node_cpu_seconds_total',
  'up',
];

test.each([
  ['http_request_total', 'http_requests_total'],
  ['HTTP_requests_total', 'http_requests_total'],
  ['order_total', 'orders_total'],
  ['cpu_seconds_total', 'node_cpu_seconds_total'],
  ['http_request_duration_seconds', 'http_request_duration_seconds_bucket'],
  ['total_http_requests', 'http_requests_total'],
])('%s was meant to be %s', (name, expected) => {
  expect(nearest(name, KNOWN)[0]).toBe(expected);
});

test('what is like nothing gets no offer', () => {
  expect(nearest('zebra', KNOWN)).toEqual([]);
});

test('distance stops counting beyond its limit', () => {
  expect(distance('kitten', 'sitting', 5)).toBe(3);
  expect(distance('abcdef', 'uvwxyz', 2)).toBe(3);
});

test('among 20,000 names the one that is a letter away is first', () => {
  const many = Array.from({ length: 20_000 }, (_, n) => `shop_service_${n}_requests_total`);
  expect(nearest('shop_service_12345_request_total', many)[0]).toBe('shop_service_12345_requests_total');
});
