import { expect, test } from 'vitest';
import { withQuery } from '../history.svelte';
import { columnsOf, linesOf, rowsOf, seriesNames, sorted, tabSeparated, type Row } from './results';

const row = (value: string, labels: Record<string, string> = {}): Row => ({ labels, value, time: 0 });
const values = (rows: Row[]) => rows.map((one) => one.value);

test('values are sorted as numbers, NaN last in both directions', () => {
  const rows = ['10', 'NaN', '9', '+Inf', '-Inf', '1e-3'].map((value) => row(value));
  expect(values(sorted(rows, { column: '', descending: false }))).toEqual(['-Inf', '1e-3', '9', '10', '+Inf', 'NaN']);
  expect(values(sorted(rows, { column: '', descending: true }))).toEqual(['+Inf', '10', '9', '1e-3', '-Inf', 'NaN']);
});

test('labels are sorted as people count', () => {
  const rows = ['node10', 'node2', ''].map((node) => row('1', { node }));
  expect(sorted(rows, { column: 'node', descending: false }).map((one) => one.labels.node)).toEqual(['', 'node2', 'node10']);
});

test('the metric is the first column', () => {
  expect(columnsOf([row('1', { job: 'a', __name__: 'up' }), row('1', { app: 'b' })])).toEqual(['__name__', 'app', 'job']);
});

test('a sheet holds every row, and a cell is no formula', () => {
  const rows = [row('1', { a: '=cmd()', b: 'x\ty' }), row('-2', { a: '-1' })];
  expect(tabSeparated(rows, ['a', 'b'], 'value')).toBe("a\tb\tvalue\n'=cmd()\tx y\t1\n-1\t\t-2");
});

test('an instant answer becomes rows, whatever its type', () => {
  expect(rowsOf({ resultType: 'scalar', result: [5, '7'] })).toEqual([{ labels: {}, value: '7', time: 5 }]);
  const matrix = { resultType: 'matrix' as const, result: [{ metric: { a: 'b' }, values: [[1, '1'], [2, '3']] as [number, string][] }] };
  expect(rowsOf(matrix)).toEqual([{ labels: { a: 'b' }, value: '3', time: 2 }]);
});

test.each([
  ['one series by its name', [{ __name__: 'up', job: 'a' }], ['up{job="a"}']],
  ['several by what differs', [{ __name__: 'up', job: 'a', zone: 'x' }, { __name__: 'up', job: 'b', zone: 'x' }], ['a', 'b']],
  ['by two labels', [{ a: '1', b: '1' }, { a: '1', b: '2' }, { a: '2' }], ['{a="1", b="1"}', '{a="1", b="2"}', '{a="2"}']],
  ['without labels by the expression', [{}], ['sum(up)']],
])('%s', (_, metrics, names) => {
  expect(seriesNames((metrics as unknown as Record<string, string>[]).map((metric) => ({ metric })), 'sum(up)')).toEqual(names);
});

test('lines have a value for each time, and gaps', () => {
  const series = [{ metric: {}, values: [[10, '1'], [30, 'NaN'], [40, '4']] as [number, string][] }];
  expect(linesOf(series, 10, 40, 10)).toEqual({ times: [10, 20, 30, 40], values: [[1, null, null, 4]] });
});

test('history keeps the last thirty, each once', () => {
  const many = Array.from({ length: 40 }, (_, n) => `q${n}`).reduce<string[]>(withQuery, []);
  expect(many).toHaveLength(30);
  expect(many[0]).toBe('q39');
  expect(withQuery(many, 'q20').slice(0, 2)).toEqual(['q20', 'q39']);
  expect(withQuery(many, '  ')).toEqual(many);
});
