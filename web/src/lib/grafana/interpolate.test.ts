import { expect, test } from 'vitest';
import { interpolatePattern, interpolateQuery, interpolateText, interpolateUrl, references, type Scope, type VariableValue } from './interpolate';
import { stepsFor } from './interval';

const values = new Map<string, VariableValue>([
  ['job', { value: 'api', text: 'API', pattern: false }],
  ['host', { value: ['10.0.0.1:9100', 'a|b'], text: '10.0.0.1:9100 + a|b', pattern: true }],
  ['one', { value: ['10.0.0.1:9100'], text: '10.0.0.1:9100', pattern: true }],
  ['single', { value: 'a.b', text: 'a.b', pattern: true }],
  ['all', { value: '.*', text: 'All', pattern: true, raw: true }],
  ['none', { value: [], text: '', pattern: true }],
  ['quote', { value: "it's \"x\"", text: 'x', pattern: false }],
]);
const steps = stepsFor({ range: 3_600_000, points: 240, minStep: undefined, scrape: 15_000, factor: 1 });
const scope: Scope = {
  values,
  range: { from: Date.UTC(2026, 10, 26, 4), to: Date.UTC(2026, 10, 26, 5) },
  steps,
  zone: 'Asia/Shanghai',
  board: { title: 'Shop', uid: 'u1' },
};

test.each([
  ['up{job="$job"}', 'up{job="api"}'],
  ['up{job="${job}"}', 'up{job="api"}'],
  ['up{job="[[job]]"}', 'up{job="api"}'],
  ['up{job="$jobs"}', 'up{job="$jobs"}'],
  ['up{h=~"$host"}', 'up{h=~"(10\\\\.0\\\\.0\\\\.1:9100|a\\\\|b)"}'],
  ['up{h=~"$one"}', 'up{h=~"10\\\\.0\\\\.0\\\\.1:9100"}'],
  ['up{h=~"$single"}', 'up{h=~"a\\\\.b"}'],
  ['up{h=~"$all"}', 'up{h=~".*"}'],
  ['up{h=~"$none"}', 'up{h=~"()"}'],
  ['up{h=~"${host:pipe}"}', 'up{h=~"10.0.0.1:9100|a|b"}'],
  ['${host:csv} ${host:raw} ${host:glob}', '10.0.0.1:9100,a|b 10.0.0.1:9100,a|b {10.0.0.1:9100,a|b}'],
  ['${host:regex}', '(10\\.0\\.0\\.1:9100|a\\|b)'],
  ['${host:json} ${job:json}', '["10.0.0.1:9100","a|b"] "api"'],
  ['${host:singlequote} ${quote:doublequote}', '\'10.0.0.1:9100\',\'a|b\' "it\'s \\"x\\""'],
  ['${host:sqlstring} ${quote:sqlstring}', "'10.0.0.1:9100','a|b' 'it''s \"x\"'"],
  ['${host:percentencode} ${quote:percentencode}', '%7B10.0.0.1%3A9100%2Ca%7Cb%7D it%27s%20%22x%22'],
  ['${host:queryparam}', 'var-host=10.0.0.1%3A9100&var-host=a%7Cb'],
  ['${job:text} ${job.text} [[job:text]]', 'API API API'],
  ['rate(x[$__rate_interval]) $__interval $__interval_ms', 'rate(x[1m]) 15s 15000'],
  ['x[$__range] ${__range_s} $__range_ms', 'x[3600s] 3600 3600000'],
  ['${__from} $__to', '1795665600000 1795669200000'],
  ['${__from:date} ${__from:date:seconds} ${__to:date:YYYY-MM-DD HH:mm}', '2026-11-26T04:00:00.000Z 1795665600 2026-11-26 13:00'],
  ['$__dashboard ${__dashboard:uid} $__timezone', 'Shop u1 Asia/Shanghai'],
  ['x $timeFilter y', 'x  y'],
  ['label_replace(x, "a", "$1", "b", "(.*)$")', 'label_replace(x, "a", "$1", "b", "(.*)$")'],
  ['${__data.fields.x} ${job.other}', '${__data.fields.x} ${job.other}'],
])('in a query: %s', (text, expected) => {
  expect(interpolateQuery(text, scope)).toBe(expected);
});

test('elsewhere: titles take the words, patterns and addresses escape', () => {
  expect(interpolateText('Load of $host on $job, $all', scope)).toBe('Load of 10.0.0.1:9100 + a|b on API, All');
  expect(interpolatePattern('/$one (.*)/', scope)).toBe('/10\\.0\\.0\\.1:9100 (.*)/');
  expect(interpolateUrl('/d/x?job=$job&h=$host', scope)).toBe('/d/x?job=api&h=10.0.0.1%3A9100,a%7Cb');
});

test('what a repetition stands for wins', () => {
  const scoped = { host: { value: 'a.b', text: 'A' } };
  expect(interpolateQuery('up{h=~"$host"}', { ...scope, scoped })).toBe('up{h=~"a\\\\.b"}');
  expect(interpolateText('$host', { ...scope, scoped })).toBe('A');
});

test('the names a text speaks of', () => {
  expect(references('label_values(up{job=~"$job", env="${env:pipe}"}, [[x]])')).toEqual(['job', 'env', 'x']);
});
