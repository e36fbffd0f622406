import { expect, test } from 'vitest';
import { metricsOf, search } from './metrics';

const SAID = {
  http_seconds: [{ type: 'histogram', help: 'Duration of requests', unit: '' }],
  orders_total: [{ type: 'counter', help: '下单总数', unit: '' }],
};
const METRICS = metricsOf(['http_seconds_bucket', 'node_orders', 'orders_total', 'up'], SAID, new Map([['up', 4]]));
const names = (text: string, type = '') => search(METRICS, text, type).map((one) => one.name);

test('a metric has its help, its type and its number of series', () => {
  expect(METRICS[0]).toMatchObject({ type: 'histogram', help: 'Duration of requests', series: null });
  expect(METRICS[3]).toMatchObject({ type: '', series: 4 });
});

test('names that begin so come first; help is searched as well', () => {
  expect(names('orders')).toEqual(['orders_total', 'node_orders']);
  expect(names('duration HTTP')).toEqual(['http_seconds_bucket']);
  expect(names('下单')).toEqual(['orders_total']);
  expect(names('', 'counter')).toEqual(['orders_total']);
  expect(names('orders nothing')).toEqual([]);
});
