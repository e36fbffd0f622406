import { expect, test } from 'vitest';
import { ExactNumber } from '../api/exact';
import { clause, valueText, type Scalar } from './clause';
import { conjuncts, filterIn, filterOut } from './query';
import { tokens } from './tokens';

test.each<[string, Scalar, string]>([
  ['path', '/api/v1/payments/*', 'path:"/api/v1/payments/*"'],
  ['message', 'say "hi" \\ bye', 'message:"say \\"hi\\" \\\\ bye"'],
  ['message', '他说“好”', 'message:"他说\\“好\\”"'],
  ['status_code', 500, 'status_code:500'],
  ['order_id', new ExactNumber('9007199254740993'), 'order_id:9007199254740993'],
  ['ok', false, 'ok:false'],
  ['user_id', null, 'NOT user_id:*'],
  ['http.user agent', 'x', 'http.user\\ agent:"x"'],
  ['a:b(c)', 'x', 'a\\:b\\(c\\):"x"'],
  ['-odd', 'x', '\\-odd:"x"'],
  ['x-request-id', 'x', 'x-request-id:"x"'],
  ['键：值', 'x', '键\\：值:"x"'],
  ['empty', '', 'empty:""'],
])('a value of %s: %s', (field, value, expected) => {
  expect(clause(field, value)).toBe(expected);
  // It is one condition, and read as the field that was meant.
  expect(conjuncts(expected)).toEqual([expected]);
});

test.each<[string, string]>([
  ['', 'level:"ERROR"'],
  ['  ', 'level:"ERROR"'],
  ['*', 'level:"ERROR"'],
  ['支付失败', '支付失败 AND level:"ERROR"'],
  ['path:/api/v1/payments/* AND status_code:500', 'path:/api/v1/payments/* AND status_code:500 AND level:"ERROR"'],
  ['process_time:>2', 'process_time:>2 AND level:"ERROR"'],
  ['timestamp:[now-1h TO now]', 'timestamp:[now-1h TO now] AND level:"ERROR"'],
  ['a OR b', '(a OR b) AND level:"ERROR"'],
  ['a || b', '(a || b) AND level:"ERROR"'],
  ['a:1 or b:2', '(a:1 or b:2) AND level:"ERROR"'],
  ['(a OR b)', '(a OR b) AND level:"ERROR"'],
  ['（a OR b）', '（a OR b） AND level:"ERROR"'],
  ['message:"a OR b"', 'message:"a OR b" AND level:"ERROR"'],
  ['level:(ERROR OR CRITICAL) NOT x', 'level:(ERROR OR CRITICAL) NOT x AND level:"ERROR"'],
  // Said already, in any place.
  ['level:"ERROR"', 'level:"ERROR"'],
  ['level:"ERROR" AND x', 'level:"ERROR" AND x'],
  // Its opposite gives way.
  ['NOT level:"ERROR"', 'level:"ERROR"'],
  ['x AND NOT level:"ERROR" AND y', 'x AND y AND level:"ERROR"'],
  ['x NOT level:"ERROR" y', 'x AND y AND level:"ERROR"'],
  // Not an alternative's part.
  ['level:"ERROR" OR x', '(level:"ERROR" OR x) AND level:"ERROR"'],
  // Nothing can be added to what has no end.
  ['message:"open', 'level:"ERROR"'],
  ['(a AND b', 'level:"ERROR"'],
  ['a) AND b', 'level:"ERROR"'],
])('%s, and only errors', (query, expected) => {
  expect(filterIn(query, 'level', 'ERROR')).toBe(expected);
});

test.each<[string, string]>([
  ['', 'NOT path:"/x"'],
  ['a', 'a AND NOT path:"/x"'],
  ['path:"/x" AND a', 'a AND NOT path:"/x"'],
  ['path:"/x"', 'NOT path:"/x"'],
  ['NOT path:"/x"', 'NOT path:"/x"'],
  ['a OR path:"/x"', '(a OR path:"/x") AND NOT path:"/x"'],
])('%s, without a path', (query, expected) => {
  expect(filterOut(query, 'path', '/x')).toBe(expected);
});

test('a field that is not there is asked for and excluded', () => {
  expect(filterIn('a', 'user_id', null)).toBe('a AND NOT user_id:*');
  expect(filterOut('a AND NOT user_id:*', 'user_id', null)).toBe('a AND user_id:*');
});

test.each<[Scalar, string]>([
  ['ERROR', 'ERROR'],
  ['支付', '支付'],
  ['10.0.0.1', '10.0.0.1'],
  ['a-b', 'a-b'],
  ['-a', '"-a"'],
  ['/api', '"/api"'],
  ['two words', '"two words"'],
  ['or', '"or"'],
  [5, '5'],
])('%s is typed as %s', (value, expected) => {
  expect(valueText(value)).toBe(expected);
});

test.each<[string, string]>([
  ['level:ERROR AND timestamp:[now-1h TO now]', 'field:level: word:ERROR operator:AND field:timestamp: range:[now-1h TO now]'],
  ['process_time:>2', 'field:process_time: comparison:> word:2'],
  ['process_time > 2', 'word:process_time comparison:> word:2'],
  ['path:/api/v1/(x OR y)', 'field:path: word:/api/v1/(x operator:OR word:y bracket:)'],
  ['path:"/a:b"', 'field:path: string:"/a:b"'],
  ['time:12:30', 'field:time: word:12:30'],
  ['a\\:b:c', 'field:a\\:b: word:c'],
  ['-level:DEBUG !x', 'operator:- field:level: word:DEBUG operator:! word:x'],
  ['level：错误', 'field:level： word:错误'],
  ['“支付 失败”', 'string:“支付 失败”'],
  ['"open', 'string:"open'],
  ['x-y a - b', 'word:x-y word:a word:- word:b'],
  ['level:(A OR B)', 'field:level: bracket:( word:A operator:OR word:B bracket:)'],
  ['\\', 'word:\\'],
])('%s', (query, expected) => {
  const found = tokens(query);
  expect(found.filter(({ kind }) => kind !== 'space').map(({ kind, text }) => `${kind}:${text}`).join(' ')).toBe(expected);
  expect(found.map(({ text }) => text).join('')).toBe(query);
});
