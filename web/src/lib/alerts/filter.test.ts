import { expect, test } from 'vitest';
import { listed, searchOf, STATES, withCondition } from './filter';
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

test('a picked label becomes a condition, in place of words or of another value', () => {
  expect(withCondition('words', 'a', 'b"c')).toBe('a="b\\"c"');
  expect(withCondition('a="x", d=~"e"', 'a', 'b')).toBe('d=~"e", a="b"');
});
