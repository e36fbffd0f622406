import { expect, test } from 'vitest';
import type { QueryAnswer } from '../lib/api/prometheus';
import { framesOf, queriesOf, queryId, shown } from '../lib/grafana/data';
import { importNow } from '../lib/grafana/import-now';
import type { Scope } from '../lib/grafana/interpolate';
import { panelsOf } from '../lib/grafana/model';
import { seriesCount, thresholdsOf, toSeries } from './series';
import { valuesOf } from './values';

const LOOK = { zone: 'UTC', theme: 'dark' } as const;
const SCOPE: Scope = { values: new Map(), zone: 'UTC', range: { from: 1_800_000_000_000, to: 1_800_003_600_000 } };

type Series = [labels: Record<string, string>, points: [at: number, value: string][]];

function answer(series: Series[]): QueryAnswer {
  const result = series.map(([metric, points]) => ({
    metric,
    values: points.map(([at, value]): [number, string] => [1_800_000_000 + at, value]),
  }));
  return { status: 'success', data: { resultType: 'matrix', result } };
}

/** Draws a panel with an answer for each of its queries. */
function drawnAll(json: Record<string, unknown>, answers: Series[][]) {
  const targets = answers.map((_, index) => ({ expr: `x${index}`, interval: index === 0 ? '15s' : '20s' }));
  const panel = panelsOf(importNow({ panels: [{ type: 'timeseries', targets, ...json }] }).board)[0]!;
  const queries = queriesOf(panel, { scope: SCOPE, width: 240, scrape: 15_000, filters: [] });
  const given = new Map(queries.map(({ target }, index) => [queryId(panel, target), answer(answers[index]!)]));
  const frames = shown(panel, framesOf(panel, queries, given), SCOPE, null);
  return { panel, frames };
}

const drawn = (json: Record<string, unknown>, ...series: Series[]) => drawnAll(json, [series]);

test('series with different steps share one row of times, without gaps of each other', () => {
  const { frames } = drawnAll({}, [[[{ job: 'a' }, [[0, '1'], [30, '2']]]], [[{ job: 'b' }, [[0, '3'], [40, '+Inf']]]]]);
  const { times, series } = toSeries(frames, LOOK);
  expect(times.slice(0, 6)).toEqual([0, 15, 20, 30, 40].map((at) => 1_800_000_000 + at));
  expect(series.map(({ values }) => values.slice(0, 5))).toEqual([
    [1, null, undefined, 2, undefined],
    [3, undefined, null, undefined, null],
  ]);
});

test('fifty lines are drawn, and it is told how many there are', () => {
  const many = Array.from({ length: 80 }, (_, index): Series => [{ i: String(index) }, [[0, '1']]]);
  const { frames } = drawn({}, ...many);
  expect([toSeries(frames, LOOK).series.length, seriesCount(frames)]).toEqual([50, 80]);
});

test('a field says how its line looks', () => {
  const custom = {
    drawStyle: 'line',
    lineInterpolation: 'stepAfter',
    fillOpacity: 25,
    lineWidth: 3,
    stacking: { mode: 'percent', group: 'g' },
    transform: 'negative-Y',
    axisPlacement: 'right',
    spanNulls: 60_000,
    lineStyle: { fill: 'dash', dash: [4, 2] },
  };
  const defaults = { unit: 'bytes', color: { mode: 'fixed', fixedColor: '#123456' }, custom };
  const [line] = toSeries(drawn({ fieldConfig: { defaults } }, [{}, [[0, '1']]]).frames, LOOK).series;
  expect(line).toMatchObject({
    style: 'step', fill: 0.25, width: 3, stack: 'g', percent: true, negate: true, axis: 'right', spanNulls: 60, dash: [4, 2],
    unit: 'bytes', color: '#123456',
  });
});

test('a percentage threshold lies between the bounds', () => {
  const thresholds = { mode: 'percentage', steps: [{ value: null, color: 'green' }, { value: 50, color: 'red' }] };
  const custom = { thresholdsStyle: { mode: 'line+area' } };
  const { panel } = drawn({ fieldConfig: { defaults: { min: 0, max: 10, thresholds, custom } } });
  const marks = thresholdsOf(panel.fields.defaults, LOOK);
  expect([marks.style, marks.thresholds.map(({ value }) => value)]).toEqual(['both', [-Infinity, 5]]);
});

test('a stat shows the last value with its unit, its trend and its change', () => {
  const json = { type: 'stat', fieldConfig: { defaults: { unit: 'percentunit' } } };
  const { panel, frames } = drawn(json, [{ job: 'a' }, [[0, '0.2'], [15, '0.25'], [30, 'NaN']]]);
  if (panel.kind !== 'stat') throw new Error(panel.kind);
  const [value] = valuesOf(frames, panel.options.reduce, LOOK).values;
  expect([value?.text, value?.change?.toFixed(2), value?.trend?.values.length]).toEqual(['25%', '0.25', 3]);
});
