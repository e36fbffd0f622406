import { expect, test } from 'vitest';
import { serverWords } from './errors';

// Texts as a server gave them.
test.each([
  ['invalid parameter "query": 1:17: parse error: unclosed left parenthesis', '左括号 ( 没有闭合'],
  ['invalid parameter "query": 1:8: parse error: unexpected "}" in label matching, expected string', '标签的值要用引号括起来，这里是 "}"'],
  [
    '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    'rate() 要的是区间向量，这里是瞬时向量',
  ],
  ['1:5: parse error: unexpected end of input', '表达式没有写完'],
  ['1:10: parse error: unexpected end of input in offset, expected number, duration, step(), or range()', '表达式没有写完，还缺 number, duration, step(), or range()'],
  ['1:5: parse error: unexpected identifier "bar"', '这里读不懂：identifier "bar"'],
  ['1:1: parse error: unknown function with name "nosuch"', '没有名为 nosuch 的函数'],
  ['1:4: parse error: bad number or duration syntax: "5"', '数字或时长写得不对："5"（时长要带单位，例如 5m）'],
  ['1:4: parse error: cannot use regular expression `(`: unclosed group', '正则表达式 ( 写得不对：unclosed group'],
  [
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)',
    'up 也许不是计数器：名字不以 _total、_sum、_count、_bucket 结尾 (1:6)',
  ],
])('%s', (english, chinese) => {
  expect(serverWords(english, 'zh')).toBe(chinese);
  expect(serverWords(english, 'en')).toBe(english);
});

test('duplicate series say which side and why', () => {
  const text = 'found duplicate series for the match group {} on the right hand-side of the operation: [{a="1"}, {a="2"}];many-to-many matching not allowed: matching labels must be unique on one side';
  expect(serverWords(text, 'zh')).toMatch(/^右边的多条序列配对标签相同（{}）/);
});

test('a text that is not known is shown as it came', () => {
  expect(serverWords('disk on fire', 'zh')).toBe('disk on fire');
});
