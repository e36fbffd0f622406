// Whatever name the server gives a thing, a person reads words; that they are in both languages is held by i18n.test.ts.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { translate, type Key } from '../../i18n';
import type { Monitor, Refund } from '../api/shop';
import { preferences } from '../preferences.svelte';
import { ALL_KINDS, condition, factsOf, heldName, inWeight, kindName, refusalAdvice, retryOf, standing } from './words';

preferences.language = 'en';

/** The texts that a Rust source holds where `pattern` says. */
function named(file: string, pattern: RegExp): string[] {
  const code = readFileSync(`../crates/${file}`, 'utf8');
  return [...code.matchAll(pattern)].map((found) => found[1] ?? '');
}

const has = (key: string) => translate('zh', key as Key) !== key && translate('en', key as Key) !== key;

test('every kind of fact that the monitors write has words', () => {
  const kinds = named('shop/src/act/fact.rs', /FactKind::\w+ => "(\w+)"/g);
  expect(kinds.length).toBeGreaterThan(25);
  const byPeople = named('lingshao/src/shop/handle.rs', /of\("(\w+)"/g);
  expect(byPeople).toContain('acted_by_hand');
  for (const kind of [...kinds, ...byPeople]) expect([kind, has(`shop.kind_${kind}`), ALL_KINDS.includes(kind)]).toEqual([kind, true, true]);
});

test('every reason, hold, outcome, halt and state has words', () => {
  const keeper = 'lingshao/src/shop/keeper';
  const reasons = ['mod', 'seen'].flatMap((part) => named(`${keeper}/${part}.rs`, /Refusal::new\("(\w+)"/g));
  expect(new Set(reasons)).toEqual(new Set(['standby', 'stopped', 'paused', 'halted', 'mapping', 'database', 'callbacks', 'provider']));
  for (const reason of reasons) expect([reason, has(`shop.reason_${reason}`) && has(`shop.todo_${reason}`)]).toEqual([reason, true]);
  for (const held of named(`${keeper}/gates.rs`, /Held::\w+ => "(\w+)"/g)) expect([held, has(`shop.held_${held}`)]).toEqual([held, true]);
  const outcomes = named(`${keeper}/figures.rs`, /\("(\w+)", figures\./g);
  expect(outcomes).toEqual(['paid', 'failed', 'closed', 'open']);
  for (const outcome of outcomes) expect([outcome, has(`shop.outcome_${outcome}`)]).toEqual([outcome, true]);
  const halts = named('shop/src/safety/gate.rs', /Halt::\w+(?: \{ \.\. \})? => "(\w+)"/g);
  expect(halts).toContain('share');
  for (const halt of halts) expect([halt, has(`shop.halt_${halt}`)]).toEqual([halt, true]);
  const states = named('shop/src/ledger.rs', / = "([A-Z]+)"/g);
  for (const state of ['PLANNED', 'SENT', 'ACCEPTED', 'DONE', 'FAILED', 'UNKNOWN', 'HUMAN']) {
    expect([state, states.includes(state) && has(`shop.state_${state}`)]).toEqual([state, true]);
  }
});

test('what is not known is shown as it is', () => {
  expect([kindName('moon_landing'), heldName('moon'), standing('MOON')]).toEqual(['moon_landing', 'moon', 'MOON']);
  expect(refusalAdvice({ reason: 'moon', detail: 'why' })).toEqual({ what: 'moon', detail: 'why', todo: '' });
});

test('a hold that is a refusal has the words of it', () => {
  expect(heldName('callbacks')).toBe('payment callbacks are down');
});

test('a halt says how many would have gone, and what to find out', () => {
  const advice = refusalAdvice({ reason: 'halted', detail: 'share: 51 of 100 pending would go at once' });
  expect(advice.detail).toBe('51 of the 100 that wait would go at once; that is too many.');
  expect(advice.todo).toContain('is payment down');
  expect(refusalAdvice({ reason: 'halted', detail: 'rows_mismatch' }).detail).toContain('rolled back');
  expect(refusalAdvice({ reason: 'halted', detail: 'quarantine' }).todo).toBe('Find the cause first, then press “Resume”.');
});

test('who has paused it how many callbacks are late and how silent the provider is is said', () => {
  expect(refusalAdvice({ reason: 'paused', detail: 'li' }).what).toBe('paused by li');
  expect(refusalAdvice({ reason: 'callbacks', detail: '3 late' }).detail).toBe('Paid orders that the shop does not know of: 3.');
  expect(refusalAdvice({ reason: 'provider', detail: '3 unclear' }).detail).toBe('Its last 3 answers said nothing of the payment.');
});

const MONITOR: Monitor = {
  name: 'order_timeout', mode: 'act', acts: true, pausedBy: null, halted: null, refuses: null, error: null, found: 0, acted: 0, held: {}, quarantined: [], facts: {},
};

test('what keeps a monitor from working comes before its mode', () => {
  expect(condition(MONITOR)).toEqual({ tone: 'ok', text: 'at work' });
  expect(condition({ ...MONITOR, mode: 'observe' }).tone).toBe('calm');
  expect(condition({ ...MONITOR, refuses: { reason: 'paused', detail: 'li' } })).toEqual({ tone: 'warning', text: 'paused' });
  expect(condition({ ...MONITOR, refuses: { reason: 'mapping', detail: '' } }).tone).toBe('critical');
  expect(condition({ ...MONITOR, error: 'timed out', refuses: { reason: 'paused', detail: 'li' } })).toEqual({ tone: 'critical', text: 'this tick failed' });
});

test('facts of the day stand with their monitor, in the order of what happens', () => {
  const today = { group_failed: 1, cancelled: 3, cancelling: 4, refund_done: 2, paused: 1 };
  expect(factsOf('order_timeout', today)).toEqual([['cancelling', 4], ['cancelled', 3]]);
  expect(factsOf('group_settle', today)).toEqual([['group_failed', 1]]);
  expect(factsOf('refunds', today)).toEqual([['refund_done', 2]]);
  expect(factsOf('figures', today)).toEqual([]);
});

test('errors come before warnings', () => {
  const of = (severity: 'error' | 'warning', place: string) => ({ severity, place, message: '' });
  expect(inWeight([of('warning', 'a'), of('error', 'b'), of('warning', 'c')]).map((one) => one.place)).toEqual(['b', 'a', 'c']);
});

test.each([
  ['HUMAN', true, 'anew'],
  ['HUMAN', false, 'anew'],
  ['FAILED', false, 'anew'],
  ['PLANNED', true, 'ask'],
  ['UNKNOWN', true, 'ask'],
  ['DONE', true, 'ask'],
  ['DONE', false, null],
] as const)('a refund that is %s (open: %s)', (state, open, expected) => {
  expect(retryOf({ state, open, replacedBy: null } as Refund)).toBe(expected);
  expect(retryOf({ state, open, replacedBy: 'LSlx-7-f1' } as Refund)).toBe(null);
});
