import { expect, test } from 'vitest';
import { offsetOfByte, parseProblem } from './place';

test.each([
  ['abc', 1, 1],
  ['门店b', 6, 2],
  ['门店b', 4, 1],
  ['😀x', 4, 2],
  ['ab', 9, 2],
])('of %s, byte %d', (text, byte, offset) => {
  expect(offsetOfByte(text, byte)).toBe(offset);
});

test('an error of the server names the characters it means', () => {
  const error = 'invalid parameter "query": 1:16: parse error: unclosed left parenthesis';
  expect(parseProblem(error, 'sum(rate(up[5m])')).toEqual({
    from: 15,
    to: 16,
    line: 1,
    column: 16,
    message: 'unclosed left parenthesis',
  });
  const chinese = 'invalid parameter "query": 2:9: parse error: unexpected identifier "foo"';
  const found = parseProblem(chinese, 'up{a="门店"}\n+ "门" foo');
  expect(found).toMatchObject({ line: 2, column: 7 });
  expect('up{a="门店"}\n+ "门" foo'.slice(found?.from, found?.to)).toBe('foo');
  expect(parseProblem('query timed out', 'up')).toBeNull();
});
