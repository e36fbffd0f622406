import { expect, test } from 'vitest';
import { frameOf, type Field } from '../lib/grafana/frame';
import { importNow } from '../lib/grafana/import-now';
import { panelsOf } from '../lib/grafana/model';
import { histogramBars, tableBars } from './bars';
import { heatOf } from './heat';
import { stateRows } from './states';

const LOOK = { zone: 'UTC', theme: 'dark' } as const;
const column = (name: string, type: Field['type'], values: unknown[], config = {}): Field => {
  // A colour of its own, as tests have no theme.
  return { name, type, values, config: { custom: {}, color: { mode: 'fixed', fixed: '#123456', by: 'last' }, ...config } };
};

function heatOptions(options: Record<string, unknown>) {
  const [panel] = panelsOf(importNow({ panels: [{ type: 'heatmap', options, targets: [] }] }).board);
  if (panel?.kind !== 'heatmap') throw new Error('no heatmap');
  return panel.options;
}

test('buckets that are given are rows, named in the unit of the axis', () => {
  const frame = frameOf([column('Time', 'time', [0, 1000]), column('0.1', 'number', [4, null]), column('+Inf', 'number', [1, 2])]);
  const heat = heatOf([frame], heatOptions({ calculate: false, yAxis: { unit: 's' } }));
  expect([heat.times, heat.rows, heat.cells, heat.min, heat.max]).toEqual([[0, 1], ['100 ms', '+Inf'], [[4, null], [1, 2]], 1, 4]);
});

test('values are counted between equal borders where there are no buckets', () => {
  const frames = [0, 5, 10].map((value) => frameOf([column('Time', 'time', [0]), column('v', 'number', [value])]));
  const heat = heatOf(frames, { ...heatOptions({ calculate: true }), buckets: 2 });
  expect(heat.cells).toEqual([[1], [2]]);
});

test('neighbours of one state are one stretch, and gaps belong to none', () => {
  const mappings = [{ type: 'value' as const, options: { '1': { text: 'UP' }, '0': { text: 'DOWN' } } }];
  const frame = frameOf([column('Time', 'time', [0, 1000, 2000, 3000]), column('up', 'number', [1, 1, null, 0], { mappings })]);
  const [row] = stateRows([frame], 4, true, LOOK);
  expect(row?.stretches.map(({ from, to, text }) => [from, to, text])).toEqual([[0, 2, 'UP'], [3, 4, 'DOWN']]);
});

test('rows of a table are categories; values are counted in round buckets', () => {
  const frame = frameOf([column('job', 'string', ['a', 'b']), column('v', 'number', [1, null])]);
  const bars = tableBars([frame], '', LOOK);
  expect([bars.categories, bars.series.map(({ name, bars: all }) => [name, all.map((bar) => bar?.value ?? null)])]).toEqual([['a', 'b'], [['v', [1, null]]]]);
  const histogram = histogramBars([frameOf([column('v', 'number', [0, 1, 1, 9])])], null, 5, LOOK);
  expect([histogram.categories, histogram.series[0]?.bars.map((bar) => bar?.value)]).toEqual([['0', '2', '4', '6', '8'], [3, 0, 0, 0, 1]]);
});
