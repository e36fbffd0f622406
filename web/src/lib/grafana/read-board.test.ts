import { expect, test } from 'vitest';
import { importNow } from './import-now';
import { isToday, readBoard } from './read-board';

const panel = { id: 1, type: 'stat', gridPos: { x: 0, y: 0, w: 6, h: 4 }, targets: [{ refId: 'A', expr: 'up' }] };
const row = { id: 2, type: 'row', gridPos: { x: 0, y: 4, w: 24, h: 1 }, collapsed: true, panels: [{ ...panel, id: 3, type: 'timeseries' }] };
const board = (...panels: object[]) => ({ title: 'x', schemaVersion: 39, panels });

test.each<[string, unknown, boolean]>([
  ['as we save it', board(panel, row), true],
  ['of another age', { ...board(panel), schemaVersion: 30 }, false],
  ['with rows of the old kind', { ...board(panel), rows: [] }, false],
  ['with inputs', { ...board(panel), __inputs: [] }, false],
  ['without panels', { title: 'x', schemaVersion: 39 }, false],
  ['wrapped', { dashboard: board(panel) }, false],
  ['a kind that is gone', board({ ...panel, type: 'graph' }), false],
  ['an id twice', board(panel, { ...panel }), false],
  ['no id', board({ ...panel, id: undefined }), false],
  ['no place', board({ ...panel, gridPos: undefined }), false],
  ['a place outside', board({ ...panel, gridPos: { x: 20, y: 0, w: 6, h: 4 } }), false],
  ['a query without a name', board({ ...panel, targets: [{ expr: 'up' }] }), false],
  ['options of Grafana 6', board({ ...panel, options: { fieldOptions: {} } }), false],
  ['a saved repetition', board({ ...panel, repeatPanelId: 1 }), false],
])('%s', (_, json, expected) => {
  expect(isToday(json)).toBe(expected);
  if (isToday(json)) expect(readBoard(json)).toEqual(importNow(json).board);
});
