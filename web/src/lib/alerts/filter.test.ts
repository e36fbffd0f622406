import { expect, test } from 'vitest';
import { listed, searchOf, STATES, statesOf, withCondition } from './filter';
import type { Row } from './rows';

const ROW = { name: 'LowStock', labels: { alertname: 'LowStock', severity: 'warning' }, annotations: { summary: '库存预警' } } as unknown as Row;

test.each([
  ['', true, ''],
  ['库存 low', true, ''],
  ['nothing', false, ''],
  ['severity="warning"', true, ''],
  ['{severity="critical"}', false, ''],
  ['severity=~"warn.*", alertname!="X"', true, ''],
  // Still being typed.
  ['severity="war', true, 'severity="war'],
  ['severity=~"("', true, '('],
])('%s shows the row: %s', (text, shown, wrong) => {
  const search = searchOf(text);
  expect([search.matches(ROW), search.wrong]).toEqual([shown, wrong]);
});

test('lists in the address keep our order and know no strangers', () => {
  expect(listed(null, STATES, ['firing'])).toEqual(['firing']);
  expect(listed('quiet,firing,x', STATES, [])).toEqual(['firing', 'quiet']);
  expect(listed('', STATES, ['firing'])).toEqual([]);
});

test('who comes for certain alerts sees them in whatever state they are', () => {
  const rows = (...states: Row['state'][]) => states.map((state) => ({ state }) as Row);
  expect(statesOf(null, rows('firing', 'silenced'), true)).toEqual(['firing', 'pending']);
  expect(statesOf(null, rows('silenced'), true)).toEqual(STATES);
  expect(statesOf(null, rows('silenced'), false)).toEqual(['firing', 'pending']);
  expect(statesOf('quiet', rows('silenced'), true)).toEqual(['quiet']);
});

test('a picked label becomes a condition, in place of words or of another value', () => {
  expect(withCondition('words', 'a', 'b"c')).toBe('a="b\\"c"');
  expect(withCondition('a="x", d=~"e"', 'a', 'b')).toBe('d=~"e", a="b"');
});
