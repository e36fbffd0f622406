import { expect, test } from 'vitest';
import { parseExact } from '../api/exact';
import type { Hit } from '../api/logs';
import { cellText, fieldsOf, lineText, pivotsOf } from './record';

const SOURCE = parseExact(
  '{"level": "INFO", "http": {"status": 200, "agent": null}, "items": [{"sku": "a"}, {"sku": "b", "n": 2}], "tags": ["x", ["y"]], "a.b": 1, "order_id": 9007199254740993, "none": {}}',
) as Hit['source'];

const hit = (message: string): Hit => ({ index: 'i', id: '1', seq: 1, time_ms: 0, time: '', level: 'INFO', message, source: SOURCE });

test('objects flatten to dotted names, arrays to several values', () => {
  expect(fieldsOf(SOURCE).map(({ name, values }) => `${name}=${values.join('|')}`)).toEqual([
    'level=INFO',
    'http.status=200',
    'http.agent=',
    'items.sku=a|b',
    'items.n=2',
    'tags=x|y',
    'a.b=1',
    'order_id=9007199254740993',
  ]);
});

test.each([
  ['http.status', '200'],
  ['http.agent', 'null'],
  ['items.sku', 'a, b'],
  ['tags', 'x, y'],
  ['a.b', '1'],
  ['order_id', '9007199254740993'],
  ['items', ''],
  ['http', ''],
  ['nothing.at.all', ''],
])('the column %s shows %s', (name, expected) => {
  expect(cellText(SOURCE, name)).toBe(expected);
});

test('a line without a message shows its fields', () => {
  expect(lineText(hit('支付失败'))).toBe('支付失败');
  expect(lineText(hit(''))).toBe('http.status=200 http.agent=null items.sku=a,b items.n=2 tags=x,y a.b=1 order_id=9007199254740993');
});

test('what leads to other lines', () => {
  const fields = fieldsOf({ user_id: 12345, request_id: 'r1', trace_id: '' });
  expect(pivotsOf(fields)).toEqual([{ name: 'request_id', value: 'r1' }, { name: 'user_id', value: 12345 }]);
});
