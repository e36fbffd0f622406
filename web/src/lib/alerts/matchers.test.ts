import { expect, test } from 'vitest';
import { compile, formatMatcher, formatMatchers, fromWire, matchesAll, parseMatchers, toWire } from './matchers';

/** The matchers as Alertmanager writes them, or what is wrong. */
function read(text: string): string {
  const parsed = parseMatchers(text);
  return 'matchers' in parsed ? parsed.matchers.map(formatMatcher).join(',') : `wrong: ${parsed.wrong}`;
}

test.each([
  ['', ''],
  ['{}', ''],
  ['foo=bar', 'foo="bar"'],
  ['{foo = "bar", dings != "bums", }', 'foo="bar",dings!="bums"'],
  ['foo=bar,dings!=bums,', 'foo="bar",dings!="bums"'],
  ['{quote="She said: \\"Hi, ladies! …\\""}', 'quote="She said: \\"Hi, ladies! …\\""'],
  ['statuscode=~"5.."', 'statuscode=~"5.."'],
  ['tricky=~~~', 'tricky=~"~~"'],
  ['trickier==\\=\\=\\"', 'trickier="=\\\\=\\\\=\\""'],
  ['a = , b=""', 'a="",b=""'],
  ['a=中文 告警', 'a="中文 告警"'],
  ['a=\\d\\n\\', 'a="\\\\d\\n\\\\"'],
  ['job:x=y', 'job:x="y"'],
])('the classic grammar reads %s', (text, expected) => {
  expect(read(text)).toBe(expected);
});

test.each([
  ['"告警级别"="严重"', '告警级别="严重"'],
  ['告警级别=严重', '告警级别="严重"'],
  ['{ "a b"!~"x\\u4e2d\\t" , 1=2, }', '"a b"!~"x中\t",1="2"'],
  ['"a\\"b\\\\"="\\x41\\101"', '"a\\"b\\\\"="AA"'],
])('the grammar of all names reads %s', (text, expected) => {
  expect(read(text)).toBe(expected);
});

test.each([
  ['foo', 'foo'],
  ['1a', '1a'],
  ['a=b,,c=d', ''],
  [',', ''],
  ['foo="bar', 'foo="bar'],
  ['foo=b"ar', 'foo=b"ar'],
  ['"a"="b" c', '"a"="b" c'],
])('%s is refused, and the part that is wrong is named', (text, wrong) => {
  expect(parseMatchers(text)).toEqual({ wrong });
});

test('what is written is read again', () => {
  const matchers = [
    { name: 'a b', operator: '=~' as const, value: 'x"\\\n' },
    { name: 'severity', operator: '!=' as const, value: '' },
  ];
  expect(parseMatchers(formatMatchers(matchers))).toEqual({ matchers });
});

function holds(text: string, labels: Record<string, string>): boolean {
  const parsed = parseMatchers(text);
  return 'matchers' in parsed && matchesAll(parsed.matchers)(labels);
}

test.each([
  ['a="b"', { a: 'b' }, true],
  ['a="b"', {}, false],
  ['a=""', {}, true],
  ['a!="b"', {}, true],
  ['a=~"5.."', { a: '500' }, true],
  ['a=~"5.."', { a: '1500' }, false],
  ['a=~"x|y"', { a: 'xz' }, false],
  ['a=~".*"', {}, true],
  ['a=~".+"', {}, false],
  ['a!~"x|y"', { a: 'y' }, false],
  ['a!~"x|y"', {}, true],
  ['a=~"a.b"', { a: 'a\nb' }, true],
  ['a=~"(?i)PAY.*"', { a: 'payment' }, true],
  ['a=~"(?P<n>x)y"', { a: 'xy' }, true],
  ['a=~"a\\-b"', { a: 'a-b' }, true],
  ['a=~"\\Qa.b\\E"', { a: 'axb' }, false],
  ['a=~"[[:digit:]]+"', { a: '42' }, true],
  ['a=~"灵."', { a: '灵鲜' }, true],
  ['a="b",c="d"', { a: 'b', c: 'x' }, false],
  ['', { a: 'b' }, true],
])('%s holds against %o: %s', (text, labels, expected) => {
  expect(holds(text, labels as Record<string, string>)).toBe(expected);
});

test('a pattern that is none matches nothing', () => {
  expect(compile({ name: 'a', operator: '=~', value: '(' })).toBeNull();
  expect(matchesAll([{ name: 'a', operator: '!~', value: '(' }])({ a: 'b' })).toBe(false);
});

test('the API has flags for the operators, and none of them means equal', () => {
  for (const operator of ['=', '!=', '=~', '!~'] as const) {
    expect(fromWire(toWire({ name: 'a', operator, value: 'b' })).operator).toBe(operator);
  }
  expect(fromWire({ name: 'a', value: 'b', isRegex: false }).operator).toBe('=');
  expect(toWire({ name: 'a', operator: '!~', value: 'b' })).toEqual({ name: 'a', value: 'b', isRegex: true, isEqual: false });
});
