import { expect, test } from 'vitest';
import { preferences } from '../preferences.svelte';
import { interpolateQuery, type Scope } from './interpolate';
import type { JsonObject } from './json';
import type { VariableSource } from './options';
import { readVariable } from './read-variable';
import { inOrder, resolve } from './resolve';
import { addressOf, ALL, chosenIn, filtersOf, valuesOf } from './variables';

preferences.language = 'en';

const scope: Scope = { values: new Map(), range: { from: 0, to: 3_600_000 }, zone: 'UTC' };

/** Answers what a small shop would, and notes what it was asked. */
class Shop implements VariableSource {
  readonly asked: string[] = [];

  async labelNames(matchers: string[]): Promise<string[]> {
    this.asked.push(`names ${matchers}`);
    return ['__name__', 'instance', 'job'];
  }

  async labelValues(label: string, matchers: string[]): Promise<string[]> {
    this.asked.push(`${label} of ${matchers}`);
    if (label === '__name__') return ['http_requests_total', 'node_load1', 'up'];
    return label === 'job' ? ['api', 'node'] : ['b:10', 'a:9', 'B:2'];
  }

  async series(matchers: string[]): Promise<Record<string, string>[]> {
    this.asked.push(`series ${matchers}`);
    return [{ __name__: 'up', job: 'api' }];
  }

  async query(expr: string) {
    this.asked.push(`query ${expr}`);
    return { resultType: 'vector' as const, result: [{ metric: { __name__: 'up', instance: 'a', job: 'api' }, value: [1.5, '1'] as [number, string] }] };
  }
}

async function states(list: JsonObject[], address = '', source: VariableSource = new Shop()) {
  return resolve(list.map(readVariable), chosenIn(new URLSearchParams(address)), source, scope);
}

async function optionsOf(json: JsonObject): Promise<string[]> {
  const [state] = await states([{ name: 'x', type: 'query', ...json }]);
  return state?.options.map(({ text, value }) => (text === value ? value : `${text}=${value}`)) ?? [];
}

test.each<[JsonObject, string[]]>([
  [{ query: 'label_values(job)' }, ['api', 'node']],
  [{ query: 'label_values(up{a="b,c"}, instance)' }, ['b:10', 'a:9', 'B:2']],
  [{ query: { query: 'label_values(up, job)', refId: 'x' } }, ['api', 'node']],
  [{ query: 'label_names()' }, ['instance', 'job']],
  [{ query: 'metrics(^http)' }, ['http_requests_total']],
  [{ query: 'query_result(up == 1)' }, ['up{instance="a",job="api"} 1 1500']],
  [{ query: 'query_result(up)', regex: '/instance="([^"]+)"/' }, ['a']],
  [{ query: 'up{job="api"}' }, ['up{job="api"}']],
  [{ query: 'label_values(up, instance)', regex: '/^(?<text>\\w):(?<value>\\d+)$/' }, ['b=10', 'a=9', 'B=2']],
  [{ query: 'label_values(up, instance)', regex: '/a.*/' }, ['a:9']],
  [{ query: 'label_values(up, instance)', regex: '/(\\d)/g' }, ['1', '0', '9', '2']],
  [{ query: 'label_values(up, instance)', sort: 1 }, ['B:2', 'a:9', 'b:10']],
  [{ query: 'label_values(up, instance)', sort: 2 }, ['b:10', 'a:9', 'B:2']],
  [{ query: 'label_values(up, instance)', sort: 3 }, ['B:2', 'a:9', 'b:10']],
  [{ query: 'label_values(up, instance)', sort: 4 }, ['b:10', 'a:9', 'B:2']],
  [{ query: 'label_values(up, instance)', sort: 5 }, ['a:9', 'b:10', 'B:2']],
  [{ query: 'label_values(up, instance)', sort: 7 }, ['a:9', 'B:2', 'b:10']],
  [{ type: 'custom', query: 'a, b\\,c , One : 1' }, ['a', 'b,c', 'One=1']],
  [{ type: 'interval', query: '1m,5m,"1 h"' }, ['1m', '5m', '1 h']],
  [{ type: 'interval', query: '1m', auto: true }, ['auto=$__auto_interval_x', '1m']],
  [{ type: 'textbox', query: 'hello' }, ['hello']],
  [{ type: 'custom', query: 'a,b', includeAll: true }, ['All=$__all', 'a', 'b']],
])('%j offers %j', async (json, options) => {
  expect(await optionsOf(json)).toEqual(options);
});

test('a variable is asked for with the values of those before it', async () => {
  const shop = new Shop();
  const list = [
    { name: 'instance', type: 'query', query: 'label_values(up{job=~"$job"}, instance)', multi: true, includeAll: true },
    { name: 'job', type: 'query', query: 'label_values(up, job)', current: { text: 'node', value: 'node' } },
  ];
  const found = await states(list, '', shop);
  expect(shop.asked).toEqual(['job of up', 'instance of up{job=~"node"}']);
  expect(found.map(({ variable, chosen }) => [variable.name, chosen])).toEqual([['instance', [ALL]], ['job', ['node']]]);
  expect(inOrder([{ name: 'a', query: '$b' }, { name: 'b', query: '$a' }].map(readVariable)).map(({ name }) => name)).toEqual(['b', 'a']);
});

test.each<[what: string, JsonObject, address: string, chosen: string[], inQuery: string]>([
  ['saved', { query: 'a,b', current: { value: 'b' } }, '', ['b'], 'b'],
  ['saved, and gone since', { query: 'a,b', current: { value: 'z' } }, '', ['a'], 'a'],
  ['of the address', { query: 'a,b', current: { value: 'a' } }, 'var-x=b', ['b'], 'b'],
  ['several', { query: 'a.1,b', multi: true, current: { value: ['a.1', 'b'] } }, '', ['a.1', 'b'], '(a\\\\.1|b)'],
  ['several in the address', { query: 'a,b,c', multi: true }, 'var-x=b&var-x=c', ['b', 'c'], '(b|c)'],
  ['all', { query: 'a,b', includeAll: true, current: { value: '$__all' } }, '', [ALL], '(a|b)'],
  ['all, as old boards say it', { query: 'a,b', includeAll: true, current: { text: 'All', value: ['All'] } }, '', [ALL], '(a|b)'],
  ['all in the address', { query: 'a,b', includeAll: true }, 'var-x=All', [ALL], '(a|b)'],
  ['all by a value of its own', { query: 'a,b', includeAll: true, allValue: '.*' }, '', [ALL], '.*'],
  ['text', { type: 'textbox', query: 'hello' }, '', ['hello'], 'hello'],
  ['text of the address', { type: 'textbox', query: 'hello' }, 'var-x=bye', ['bye'], 'bye'],
  ['constant', { type: 'constant', query: 'fixed' }, 'var-x=other', ['fixed'], 'fixed'],
  ['interval', { type: 'interval', query: '1m,5m', current: { value: '5m' } }, '', ['5m'], '5m'],
  ['automatic interval', { type: 'interval', query: '1m', auto: true, auto_count: 30, auto_min: '10s', current: { value: '$__auto' } }, '', ['$__auto_interval_x'], '2m'],
  ['data source', { type: 'datasource', query: 'prometheus' }, '', ['default'], 'default'],
  ['nothing to choose', { query: '' }, '', [], ''],
])('%s', async (_, json, address, chosen, inQuery) => {
  const found = await states([{ name: 'x', type: 'custom', ...json }], address);
  expect(found[0]?.chosen).toEqual(chosen);
  expect(interpolateQuery('$x', { ...scope, values: valuesOf(found, scope.range) })).toBe(inQuery);
});

test('a query of a variable knows the range of the board', async () => {
  const shop = new Shop();
  await states([{ name: 'x', type: 'query', query: 'query_result(max_over_time(up[$__range]) > rate(y[$__rate_interval]))' }], '', shop);
  expect(shop.asked).toEqual(['query max_over_time(up[3600s]) > rate(y[1m])']);
});

test('choices go into the address, constants do not', async () => {
  const found = await states([{ name: 'x', type: 'custom', query: 'a,b', multi: true, current: { value: ['a', 'b'] } }, { name: 'c', type: 'constant', query: '1' }]);
  expect(addressOf(found)).toEqual([['var-x', 'a'], ['var-x', 'b']]);
});

test('a query that fails keeps what the board was saved with, and says why', async () => {
  const down = { ...new Shop(), labelValues: () => Promise.reject(new Error('no answer')) } as unknown as VariableSource;
  const saved = { options: [{ text: 'api', value: 'api' }, { text: 'All', value: ALL }], current: { value: 'api' } };
  const [state] = await states([{ name: 'x', type: 'query', query: 'label_values(job)', ...saved }], '', down);
  expect([state?.error, state?.chosen, state?.options.length]).toEqual(['no answer', ['api'], 1]);
});

test('another source is not asked', async () => {
  const shop = new Shop();
  const [state] = await states([{ name: 'x', type: 'query', datasource: { type: 'loki' }, query: 'label_values(app)', options: [{ text: 'a', value: 'a' }] }], '', shop);
  expect([shop.asked, state?.options.length]).toEqual([[], 1]);
});

test('ad hoc filters are handed on', async () => {
  const found = await states([{ name: 'f', type: 'adhoc', filters: [{ key: 'job', operator: '=~', value: 'a.*' }] }]);
  expect(filtersOf(found)).toEqual([{ key: 'job', operator: '=~', value: 'a.*' }]);
});
