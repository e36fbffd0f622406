import { expect, test } from 'vitest';
import { preferences } from '../../lib/preferences.svelte';
import { changeOf } from '../../lib/board';
import { TILES, type Tile } from '../../lib/tiles';
import { amountText, changeSpoken, valueText } from './words';

function tile(id: string): Tile {
  const found = TILES.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
}

test.each([
  ['cpu', 0.2341, '23.4%'],
  ['errors', 0.00123, '0.12%'],
  ['qps', 12.34, '12.3 次/秒'],
  ['latency', 0.0853, '85.3 ms'],
  ['orders', 1234, '1,234 单'],
  ['sales', 64012.6, '¥64,013'],
  ['network', 1234, '1.23 kB/s'],
  ['users', null, '– 人'],
] as const)('%s %d reads %s', (id, value, expected) => {
  preferences.setLanguage('zh');
  expect(valueText(tile(id), value)).toBe(expected.replace(/^– .*$/, '–'));
});

test.each([
  ['orders', 112, 100, '12%', '比昨天此刻上升 12%, 向好'],
  ['orders', 100, 100, '与昨天持平', '与昨天持平'],
  ['orders', 1300, 100, '13 倍', '比昨天此刻上升 13 倍, 向好'],
  ['orders', 3, 0, '昨天为 0', '昨天为 0'],
  ['payments', 0.92, 0.99, '7.0 个百分点', '比昨天同时段下降 7.0 个百分点, 变差'],
  ['qps', 10, 20, '50%', '比昨天同时段下降 50%'],
] as const)('%s: %d after %d reads %s', (id, value, yesterday, shown, spoken) => {
  preferences.setLanguage('zh');
  const change = changeOf(tile(id), value, yesterday);
  expect([amountText(tile(id), change), changeSpoken(tile(id), change)]).toEqual([shown, spoken]);
});
