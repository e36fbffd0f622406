import { TRANSFORMERS } from './transform/all';
import { expect, test } from 'vitest';
import type { QueryAnswer, QueryData } from '../api/prometheus';
import { batchOf, framesOf, panelRange, queriesOf, queryId, shown } from './data';
import { importNow } from './import-now';
import type { Scope, VariableValue } from './interpolate';
import { panelsOf, type Panel } from './model';
import { displayName } from './names';

const NOW = 1_800_000_000;
const scope: Scope = {
  values: new Map<string, VariableValue>([['job', { value: 'api', text: 'API', pattern: false }]]),
  range: { from: (NOW - 3600) * 1000, to: NOW * 1000 },
  zone: 'UTC',
};
const asking = { scope, width: 240, scrape: 15_000, filters: [] };

function panelOf(json: object): Panel {
  const panel = panelsOf(importNow({ panels: [{ id: 1, type: 'timeseries', ...json }] }).board)[0];
  if (panel === undefined) throw new Error('no panel');
  return panel;
}

/** Names and values of the columns that a panel shows of the answers. */
function shownOf(json: object, ...data: QueryData[]): unknown[] {
  const panel = panelOf(json);
  const queries = queriesOf(panel, asking);
  const answers = new Map(queries.map(({ target }, index): [string, QueryAnswer] => [queryId(panel, target), { status: 'success', data: data[index] }]));
  const frames = shown(panel, framesOf(panel, queries, answers), scope, TRANSFORMERS);
  return frames.map((frame) => frame.fields.map((field) => [displayName(field, frame, frames), ...field.values]));
}

const instant = (...samples: [Record<string, string>, string][]): QueryData => ({ resultType: 'vector', result: samples.map(([metric, value]) => ({ metric, value: [NOW, value] })) });
const course = (...series: [Record<string, string>, ...[number, string][]][]): QueryData => ({
  resultType: 'matrix',
  result: series.map(([metric, ...points]) => ({ metric, values: points.map(([at, value]): [number, string] => [NOW + at, value]) })),
});

test.each<[string, object, object, object[]]>([
  ['a course', {}, { expr: 'up{job="$job"}' }, [{ id: '1/A', query: 'up{job="api"}', start: NOW - 3600, end: NOW, step: 15 }]],
  ['an instant', { type: 'stat' }, { expr: 'up', instant: true }, [{ id: '1/A', query: 'up', time: NOW }]],
  ['both, of which a chart wants the course', {}, { expr: 'up', instant: true, range: true }, [{ id: '1/A', query: 'up', start: NOW - 3600, end: NOW, step: 15 }]],
  ['both, of which a table wants the instant', { type: 'table' }, { expr: 'up', instant: true, range: true }, [{ id: '1/A', query: 'up', time: NOW }]],
  ['a step of its own', {}, { expr: 'rate(x[$__rate_interval])', interval: '1m' }, [{ id: '1/A', query: 'rate(x[4m])', start: NOW - 3600, end: NOW, step: 60 }]],
  ['few points', { maxDataPoints: 10 }, { expr: 'x[$__interval]' }, [{ id: '1/A', query: 'x[5m]', start: NOW - 3600, end: NOW, step: 300 }]],
  ['a range of its own, earlier', { timeFrom: '1h', timeShift: '1d' }, { expr: 'x' }, [{ id: '1/A', query: 'x', start: NOW - 3600 - 86_400, end: NOW - 86_400, step: 15 }]],
  ['hidden', {}, { expr: 'x', hide: true }, []],
  ['empty', {}, { expr: '  ' }, []],
])('it asks for %s', (_, panel, target, batch) => {
  const asked = panelOf({ ...panel, targets: [target] });
  expect(batchOf(asked, queriesOf(asked, asking))).toEqual(batch);
});

test('the last two hours of a longer board', () => {
  expect(panelRange(panelOf({ timeFrom: 'now-2h' }), { ...scope, range: { from: 0, to: 86_400_000 } })).toEqual({ from: 79_200_000, to: 86_400_000 });
});

test('repetitions ask under names of their own', () => {
  const panel = { ...panelOf({ targets: [{ expr: 'up{job="$job"}' }] }), scoped: { job: { text: 'DB', value: 'db' } } } as Panel;
  expect(batchOf(panel, queriesOf(panel, asking)).map(({ id, query }) => [id, query])).toEqual([['1/job=db/A', 'up{job="db"}']]);
});

const at = (...seconds: number[]) => seconds.map((one) => (NOW + one) * 1000);

test.each<[string, object, QueryData[], unknown[]]>([
  ['legend', { targets: [{ expr: 'up', legendFormat: '{{job}} on $job' }] }, [course([{ job: 'a' }, [-30, '1'], [-15, '2']])], [[['Time', ...at(-30, -15)], ['a on API', 1, 2]]]],
  ['gap', { targets: [{ expr: 'up' }] }, [course([{ __name__: 'up' }, [-45, '1'], [-15, 'NaN'], [0, '+Inf']])], [[['Time', ...at(-45, -30, -15, 0)], ['up', 1, null, NaN, Infinity]]]],
  ['names by what differs', { targets: [{ expr: 'up' }] }, [course([{ __name__: 'up', job: 'a', env: 'x' }, [0, '1']], [{ __name__: 'up', job: 'b', env: 'x' }, [0, '2']])], [[['Time', ...at(0)], ['a', 1]], [['Time', ...at(0)], ['b', 2]]]],
  ['the expression where there are no labels', { targets: [{ expr: 'sum(up)' }] }, [course([{}, [0, '1']])], [[['Time', ...at(0)], ['sum(up)', 1]]]],
  ['a number', { targets: [{ expr: '1' }] }, [{ resultType: 'scalar', result: [NOW, '1'] }], [[['Time', ...at(0)], ['1', 1]]]],
  ['a table', { type: 'table', targets: [{ expr: 'up', format: 'table', instant: true }] }, [instant([{ job: 'a' }, '1'], [{ job: 'b', zone: 'z' }, '0'])], [[['Time', ...at(0, 0)], ['job', 'a', 'b'], ['zone', '', 'z'], ['Value', 1, 0]]]],
  ['two tables merged', { type: 'table', transformations: [{ id: 'merge', options: {} }], targets: [{ expr: 'a', format: 'table', instant: true }, { expr: 'b', format: 'table', instant: true }] },
    [instant([{ job: 'a' }, '1']), instant([{ job: 'a' }, '2'])], [[['Time', ...at(0)], ['job', 'a'], ['Value #A', 1], ['Value #B', 2]]]],
  ['buckets, each without the lower ones', { type: 'heatmap', targets: [{ expr: 'b', format: 'heatmap' }] }, [course([{ le: '+Inf' }, [0, '9']], [{ le: '0.5' }, [0, '2']], [{ le: '1' }, [0, '5']])], [[['Time', ...at(0)], ['0.5', 2], ['1', 3], ['+Inf', 4]]]],
  ['names of overrides', { fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byRegexp', options: '/^u/' }, properties: [{ id: 'displayName', value: '${__field.labels.job} of $job (${__field.name})' }] }] }, targets: [{ expr: 'up' }] }, [course([{ job: 'a' }, [0, '1']])], [[['Time', ...at(0)], ['a of API (Value)', 1]]]],
  ['null as zero', { type: 'graph', nullPointMode: 'null as zero', targets: [{ expr: 'up' }] }, [course([{ __name__: 'up' }, [-30, '1'], [0, '2']])], [[['Time', ...at(-30, -15, 0)], ['up', 1, 0, 2]]]],
  ['no answer', { targets: [{ expr: 'up' }] }, [course()], []],
])('%s', (_, panel, data, expected) => {
  expect(shownOf(panel, ...data)).toEqual(expected);
});

test.each([
  [{}, 'reqps'],
  [{ fieldConfig: { defaults: { unit: 'ops' }, overrides: [] } }, 'ops'],
])('a unit is guessed only where the board gives none: %j', (json, unit) => {
  const panel = panelOf({ targets: [{ expr: 'rate(http_requests_total[1m])' }], ...json });
  const queries = queriesOf(panel, asking);
  const answers = new Map([['1/A', { status: 'success' as const, data: course([{}, [0, '1']]) }]]);
  expect(shown(panel, framesOf(panel, queries, answers), scope, null)[0]?.fields[1]?.config.unit).toBe(unit);
});
