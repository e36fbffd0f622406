import { expect, test } from 'vitest';
import { byKey, changed, fitted, free, inOrder, packed, type Box } from './layout';

/** `1@0,0 12x8` */
function boxes(...texts: string[]): Box[] {
  return texts.map((text) => {
    const [, id, x, y, w, h] = /^(\d+)@(\d+),(\d+) (\d+)x(\d+)$/.exec(text)!.map(Number);
    return { id: id!, x: x!, y: y!, w: w!, h: h! };
  });
}

const written = (all: Box[]) => inOrder(all).map(({ id, x, y, w, h }) => `${id}@${x},${y} ${w}x${h}`);

test('a hole closes', () => {
  expect(written(packed(boxes('1@0,3 12x8', '2@12,20 12x4')))).toEqual(['1@0,0 12x8', '2@12,0 12x4']);
});

test('panels that lie on each other are put below each other, and none passes another', () => {
  expect(written(packed(boxes('1@0,0 12x8', '2@0,4 12x8')))).toEqual(['1@0,0 12x8', '2@0,8 12x8']);
  const all = boxes('1@12,0 12x8', '2@0,8 24x4', '3@0,12 6x4');
  expect(written(packed(all))).toEqual(written(all));
});

test('a panel that moves down lets the next one up', () => {
  const all = boxes('1@0,0 24x4', '2@0,4 24x4');
  expect(written(changed(all, 1, { y: 5 }))).toEqual(['2@0,0 24x4', '1@0,4 24x4']);
});

test('a panel that moves onto another pushes it down', () => {
  const all = boxes('1@0,0 12x8', '2@12,0 12x8');
  expect(written(changed(all, 2, { x: 0 }))).toEqual(['2@0,0 12x8', '1@0,8 12x8']);
});

test('a panel that grows pushes what is below, and nothing overlaps', () => {
  const all = boxes('1@0,0 12x4', '2@0,4 12x4', '3@12,0 12x4');
  expect(written(changed(all, 1, { w: 24, h: 6 }))).toEqual(['1@0,0 24x6', '2@0,6 12x4', '3@12,6 12x4']);
});

test('no panel leaves the grid or becomes too small', () => {
  expect(fitted({ x: 20, y: -3, w: 12, h: 1 })).toEqual({ x: 12, y: 0, w: 12, h: 2 });
  expect(fitted({ x: 3, y: 1, w: 99, h: 4 })).toEqual({ x: 0, y: 1, w: 24, h: 4 });
});

test('a new panel stands beside the last one, or below all', () => {
  expect(free(boxes('1@0,0 12x8'), 12, 8)).toEqual({ x: 12, y: 0, w: 12, h: 8 });
  expect(free(boxes('1@0,0 24x8'), 12, 8)).toEqual({ x: 0, y: 8, w: 12, h: 8 });
  expect(free([], 12, 8)).toEqual({ x: 0, y: 0, w: 12, h: 8 });
});

test('arrow keys move, with Shift they resize', () => {
  const all = boxes('1@0,0 12x4', '2@0,4 12x4');
  expect(written(byKey(all, 1, 'ArrowDown', false)!)).toEqual(['2@0,0 12x4', '1@0,4 12x4']);
  expect(written(byKey(all, 2, 'ArrowUp', false)!)).toEqual(['2@0,0 12x4', '1@0,4 12x4']);
  expect(written(byKey(all, 1, 'ArrowRight', false)!)).toEqual(['1@1,0 12x4', '2@0,4 12x4']);
  expect(written(byKey(all, 1, 'ArrowDown', true)!)).toEqual(['1@0,0 12x5', '2@0,5 12x4']);
  expect(byKey(all, 1, 'a', false)).toBeNull();
});
