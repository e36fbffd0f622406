// A confirmation says what, how many, how much money, and in which database.

import { expect, test } from 'vitest';
import type { Monitor, Preview, Refund, Shop } from '../api/shop';
import { preferences } from '../preferences.svelte';
import { goWish, pauseWish, resumeWish, retryWish, runGroupsWish, runOrdersWish, settleWish, stopWish } from './wish';

preferences.language = 'zh';

const monitor = (name: Monitor['name'], mode: Monitor['mode'], more: Partial<Monitor> = {}): Monitor => ({
  name, mode, acts: true, pausedBy: null, halted: null, refuses: null, error: null, found: 0, acted: 0, held: {}, quarantined: [], facts: {}, ...more,
});
const TIMEOUT = monitor('order_timeout', 'act');
const SHOP = {
  name: 'lx', database: 'PostgreSQL', provider: 'wechatpay', killSwitch: '/data/shop.stop', refunds: { capFen: 500_000 }, monitors: [TIMEOUT, monitor('refunds', 'observe')],
} as unknown as Shop;
const order = (key: string, fen: number, cancellable = true) => ({ order: key, number: `N${key}`, created: 0, fen, cancellable });
const PREVIEW: Preview = { at: 0, clock: 0, orders: [order('1', 1990), order('2', 100_000), order('3', 1, false)], pending: 9, groups: [], refunds: [], errors: [] };

test('acting on orders', () => {
  const wish = runOrdersWish(SHOP, TIMEOUT, PREVIEW.orders.slice(0, 2));
  expect(wish.title).toBe('真正执行：2 笔订单，共 ¥1,019.90');
  expect(wish.where).toBe('店铺 lx，数据库 PostgreSQL');
  expect(wish.says[0]).toContain('先问支付方并关单');
  expect(wish.says[1]).toBe('编号：N1, N2');
  expect(wish.command).toEqual({ path: 'monitors/order_timeout/run', keys: ['1', '2'] });
  const alone = runOrdersWish({ ...SHOP, provider: 'none' }, monitor('order_timeout', 'observe'), PREVIEW.orders.slice(0, 1));
  expect(alone.says.join()).toContain('没有支付方可问');
  expect(alone.says.join()).toContain('「观察」模式，但这次由你下令');
});

test('acting on groups says how many succeed and how many fail', () => {
  const group = (key: string, verdict: 'success' | 'failed' | 'late_member') => ({ group: key, order: null, paid: 1, required: 2, expiresAt: 0, verdict });
  const wish = runGroupsWish(SHOP, monitor('group_settle', 'act'), [group('1', 'success'), group('2', 'failed'), group('3', 'failed')]);
  expect([wish.title, wish.says[0]]).toEqual(['真正执行：3 个拼团', '这些拼团会真正结束：成团 1 个，解散 2 个；解散的成员进入退款。']);
  const late = runGroupsWish(SHOP, monitor('group_settle', 'act'), [group('order-8', 'late_member')]);
  expect(late.says[0]).toBe('1 笔拼团解散后才付款的订单进入退款，库存加回。');
  expect(late.command.keys).toEqual(['order-8']);
});

test('stopping and going on', () => {
  expect(stopWish(SHOP).says.join()).toContain('/data/shop.stop');
  const go = goWish(SHOP, PREVIEW);
  // What cannot be cancelled is not counted.
  expect(go.says).toEqual(['业务监控按各自的模式继续。', '真正执行的有：订单支付超时。', '订单支付超时按现在的情况：2 笔订单，共 ¥1,019.90。']);
  expect([go.grave, goWish({ ...SHOP, monitors: [] }, null).says[1]]).toEqual([true, '现在没有监控处于执行模式，不会改动任何数据。']);
});

test('pausing and resuming', () => {
  expect(pauseWish(SHOP, TIMEOUT, null).says).toEqual(['不再取消到期未付的订单，直到有人恢复。到期的订单会一直占着库存。']);
  const halted = resumeWish(SHOP, monitor('refunds', 'act', { halted: 'our_fault' }), null);
  expect(halted.says[0]).toBe('继续发出退款，每天最多 ¥5,000.00。');
  expect(halted.says[1]).toContain('支付方说我们的请求本身不对');
  expect(halted.command.path).toBe('monitors/refunds/resume');
});

test('retrying names the number and the money', () => {
  const refund = (state: Refund['state']) => ({ number: 'LSlx-6-f0', fen: 1990, state, open: true, replacedBy: null }) as Refund;
  expect(retryWish(SHOP, refund('HUMAN')).says).toEqual(['退款 LSlx-6-f0', '¥19.90 用新的退款单号退款。发出之前会先查询所有旧单号，已经退成的不会再退。']);
  expect(retryWish(SHOP, refund('UNKNOWN')).says[1]).toContain('单号不变');
  const settle = settleWish(SHOP, refund('HUMAN'));
  expect([settle.title, settle.command.path, settle.grave]).toEqual(['记为已人工退款', 'refunds/LSlx-6-f0/settle', true]);
  expect(settle.says[1]).toContain('¥19.90 已经用别的方式退给顾客');
});
