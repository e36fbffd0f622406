import { expect, test } from 'vitest';
import { ExactNumber, jsonText, parseExact } from './exact';

test.each<[string, unknown]>([
  ['{"a": 1, "b": [true, null, "x"]}', { a: 1, b: [true, null, 'x'] }],
  ['{"order": 9007199254740993}', { order: new ExactNumber('9007199254740993') }],
  ['[-12345678901234567890]', [new ExactNumber('-12345678901234567890')]],
  ['{"exact": 1795705200000000}', { exact: 1_795_705_200_000_000 }],
  ['{"text": "9007199254740993, \\"9007199254740993\\""}', { text: '9007199254740993, "9007199254740993"' }],
  ['{"9007199254740993": 1}', { '9007199254740993': 1 }],
  ['{"pi": 3.14159265358979323846}', { pi: new ExactNumber('3.14159265358979323846') }],
])('%s', (text, expected) => {
  expect(parseExact(text)).toEqual(expected);
});

test('what is no JSON is refused as JSON.parse refuses it', () => {
  expect(() => parseExact('{"a": 9007199254740993')).toThrow(SyntaxError);
});

test('a value is written back as it came', () => {
  const text = '{\n  "order": 9007199254740993,\n  "lines": [\n    "支付",\n    {}\n  ],\n  "none": null\n}';
  expect(jsonText(parseExact(text))).toBe(text);
});
