import { expect, test } from 'vitest';
import { accepted, clauseSuggestions, fixedValues, placeAt, valueSuggestions, type Place } from './complete';

const FIELDS = [
  { name: 'path', records: 900 },
  { name: 'process_time', records: 900 },
  { name: 'level', records: 1000 },
  { name: 'http.path info', records: 5 },
];

/** The query with `|` where the caret is. */
function at(marked: string): Place {
  return placeAt(marked.replace('|', ''), marked.indexOf('|'));
}

function told(place: Place): string {
  const range = `${place.from}-${place.to}`;
  return place.kind === 'value' ? `value of ${place.field} ${range} "${place.prefix}"` : `clause ${range} "${place.prefix}"${place.joins ? ' joins' : ''}`;
}

test.each([
  ['|', 'clause 0-0 ""'],
  ['pa|', 'clause 0-2 "pa"'],
  ['pa|th', 'clause 0-4 "pa"'],
  ['path:|', 'value of path 5-5 ""'],
  ['pa|th:x', 'clause 0-5 "pa"'],
  ['path:/api|', 'value of path 5-9 "/api"'],
  ['path:"/ap|', 'value of path 5-9 "/ap"'],
  ['level:ERROR |', 'clause 12-12 "" joins'],
  ['level:ERROR A|', 'clause 12-13 "A" joins'],
  ['level:ERROR AND |', 'clause 16-16 ""'],
  ['level:ERROR AND st|', 'clause 16-18 "st"'],
  ['process_time:>|', 'value of process_time 14-14 ""'],
  ['process_time:>2|', 'value of process_time 14-15 "2"'],
  ['level:(|', 'value of level 7-7 ""'],
  ['level:(ERROR OR |', 'value of level 16-16 ""'],
  ['level:(ERROR OR CR|)', 'value of level 16-18 "CR"'],
  ['(level:ERROR OR |', 'clause 16-16 ""'],
  ['level: |', 'clause 7-7 ""'],
  ['http.user\\ agent:We|', 'value of http.user agent 17-19 "We"'],
  ['(|', 'clause 1-1 ""'],
])('%s', (marked, expected) => {
  expect(told(at(marked))).toBe(expected);
});

test('fields that begin so come first, operators only behind a condition', () => {
  const labels = (marked: string) => clauseSuggestions(at(marked) as Place & { kind: 'clause' }, FIELDS).map(({ label }) => label);
  expect(labels('p|')).toEqual(['path', 'process_time', 'http.path info']);
  expect(labels('a |')).toEqual(['AND', 'OR', 'AND NOT', 'level', 'path', 'process_time', 'http.path info']);
  expect(labels('a a|')).toEqual(['AND', 'AND NOT', 'path', 'http.path info']);
});

test('levels and stretches of time are known', () => {
  const fixed = (marked: string) => fixedValues(at(marked) as Place & { kind: 'value' })?.map(({ text }) => text);
  expect(fixed('level:e|')).toEqual(['ERROR']);
  expect(fixed('timestamp:|')).toContain('[now-1h TO now]');
  expect(fixed('path:|')).toBeUndefined();
});

test.each([
  ['pa|', 'path', 'path:|'],
  ['a AND le|', 'level', 'a AND level:|'],
  ['htt|', 'http.path info', 'http.path\\ info:|'],
  ['level:ERROR |', 'AND', 'level:ERROR AND |'],
])('%s takes %s', (marked, label, expected) => {
  const place = at(marked) as Place & { kind: 'clause' };
  const suggestion = clauseSuggestions(place, FIELDS).find((one) => one.label === label);
  if (suggestion === undefined) throw new Error('not suggested');
  const { query, caret } = accepted(marked.replace('|', ''), place, suggestion);
  expect(`${query.slice(0, caret)}|${query.slice(caret)}`).toBe(expected);
});

test('a value is quoted where it must be, and the next condition may follow', () => {
  const [path, plain] = valueSuggestions([{ value: '/api/v1', count: 3 }, { value: 'shop', count: 2 }, { value: null, count: 1 }]);
  expect([path?.text, plain?.text]).toEqual(['"/api/v1"', 'shop']);
  expect(accepted('path:/a', at('path:/a|'), path!)).toEqual({ query: 'path:"/api/v1" ', caret: 15 });
  expect(accepted('(s:x)', at('(s:x|)'), plain!)).toEqual({ query: '(s:shop)', caret: 7 });
});
