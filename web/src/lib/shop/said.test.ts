import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { said } from '../../i18n/zh/shopSaid';
import { saidText } from './said';

test.each([
  ['still pending', '订单仍在等付款'],
  ['3,99: it is not due, was tried another way, or statements cannot undo it', '3,99：还没到期，或者试过用别的方式付，或者 SQL 还不回去'],
  ['another trade of this order is not clear: was it paid twice?', '这个订单还有一笔支付没问清：是不是付了两次？'],
  ['it is larger than `fen_per_refund`', '超过单笔上限 `fen_per_refund`'],
  ['the provider knows no payment of this order: was it paid another way?', '支付方没有这个订单的付款：是不是用别的方式付的？'],
  ['the money already goes back as LSlx-6-f0', '这笔钱已经用 LSlx-6-f0 退了'],
  ['the newest order lies 8h ahead of the database\'s clock; 8 hours are China\'s distance from UTC: set `clock.column_zone` to the other of the two', '最新的订单比数据库时钟快 8h：正好是中国与 UTC 之差，请把 `clock.column_zone` 改成另一个'],
  ['step 1 changed 0 rows; it may change 1 to 1', '第 1 步改了 0 行，只许改 1 到 1 行；已回滚'],
  ['the provider sent word of it; asked, it says: CLOSED', '支付方发来过通知；去查询时说：CLOSED'],
  [
    'the customer is paying; the provider sent word of it; asked, it says: it knows no refund of this number',
    '顾客正在付款；后来支付方发来通知，去查询时说：没有这个退款单号',
  ],
  ['disk on fire', 'disk on fire'],
  ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
])('%s', (english, chinese) => {
  expect(saidText(english, 'zh')).toBe(chinese);
  expect(saidText(english, 'en')).toBe(english);
});

test('what the step machines say of an act has Chinese words', () => {
  for (const file of ['act/cancel', 'act/group', 'act/refund', 'sql/transact']) {
    const [code = ''] = readFileSync(`../crates/shop/src/${file}.rs`, 'utf8').split('#[cfg(test)]');
    // Texts of several words that stand as an argument or a reason, without gaps to be filled.
    const texts = [...code.matchAll(/(?:, |why = |=> |Mismatch\(|NotDone\(|^\s+)"([a-z][^"{}]* [^"{}]*)"/gm)].map(([, text = '']) => text);
    expect(texts.length, file).toBeGreaterThan(0);
    for (const text of texts) expect(said.some(([pattern]) => pattern.test(text)), text).toBe(true);
  }
});
