import { expect, test } from 'vitest';
import { importNow } from './import-now';
import { readVariable } from './read-variable';
import { repeated } from './repeat';
import { ALL, type VariableState } from './variables';

function state(name: string, chosen: string[], options = ['a', 'b', 'c', 'd', 'e']): VariableState {
  const list = options.map((value) => ({ text: value.toUpperCase(), value }));
  return { variable: readVariable({ name, type: 'custom', multi: true }), options: [{ text: 'All', value: ALL }, ...list], chosen, error: null };
}

/** Title, repetition and place of each panel, a list for each section. */
function laid(panels: object[], states: VariableState[]) {
  const { board } = importNow({ panels });
  return repeated(board, states).map(({ row, panels }) => [
    row && `${row.title} ${Object.values(row.scoped).map(({ text }) => text)}`.trim(),
    ...panels.map(({ title, scoped, grid: { x, y, w, h } }) => `${title} ${Object.values(scoped).map(({ value }) => value)} at ${x},${y} ${w}×${h}`),
  ]);
}

const at = (x: number, y: number, w = 12, h = 8) => ({ gridPos: { x, y, w, h } });
const chart = { type: 'timeseries', title: 'load', repeat: 'host', ...at(0, 0) };
const below = { type: 'stat', title: 'sum', ...at(0, 8) };

test.each<[string, object, string[], string[]]>([
  ['side by side, four in a line at most', {}, ['a', 'b', 'c', 'd', 'e'], ['load a at 0,0 6×8', 'load b at 6,0 6×8', 'load c at 12,0 6×8', 'load d at 18,0 6×8', 'load e at 0,8 6×8', 'sum  at 0,16 12×8']],
  ['two in a line', { maxPerRow: 2 }, ['a', 'b', 'c'], ['load a at 0,0 12×8', 'load b at 12,0 12×8', 'load c at 0,8 12×8', 'sum  at 0,16 12×8']],
  ['one alone takes the whole line', {}, ['b'], ['load b at 0,0 24×8', 'sum  at 0,8 12×8']],
  ['below each other', { repeatDirection: 'v' }, ['a', 'b'], ['load a at 0,0 12×8', 'load b at 0,8 12×8', 'sum  at 0,16 12×8']],
  ['all there are', { maxPerRow: 12 }, [ALL], ['load a at 0,0 4×8', 'load b at 4,0 4×8', 'load c at 8,0 4×8', 'load d at 12,0 4×8', 'load e at 16,0 4×8', 'sum  at 0,8 12×8']],
  ['nothing chosen leaves one', {}, [], ['load  at 0,0 12×8', 'sum  at 0,8 12×8']],
])('a panel: %s', (_, options, chosen, panels) => {
  expect(laid([{ ...chart, ...options }, below], [state('host', chosen)])).toEqual([[null, ...panels]]);
});

test('what stands beside a repeated panel keeps its place', () => {
  const panels = [{ ...chart, repeatDirection: 'v', ...at(0, 0, 12, 4) }, { type: 'stat', title: 'beside', ...at(12, 0, 12, 4) }, { ...below, ...at(0, 4) }];
  expect(laid(panels, [state('host', ['a', 'b'])])).toEqual([[null, 'load a at 0,0 12×4', 'load b at 0,4 12×4', 'beside  at 12,0 12×4', 'sum  at 0,8 12×8']]);
});

test('a row comes once for each value, with all in it; a panel that repeats by the same does not again', () => {
  const panels = [{ type: 'row', title: 'of', repeat: 'host', ...at(0, 0, 24, 1) }, { ...chart, ...at(0, 1) }];
  expect(laid(panels, [state('host', ['a', 'b'])])).toEqual([['of A', 'load a at 0,0 12×8'], ['of B', 'load b at 0,0 12×8']]);
});

test('a panel may repeat by another variable within a repeated row', () => {
  const panels = [{ type: 'row', title: 'of', repeat: 'host', ...at(0, 0, 24, 1) }, { ...chart, repeat: 'disk', ...at(0, 1) }];
  expect(laid(panels, [state('host', ['a']), state('disk', ['x', 'y'], ['x', 'y'])])).toEqual([['of A', 'load a,x at 0,0 12×8', 'load a,y at 12,0 12×8']]);
});

test('an unknown variable repeats nothing', () => {
  expect(laid([chart], [])).toEqual([[null, 'load  at 0,0 12×8']]);
});
