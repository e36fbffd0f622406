import { expect, test } from 'vitest';
import { tiles } from './tiles';

test.each([
  [1, 300, 100, 1],
  [4, 800, 100, 4],
  [4, 200, 400, 1],
  [4, 400, 200, 2],
  [3, 1200, 100, 3],
])('%d tiles in %d × %d stand in %d columns', (count, width, height, columns) => {
  expect(tiles(count, width, height, 'auto').columns).toBe(columns);
});

test('an orientation that was chosen is kept', () => {
  expect(tiles(4, 800, 100, 'horizontal').columns).toBe(1);
  expect(tiles(4, 100, 800, 'vertical').columns).toBe(4);
});
