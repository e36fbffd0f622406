import { expect, test } from 'vitest';
import type { Silence } from '../api/alertmanager';
import { formatMatchers, parseMatchers, type Matcher } from './matchers';
import type { Row } from './rows';
import { affectedBy, covered, extended, inOrder, isBoundless, matchersOf, toggled, wireOf } from './silence';

function matchers(text: string): Matcher[] {
  const parsed = parseMatchers(text);
  if (!('matchers' in parsed)) throw new Error(text);
  return parsed.matchers;
}

const row = (labels: Record<string, string>, silencedBy: string[] = []) => ({ labels, silencedBy }) as unknown as Row;
const ROWS = [row({ alertname: 'A', id: '1' }, ['s1']), row({ alertname: 'A', id: '2' }), row({ alertname: 'B' })];

test('a silence for an alert holds for exactly that alert, its name first', () => {
  expect(formatMatchers(matchersOf({ zone: 'x', alertname: 'A', id: '1' }))).toBe('{alertname="A", id="1", zone="x"}');
  expect(covered(matchersOf({ alertname: 'A', id: '1' }), ROWS)).toEqual([ROWS[0]]);
});

test('fewer conditions cover more', () => {
  const fewer = toggled(matchers('alertname="A", id="1"'), 'id', '1');
  expect(formatMatchers(fewer)).toBe('{alertname="A"}');
  expect(covered(fewer, ROWS).length).toBe(2);
  expect(formatMatchers(toggled(matchers('alertname="A", id=~"1|2"'), 'id', '1'))).toBe('{alertname="A", id="1"}');
  expect(covered([], ROWS)).toEqual([]);
});

test.each([
  ['', true], ['a=~".*"', true], ['a!="b"', true], ['a="b"', false], ['a!="b", c="d"', false],
])('%s is boundless: %s', (text, expected) => {
  expect(isBoundless(matchers(text))).toBe(expected);
});

test('a draft becomes what the API takes', () => {
  expect(wireOf({ matchers: matchers('a!~"b"'), start: 0, seconds: 3600, author: 'ming', reason: 'moving' })).toEqual({
    matchers: [{ name: 'a', value: 'b', isRegex: true, isEqual: false }],
    startsAt: '1970-01-01T00:00:00.000Z',
    endsAt: '1970-01-01T01:00:00.000Z',
    createdBy: 'ming',
    comment: 'moving',
  });
});

function silence(id: string, state: Silence['status']['state'], start: number, end: number): Silence {
  const time = (minute: number) => new Date(minute * 60_000).toISOString();
  const wire = [{ name: 'alertname', value: 'A', isRegex: false, isEqual: true }];
  return { id, status: { state }, matchers: wire, startsAt: time(start), endsAt: time(end), updatedAt: time(start), createdBy: 'm', comment: 'c' };
}

test('a silence is extended from its end, and keeps its id', () => {
  const longer = extended(silence('s', 'active', 0, 10), 600);
  expect([longer.id, longer.startsAt, longer.endsAt]).toEqual(['s', '1970-01-01T00:00:00.000Z', '1970-01-01T00:20:00.000Z']);
});

test('silences stand by what happens next', () => {
  const all = [
    silence('gone', 'expired', 0, 1), silence('just gone', 'expired', 0, 5), silence('later', 'pending', 30, 40),
    silence('soon', 'pending', 20, 90), silence('long', 'active', 0, 60), silence('short', 'active', 0, 15),
  ];
  expect(inOrder(all).map((one) => one.id)).toEqual(['short', 'long', 'soon', 'later', 'just gone', 'gone']);
});

test('a silence affects what the server says, or will affect what it matches', () => {
  expect(affectedBy(silence('s1', 'active', 0, 9), ROWS)).toEqual([ROWS[0]]);
  expect(affectedBy(silence('s9', 'pending', 0, 9), ROWS).length).toBe(2);
  expect(affectedBy(silence('s1', 'expired', 0, 9), ROWS)).toEqual([]);
});
