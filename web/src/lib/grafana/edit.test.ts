import { expect, test } from 'vitest';
import { emptyBoard, panelIn, withCopy, withLayout, withNewPanel, withPanel, withPanelValue, withQuery, withVariable } from './edit';
import { importNow } from './import-now';
import { readBoard } from './read-board';
import { objects, type JsonObject } from './json';
import { panelsOf } from './model';

function board(...panels: JsonObject[]): JsonObject {
  return importNow({ title: 'b', panels }).board.json;
}

const places = (json: JsonObject) => objects(json.panels).map(({ id, gridPos }) => [id, gridPos]);

test('a change leaves the old board as it was', () => {
  const before = board({ type: 'stat', title: 'a' });
  const after = withPanelValue(before, 1, 'fieldConfig.defaults.unit', 'bytes');
  expect(panelsOf(readBoard(after))[0]?.fields.defaults.unit).toBe('bytes');
  expect(panelsOf(readBoard(before))[0]?.fields.defaults.unit).toBeUndefined();
});

test('panels in closed rows are found, changed and taken away', () => {
  const before = board({ type: 'row', collapsed: true, panels: [{ type: 'stat', id: 7, title: 'in' }] });
  expect(panelIn(before, 7)?.title).toBe('in');
  expect(panelIn(withPanelValue(before, 7, 'title', 'new'), 7)?.title).toBe('new');
  expect(panelIn(withPanel(before, 7, () => null), 7)).toBeUndefined();
});

test('a new panel lies below all, a copy below its original', () => {
  const before = board({ type: 'timeseries', gridPos: { x: 0, y: 0, w: 24, h: 5 } });
  const { json, id } = withNewPanel(before, 'stat', 'fresh');
  expect([id, panelIn(json, id)?.gridPos]).toEqual([2, { x: 0, y: 5, w: 6, h: 4 }]);
  expect(panelIn(withCopy(before, 1).json, 2)?.gridPos).toEqual({ x: 0, y: 5, w: 24, h: 5 });
});

test('a query becomes a chart below all others, those in closed rows too, with a unit', () => {
  const inRow = { id: 9, type: 'stat', gridPos: { x: 0, y: 20, w: 24, h: 6 } };
  const before = { title: 'b', panels: [{ id: 2, gridPos: { x: 0, y: 0, w: 12, h: 8 } }, { id: 3, type: 'row', collapsed: true, panels: [inRow] }] };
  const after = withQuery(before, 'QPS', 'sum(rate(http_requests_total[5m]))');
  expect(panelIn(after, 10)).toMatchObject({
    title: 'QPS',
    gridPos: { x: 0, y: 26, w: 12, h: 8 },
    targets: [{ refId: 'A', expr: 'sum(rate(http_requests_total[5m]))' }],
    fieldConfig: { defaults: { unit: 'reqps' } },
  });
  expect(before.panels).toHaveLength(2);
  expect(panelIn(withQuery(emptyBoard('new'), 'up', 'up'), 1)).toMatchObject({ gridPos: { y: 0 }, fieldConfig: { defaults: { unit: 'short' } } });
});

test('sections follow each other; closed rows keep their panels inside', () => {
  const before = board(
    { type: 'stat', id: 1, gridPos: { x: 0, y: 0, w: 6, h: 4 } },
    { type: 'row', id: 2, collapsed: true, gridPos: { x: 0, y: 4, w: 24, h: 1 }, panels: [{ type: 'stat', id: 3, gridPos: { x: 0, y: 5, w: 6, h: 4 } }] },
    { type: 'row', id: 4, collapsed: false, gridPos: { x: 0, y: 5, w: 24, h: 1 } },
    { type: 'stat', id: 5, gridPos: { x: 0, y: 6, w: 6, h: 4 } },
  );
  const laid = withLayout(before, [
    { row: null, boxes: [{ id: 1, x: 0, y: 0, w: 6, h: 6 }] },
    { row: 2, boxes: [{ id: 3, x: 6, y: 0, w: 6, h: 4 }] },
    { row: 4, boxes: [{ id: 5, x: 0, y: 0, w: 6, h: 4 }] },
  ]);
  expect(places(laid)).toEqual([
    [1, { x: 0, y: 0, w: 6, h: 6 }],
    [2, { x: 0, y: 6, w: 24, h: 1 }],
    [4, { x: 0, y: 7, w: 24, h: 1 }],
    [5, { x: 0, y: 8, w: 6, h: 4 }],
  ]);
  expect(panelIn(laid, 3)?.gridPos).toEqual({ x: 6, y: 7, w: 6, h: 4 });
  expect(readBoard(laid).sections.map(({ row, panels }) => [row?.id ?? null, panels.map(({ id }) => id)])).toEqual([
    [null, [1]], [2, [3]], [4, [5]],
  ]);
});

test('variables are added, changed and taken away by name', () => {
  const one = withVariable(board(), 'job', { name: 'job', type: 'custom', query: 'a,b' });
  const two = withVariable(one, 'job', { name: 'job', type: 'custom', query: 'c' });
  expect(readBoard(two).variables.map(({ name, query }) => [name, query])).toEqual([['job', 'c']]);
  expect(readBoard(withVariable(two, 'job', null)).variables).toEqual([]);
});
