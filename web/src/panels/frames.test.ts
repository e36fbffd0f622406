import { expect, test } from 'vitest';
import type { QueryData } from '../lib/api/prometheus';
import { importBoard } from '../lib/grafana/import';
import { panelsOf } from '../lib/grafana/model';
import { displayName } from '../lib/grafana/names';
import { askedBy, type Circumstances } from './ask';
import { framesOf } from './frames';
import { toSeries } from './series';

const HERE: Circumstances = {
  scope: { values: new Map([['job', { value: ['a.b', 'c'], text: 'a.b + c', pattern: true }]]), zone: 'Asia/Shanghai' },
  range: { from: 1_800_000_003, to: 1_800_003_603 },
  points: 240,
  scrapeSeconds: 15,
};

function panel(json: Record<string, unknown>) {
  return panelsOf(importBoard({ panels: [{ type: 'timeseries', ...json }] }).board)[0]!;
}

test('a query is asked on whole steps with its variables', () => {
  const asked = askedBy(panel({ targets: [{ expr: 'rate(x{job=~"$job"}[$__rate_interval])', refId: 'A' }] }), HERE);
  expect(asked.questions[0]?.query).toEqual({
    id: '1/A',
    query: 'rate(x{job=~"(a\\\\.b|c)"}[1m])',
    start: 1_800_000_000,
    end: 1_800_003_600,
    step: 15,
  });
});

test('a panel with a range of its own asks for that', () => {
  const { range } = askedBy(panel({ timeFrom: '10m', timeShift: '1h', targets: [{ expr: 'x' }] }), HERE);
  expect(range).toEqual({ from: 1_800_003_603 - 600 - 3600, to: 1_800_003_603 - 3600 });
});

test('a table with an instant query asks for one moment; hidden queries are not asked', () => {
  const targets = [{ expr: 'x', instant: true, range: true, format: 'table' }, { expr: 'y', hide: true }];
  const { questions } = askedBy(panel({ type: 'table', targets }), HERE);
  expect(questions.map(({ query }) => query)).toEqual([{ id: '1/A', query: 'x', time: 1_800_003_603 }]);
});

function draw(json: Record<string, unknown>, ...data: QueryData[]) {
  const one = panel(json);
  const { questions, scope } = askedBy(one, HERE);
  return framesOf(one, questions.map((question, index) => ({ question, data: data[index]! })), scope);
}

test('missing points are gaps, and labels that differ are the names', () => {
  const result = [
    { metric: { __name__: 'x', job: 'a', instance: 'i' }, values: [[1_800_000_000, '1'], [1_800_000_030, '2']] as [number, string][] },
    { metric: { __name__: 'x', job: 'b', instance: 'i' }, values: [[1_800_003_600, '3']] as [number, string][] },
  ];
  const frames = draw({ targets: [{ expr: 'x' }] }, { resultType: 'matrix', result });
  const { times, series } = toSeries(frames, { zone: 'UTC', theme: 'dark' });
  expect(times.length).toBe(241);
  expect(series.map(({ name, values }) => [name, values.slice(0, 3), values[240]])).toEqual([
    ['a', [1, null, 2], null],
    ['b', [null, null, null], 3],
  ]);
});

test('a unit is guessed only where the author gave none', () => {
  const result = [{ metric: {}, values: [[1_800_000_000, '1']] as [number, string][] }];
  const expr = 'node_memory_MemFree_bytes';
  const unit = (json: Record<string, unknown>) => draw(json, { resultType: 'matrix', result })[0]?.fields[1]?.config.unit;
  expect(unit({ targets: [{ expr }] })).toBe('bytes');
  expect(unit({ targets: [{ expr }], fieldConfig: { defaults: { unit: 'short' } } })).toBe('short');
});

test('tables have a column a label and a value a query', () => {
  const vector: QueryData = { resultType: 'vector', result: [{ metric: { job: 'a' }, value: [10, '1'] }] };
  const targets = [{ expr: 'x', instant: true, format: 'table' }, { expr: 'y', instant: true, format: 'table' }];
  const frames = draw({ type: 'table', targets }, vector, vector);
  expect(frames.map((frame) => frame.fields.map((field) => displayName(field, frame, frames)))).toEqual([
    ['Time', 'job', 'Value #A'],
    ['Time', 'job', 'Value #B'],
  ]);
});

test('buckets of a histogram count only their own', () => {
  const point = (value: string): [number, string][] => [[1_800_000_000, value]];
  const result = [
    { metric: { le: '+Inf' }, values: point('9') },
    { metric: { le: '0.5' }, values: point('7') },
    { metric: { le: '0.1' }, values: point('4') },
  ];
  const [frame] = draw({ type: 'heatmap', targets: [{ expr: 'x', format: 'heatmap' }] }, { resultType: 'matrix', result });
  expect(frame?.fields.slice(1).map(({ name, values }) => [name, values[0]])).toEqual([['0.1', 4], ['0.5', 3], ['+Inf', 2]]);
});
