import { expect, test } from 'vitest';
import { preferences } from '../preferences.svelte';
import { spanText } from './span';

test.each([
  [0, 2, '0 秒'],
  [10, 2, '10 秒'],
  [90, 2, '1 分钟 30 秒'],
  [3600, 2, '1 小时'],
  [3605, 2, '1 小时'],
  [4800, 2, '1 小时 20 分钟'],
  [4800, 1, '1 小时'],
  [59.6, 2, '1 分钟'],
  [7 * 86_400, 2, '1 周'],
  [90_000, 2, '1 天 1 小时'],
] as const)('%d seconds in %d parts are %s', (seconds, parts, expected) => {
  preferences.setLanguage('zh');
  expect(spanText(seconds, parts)).toBe(expected);
});
