import { expect, test } from 'vitest';
import { faultOf } from './json-fault';

test.each([
  ['{"a": [\n  {"b": }]}', 2, 9],
  ['{"a": [', 1, 8],
  ['', 1, 1],
  ['{"a" 1}', 1, 6],
  ['{"a": 1,}', 1, 9],
  ['[1, 2,]', 1, 7],
  ['{a: 1}', 1, 2],
  ['{"a": tru}', 1, 7],
  ['{"a": 1} x', 1, 10],
  ['{"a": "x\ny"}', 1, 7],
  ["{'a': 1}", 1, 2],
  ['[01]', 1, 3],
])('%j is at fault in line %i, column %i', (text, line, column) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(faultOf(text)).toEqual({ line, column });
});

test.each(['{}', '[]', ' {"a": [1, -2.5e+3, "x\\u00e9\\n", null, true, false, {}, []], "b": {"c": [[]]}} ', '"x"', '0', '['.repeat(20_000) + ']'.repeat(20_000)])('%j has no fault', (text) => {
  expect(faultOf(text)).toBeUndefined();
});
