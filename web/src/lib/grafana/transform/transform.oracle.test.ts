// @vitest-environment jsdom
// Transformations against Grafana's, value by value, over made-up series and tables. Left out, as ours is right there: an
// outer join of tables by a number doubles rows in Grafana, `reduce` loses values of columns whose types differ between
// frames, and an excluding filter counts the rows of the first frame for all.

import { TRANSFORMERS } from './all';
import type { DataFrame } from '@grafana/data';
import { expect, test, vi } from 'vitest';
import { readTransformations, transform } from '.';
import type { Frame } from '../frame';
import type { Json } from '../json';
import { displayName } from '../names';
import { grafana, seen, theirs } from '../oracle';
import { LABELS, Random } from '../random';

// It warns of each filter on a column that a table lacks.
vi.spyOn(console, 'warn').mockImplementation(() => undefined);

grafana.standardTransformersRegistry.setInit(() =>
  [...new Set(Object.values(grafana.standardTransformers))].map((one) => ({
    id: one.id,
    name: one.name,
    aliasIds: one.aliasIds,
    transformation: () => Promise.resolve(one),
    editor: () => null,
    imageDark: '',
    imageLight: '',
  })) as never,
);

function transformed(frames: Frame[], configs: { id: string; options: object }[]): Promise<DataFrame[]> {
  return new Promise((resolve, reject) => {
    grafana.transformDataFrame(configs, theirs(frames), { interpolate: (text) => text }).subscribe({ next: resolve, error: reject });
  });
}

async function compare(frames: Frame[], configs: { id: string; options: object }[], what: string): Promise<void> {
  const expected = await transformed(frames, configs);
  for (const field of expected.flatMap(({ fields }) => fields)) {
    field.state = undefined;
  }
  const ours = transform(frames, readTransformations(configs as unknown as Json), TRANSFORMERS);
  const name = (list: Frame[]) => (field: number, frame: number) => displayName(list[frame]!.fields[field]!, list[frame]!, list);
  const theirName = (field: number, frame: number) => grafana.getFieldDisplayName(expected[frame]!.fields[field]!, expected[frame]!, expected);
  expect(seen(ours, name(ours)), what).toEqual(seen(counted(expected), theirName));
}

function counted(frames: DataFrame[]): DataFrame[] {
  return frames.map((frame) => ({ ...frame, length: frame.fields[0]?.values.length ?? 0 }));
}

/** Series of several queries, some with a legend. */
function series(random: Random): Frame[] {
  const legends = random.chance(0.5);
  return LABELS.slice(0, 1 + random.below(3)).map((labels, index) => random.series(legends ? `legend ${index}` : '', labels, 3 + random.below(8)));
}

function tables(random: Random): Frame[] {
  return ['A', 'B', 'C'].slice(0, 1 + random.below(3)).map((refId) => random.table(refId, 2 + random.below(5)));
}

type Make = (random: Random) => object;
const NAMES = ['Time', 'Value', 'Value #A', 'Value #B', 'job', 'instance', 'legend 0', 'legend 1', '{job="api"}', 'api', 'nothing'];
const some = (random: Random) => NAMES.filter(() => random.chance(0.4));
const CALCS = ['lastNotNull', 'last', 'mean', 'max', 'min', 'sum', 'count', 'range', 'diff', 'first', 'median', 'p90'];
const calcs = (random: Random) => CALCS.filter(() => random.chance(0.3));

const MAKERS: Record<string, Make> = {
  organize: (random) => ({
    excludeByName: Object.fromEntries(some(random).map((name) => [name, random.chance(0.6)])),
    indexByName: Object.fromEntries(some(random).map((name) => [name, random.below(6)])),
    renameByName: Object.fromEntries(some(random).map((name) => [name, random.pick(['', `new ${name}`])])),
  }),
  filterFieldsByName: (random) => random.pick([
    { include: { names: some(random) } },
    { exclude: { names: some(random) } },
    { include: { pattern: random.pick(['/Value.*/', '/^T|j/', '/nothing at all/', 'Time']) } },
    { include: { names: some(random), pattern: '/#A/' }, exclude: { names: ['job'] } },
    {},
  ]),
  renameByRegex: (random) => ({ regex: random.pick(['(.*)', '/Value #(.)/', '/e/g', '/legend (\\d)/', 'job']), renamePattern: random.pick(['$1', 'x$1y', 'Z']) }),
  merge: () => ({}),
  joinByField: (random) => random.pick([
    { byField: random.pick(['Time', 'instance', 'job', undefined]), mode: random.pick(['outer', 'inner', undefined]) },
    { byField: random.pick(['instance', 'job']), mode: 'outerTabular' },
  ]),
  seriesToColumns: () => ({ byField: 'Time' }),
  concatenate: (random) => ({ frameNameMode: random.pick(['field', 'label', 'drop']), frameNameLabel: 'frame' }),
  groupBy: (random) => ({
    fields: {
      job: random.pick([{ operation: 'groupby', aggregations: [] }, { operation: 'groupby', aggregations: ['count'] }]),
      ...(random.chance(0.3) ? { instance: { operation: 'groupby', aggregations: [] } } : {}),
      'Value #A': { operation: 'aggregate', aggregations: calcs(random) },
      'Value #B': { operation: 'aggregate', aggregations: ['sum'] },
      Time: { operation: null, aggregations: ['max'] },
    },
  }),
  reduce: (random) => ({
    reducers: calcs(random),
    ...(random.chance(0.4) ? { mode: 'reduceFields', includeTimeField: random.chance(0.5) } : { labelsToFields: random.chance(0.4) }),
    fields: random.pick([{ id: 'byType', options: 'number' }, { id: 'byName', options: 'Value #A' }]),
  }),
  sortBy: (random) => ({ sort: [{ field: random.pick(NAMES), desc: random.chance(0.5) }] }),
  limit: (random) => ({ limitField: random.pick([1, 2, 5, '3', 100]) }),
  filterByRefId: (random) => random.pick([{ include: 'A' }, { exclude: 'A' }, { include: 'A|B' }, { include: '/[BC]/' }, {}]),
  filterByValue: (random) => ({
    type: random.pick(['include', 'exclude']),
    match: random.pick(['any', 'all']),
    filters: Array.from({ length: 1 + random.below(2) }, () => ({
      fieldName: random.pick(['Value #A', 'job', 'instance']),
      config: random.pick([
        { id: 'greater', options: { value: 1 } }, { id: 'lowerOrEqual', options: { value: 0 } }, { id: 'isNull', options: {} },
        { id: 'isNotNull', options: {} }, { id: 'equal', options: { value: 'api' } }, { id: 'notEqual', options: { value: 'db' } },
        { id: 'regex', options: { value: '^[ad]' } }, { id: 'substring', options: { value: 'A' } },
        { id: 'between', options: { from: -10, to: 100 } },
      ]),
    })),
  }),
  seriesToRows: () => ({}),
  calculateField: (random) => ({
    mode: random.pick(['reduceRow', 'binary', 'binary', 'unary', 'cumulativeFunctions', 'windowFunctions', 'index']),
    alias: random.pick(['mine', undefined]),
    replaceFields: random.chance(0.3),
    timeSeries: random.pick([true, false, undefined]),
    reduce: { reducer: random.pick(['sum', 'mean', 'max', 'lastNotNull']), include: random.pick([undefined, ['Value #A', 'legend 0']]) },
    binary: {
      left: random.pick(['Value #A', 'legend 0', 'Value', { matcher: { id: 'byName', options: 'Value #A' } }]),
      operator: random.pick(['+', '-', '*', '/']),
      right: random.pick(['2', 'Value #A', 'legend 1', { fixed: '0.5' }]),
    },
    unary: { operator: random.pick(['abs', 'floor', 'percent']), fieldName: random.pick(['Value #A', 'legend 0']) },
    cumulative: { reducer: random.pick(['sum', 'mean']), field: random.pick([undefined, 'Value #A']) },
    window: { reducer: 'variance', windowAlignment: random.pick(['centered', 'trailing']), windowSizeMode: random.pick(['fixed', 'percentage']), windowSize: random.pick([0.5, 3]) },
    index: { asPercentile: random.chance(0.5) },
  }),
  labelsToFields: (random) => ({ mode: random.pick(['columns', 'rows', undefined]), ...(random.chance(0.4) ? { keepLabels: ['job'] } : {}), ...(random.chance(0.3) ? { valueLabel: 'job' } : {}) }),
  groupingToMatrix: () => ({ columnField: 'instance', rowField: 'job', valueField: 'Value #A' }),
  convertFieldType: (random) => ({ conversions: [{ targetField: random.pick(['job', 'Value #A']), destinationType: random.pick(['number', 'boolean']) }] }),
};

/** What only makes sense of one kind of data, where the other tests nothing or meets what Grafana leaves undefined. */
const ONLY: Record<string, (random: Random) => Frame[]> = { groupBy: tables, filterByValue: tables, groupingToMatrix: (random) => tables(random).slice(0, 1), labelsToFields: series, seriesToRows: series };

test.each(Object.keys(MAKERS))('%s', async (id) => {
  const random = new Random(11);
  for (let round = 0; round < 60; round++) {
    const make = ONLY[id] ?? random.pick([series, tables]);
    const frames = make(random);
    const options = MAKERS[id]!(random);
    await compare(frames, [{ id, options }], JSON.stringify({ options, frames }));
  }
});

test('chains of them, as boards have', async () => {
  const random = new Random(23);
  for (let round = 0; round < 100; round++) {
    const chain = Array.from({ length: 2 + random.below(2) }, () => random.pick(['merge', 'joinByField', 'organize', 'filterFieldsByName', 'renameByRegex', 'sortBy', 'limit', 'calculateField', 'reduce']));
    const configs = chain.map((id) => ({ id, options: MAKERS[id]!(random) }));
    const frames = random.pick([series, tables])(random);
    await compare(frames, configs, JSON.stringify({ configs, frames }));
  }
});
