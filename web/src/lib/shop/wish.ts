// What a person is about to have done, in words: what happens, to how many orders, how much money, in which database.

import { t } from '../../i18n';
import type { Command, Monitor, Preview, PreviewedGroup, PreviewedOrder, Refund, Shop } from '../api/shop';
import { total, yuan } from './money';
import { modeName, monitorName, refusalAdvice, retryOf } from './words';

export interface Wish {
  title: string;
  /** What will happen, a sentence each. */
  says: string[];
  /** Whose data. */
  where: string;
  command: Command;
  /** Whether it changes what customers see or who has the money. */
  grave: boolean;
}

const where = (shop: Shop) => t('shop.inShop', { shop: shop.name, database: shop.database });
const sum = (rows: readonly { fen: number }[]) => t('shop.orders', { n: rows.length, money: yuan(total(rows)) });

export function stopWish(shop: Shop): Wish {
  const says = [t('shop.saysStop'), t('shop.saysStopFile', { file: shop.killSwitch })];
  return { title: t('shop.actStop'), says, where: where(shop), command: { path: 'stop' }, grave: false };
}

export function goWish(shop: Shop, preview: Preview | null): Wish {
  const acting = shop.monitors.filter((monitor) => monitor.acts && monitor.mode === 'act');
  const names = acting.map((monitor) => monitorName(monitor.name)).join(', ');
  const says = [t('shop.saysGo'), acting.length === 0 ? t('shop.saysGoActsNone') : t('shop.saysGoActs', { names })];
  says.push(...acting.flatMap((monitor) => standsNow(monitor, preview)));
  return { title: t('shop.actGo'), says, where: where(shop), command: { path: 'go' }, grave: acting.length > 0 };
}

export function agreeWish(shop: Shop): Wish {
  return { title: t('shop.actAgree'), says: [t('shop.saysAgree')], where: where(shop), command: { path: 'tables/agree' }, grave: true };
}

/** What a monitor would find to do at this moment. */
function standsNow(monitor: Monitor, preview: Preview | null): string[] {
  if (preview === null) return [];
  const what = {
    order_timeout: sum(preview.orders.filter((order) => order.cancellable)),
    group_settle: t('shop.groups', { n: preview.groups.length }),
    refunds: sum(preview.refunds),
  }[monitor.name as 'order_timeout' | 'group_settle' | 'refunds'];
  return [t('shop.saysNow', { monitor: monitorName(monitor.name), what })];
}

type Acting = 'order_timeout' | 'group_settle' | 'refunds';

export function pauseWish(shop: Shop, monitor: Monitor, preview: Preview | null): Wish {
  const title = t('shop.actPause', { monitor: monitorName(monitor.name) });
  const says = [t(`shop.saysPause_${monitor.name as Acting}`), ...standsNow(monitor, preview)];
  return { title, says, where: where(shop), command: { path: `monitors/${monitor.name}/pause` }, grave: false };
}

export function resumeWish(shop: Shop, monitor: Monitor, preview: Preview | null): Wish {
  const says = [t(`shop.saysResume_${monitor.name as Acting}`, { money: yuan(shop.refunds.capFen) })];
  if (monitor.halted !== null) {
    says.push(t('shop.saysResumeHalted', { why: refusalAdvice({ reason: 'halted', detail: monitor.halted }).detail }));
  }
  says.push(t('shop.inMode', { mode: modeName(monitor.mode), hint: t(`shop.modeHint_${monitor.mode}`) }), ...standsNow(monitor, preview));
  const title = t('shop.actResume', { monitor: monitorName(monitor.name) });
  return { title, says, where: where(shop), command: { path: `monitors/${monitor.name}/resume` }, grave: monitor.mode === 'act' };
}

/** As many names as one reads. */
const NAMES_MAX = 8;

function runWish(shop: Shop, monitor: Monitor, keys: string[], names: string[], what: string, says: string[]): Wish {
  const first = names.slice(0, NAMES_MAX).join(', ');
  says.push(t('shop.saysWhich', { names: names.length > NAMES_MAX ? t('shop.saysMore', { names: first, n: names.length }) : first }));
  if (monitor.mode !== 'act') says.push(t('shop.saysRunMode', { mode: modeName(monitor.mode) }));
  says.push(t('shop.saysNoUndo'));
  const title = t('shop.actRun', { what });
  return { title, says, where: where(shop), command: { path: `monitors/${monitor.name}/run`, keys }, grave: true };
}

export function runOrdersWish(shop: Shop, monitor: Monitor, orders: PreviewedOrder[]): Wish {
  const says = [t(shop.provider === 'none' ? 'shop.saysRun_orderNoProvider' : 'shop.saysRun_order_timeout')];
  return runWish(shop, monitor, orders.map((order) => order.order), orders.map((order) => order.number), sum(orders), says);
}

export function runGroupsWish(shop: Shop, monitor: Monitor, groups: PreviewedGroup[]): Wish {
  const count = (verdict: PreviewedGroup['verdict']) => groups.filter((group) => group.verdict === verdict).length;
  const [success, failed, late] = [count('success'), count('failed'), count('late_member')];
  const says = success + failed > 0 ? [t('shop.saysRun_group_settle', { success, failed })] : [];
  if (late > 0) says.push(t('shop.saysRun_late_members', { late }));
  const keys = groups.map((group) => group.group);
  return runWish(shop, monitor, keys, keys, t('shop.groups', { n: groups.length }), says);
}

export function settleWish(shop: Shop, refund: Refund): Wish {
  const says = [t('shop.retryOf', { number: refund.number }), t('shop.saysSettle', { money: yuan(refund.fen) })];
  return { title: t('shop.actSettle'), says, where: where(shop), command: { path: `refunds/${encodeURIComponent(refund.number)}/settle` }, grave: true };
}

export function retryWish(shop: Shop, refund: Refund): Wish {
  const anew = retryOf(refund) === 'anew';
  const says = [
    t('shop.retryOf', { number: refund.number }),
    t(anew ? 'shop.saysAnew' : 'shop.saysAsk', { money: yuan(refund.fen) }),
  ];
  return { title: t('shop.actRetry'), says, where: where(shop), command: { path: `refunds/${encodeURIComponent(refund.number)}/retry` }, grave: anew };
}
