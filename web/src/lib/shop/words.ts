// The names that the server gives things, in words for people. A name that we do not know is shown as it is.

import { t, type Key, type Parameters } from '../../i18n';
import type { Monitor, MonitorName, Refund, ShopFinding } from '../api/shop';
import { findingText, saidText } from './said';

function word(key: string, name: string, parameters: Parameters = {}): string {
  const text = t(key as Key, parameters);
  return text === key ? name : text;
}

export const monitorName = (name: string) => word(`shop.monitor_${name}`, name);
export const modeName = (mode: string) => word(`shop.mode_${mode}`, mode);
export const kindName = (kind: string) => word(`shop.kind_${kind}`, kind);
export const heldName = (reason: string) => word(`shop.held_${reason}`, word(`shop.reason_${reason}`, reason));
/** How an order, a refund or a group stands. */
export const standing = (state: string) => word(`shop.state_${state}`, state);
export const stateHint = (state: string) => word(`shop.stateHint_${state}`, '');
export const ageName = (age: string) => word(`shop.age_${age}`, age);
export const outcomeName = (outcome: string) => word(`shop.outcome_${outcome}`, outcome);

/** Why a monitor does nothing, and what there is to do about it. */
export interface Advice {
  /** In a few words. */
  what: string;
  /** What the server says of it. */
  detail: string;
  todo: string;
}

export function refusalAdvice(refuses: { reason: string; detail: string }): Advice {
  const { reason, detail } = refuses;
  const todo = word(`shop.todo_${reason}`, '');
  if (reason === 'halted') return { ...haltAdvice(detail), what: word('shop.reason_halted', reason) };
  const by = { by: detail };
  if (reason === 'paused') return { what: t('shop.pausedBy', by), detail: '', todo };
  if (reason === 'callbacks') return { what: word('shop.reason_callbacks', reason), detail: t('shop.callbacksLate', { n: parseInt(detail, 10) || 0 }), todo };
  if (reason === 'provider') return { what: word('shop.reason_provider', reason), detail: t('shop.providerSilent', { n: parseInt(detail, 10) || 0 }), todo };
  if (reason === 'standby') return { what: word('shop.reason_standby', reason), detail: t('shop.standbyOf', { member: detail }), todo };
  return { what: word(`shop.reason_${reason}`, reason), detail: reason === 'mapping' ? findingText(detail) : saidText(detail), todo };
}

/** `share: 51 of 100 pending would go at once`, or a name alone. */
function haltAdvice(halted: string): Advice {
  const share = /^share: (\d+) of (\d+)/.exec(halted);
  const name = share === null ? halted : 'share';
  const parameters = { going: share?.[1] ?? '?', pending: share?.[2] ?? '?' };
  return { what: '', detail: word(`shop.halt_${name}`, halted, parameters), todo: word(`shop.haltTodo_${name}`, t('shop.todo_halted')) };
}

/** What one says of a monitor in a word: what keeps it from working comes before how far it may go. */
export function condition(monitor: Monitor): { tone: 'ok' | 'warning' | 'critical' | 'calm'; text: string } {
  if (monitor.error !== null) return { tone: 'critical', text: t('shop.failed') };
  if (monitor.refuses !== null) {
    const grave = ['halted', 'mapping', 'database'].includes(monitor.refuses.reason);
    return { tone: grave ? 'critical' : 'warning', text: word(`shop.reason_${monitor.refuses.reason}`, monitor.refuses.reason) };
  }
  return { tone: monitor.mode === 'act' ? 'ok' : 'calm', text: t('shop.works') };
}

const OF_ORDERS = ['would_cancel', 'cancelling', 'cancelled', 'found_cancelled', 'cancel_lost', 'paid_but_pending', 'customer_paying', 'cancel_postponed', 'paid_after_cancel'];
const OF_GROUPS = ['would_settle', 'settling', 'group_succeeded', 'group_failed', 'late_member_failed', 'settle_lost', 'settle_postponed'];
const OF_REFUNDS = ['orphan_payment', 'would_refund', 'refund_planned', 'refund_sent', 'refund_accepted', 'refund_done', 'refund_marked', 'refund_unknown', 'refund_waits_for_money', 'refund_dropped', 'refund_needs_human', 'refund_told', 'refund_retried', 'refund_settled_by_hand'];
const KINDS: Partial<Record<MonitorName, readonly string[]>> = { order_timeout: OF_ORDERS, group_settle: OF_GROUPS, refunds: OF_REFUNDS };
/** Every kind that an audit trail may hold. */
export const ALL_KINDS: readonly string[] = [
  ...OF_ORDERS, ...OF_GROUPS, ...OF_REFUNDS,
  'rows_mismatch', 'our_fault', 'paused', 'resumed', 'stopped', 'started', 'acted_by_hand', 'by_hand_not_done', 'tables_agreed', 'halted',
];

/** The day's facts that are one monitor's, in the order of what happens. */
export function factsOf(monitor: MonitorName, today: Record<string, number>): [kind: string, count: number][] {
  return (KINDS[monitor] ?? []).filter((kind) => (today[kind] ?? 0) > 0).map((kind) => [kind, today[kind] ?? 0]);
}

/** Whether a finding keeps monitors from acting, gravest first. */
export function inWeight(findings: readonly ShopFinding[]): ShopFinding[] {
  return [...findings].sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
}

/** Whether a person may say that the money was given back in some other way. */
export const canSettle = (refund: Refund) => refund.state === 'HUMAN' && refund.replacedBy === null;

/** What a person can have done with a refund: a new number, a question at once, nothing. */
export function retryOf(refund: Refund): 'anew' | 'ask' | null {
  if (refund.replacedBy !== null) return null;
  if (refund.state === 'HUMAN' || refund.state === 'FAILED') return 'anew';
  return refund.open ? 'ask' : null;
}
