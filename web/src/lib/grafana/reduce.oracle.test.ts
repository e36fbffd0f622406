// @vitest-environment jsdom
// Every reducer of Grafana, over 300 made-up columns.

import { expect, test } from 'vitest';
import { grafana, theirs } from './oracle';
import { Random } from './random';
import { isKnownReducer, reduce, reducerName } from './reduce';

const ids = grafana.fieldReducers.list().map(({ id }) => id);

test('all of them are known, by the same names', () => {
  expect(ids.length).toBeGreaterThan(120);
  expect(ids.filter((id) => !isKnownReducer(id))).toEqual([]);
  expect(ids.map(reducerName)).toEqual(grafana.fieldReducers.list().map(({ name }) => name));
});

/** Ours has no answer where theirs is made of nothing: `NaN`, `undefined`, and the largest double as the least of none. */
function answer(value: unknown): unknown {
  return value === undefined || Number.isNaN(value) || value === Number.MAX_VALUE ? null : value;
}

test('their results are the same', () => {
  const random = new Random(7);
  for (let round = 0; round < 300; round++) {
    const type = random.pick(['number', 'number', 'number', 'string', 'boolean'] as const);
    const values = random.values(type, random.below(random.pick([1, 3, 30])), random.pick([0, 0.2, 1]));
    if (type === 'number' && random.chance(0.2)) values.push(NaN);
    if (type === 'number' && random.chance(0.1)) values.fill(0);
    const field = { name: 'x', type, values, config: { custom: {} } };
    const [frame] = theirs([{ fields: [field], length: values.length }]);
    for (const id of ids) {
      const their = frame?.fields[0];
      if (their === undefined) throw new Error('no field');
      delete their.state;
      const expected = grafana.reduceField({ field: their, reducers: [id] })[id];
      const what = `${id} of ${type} ${JSON.stringify(values)}`;
      const [ours, wanted] = [answer(reduce(field, id)), answer(expected)];
      if (typeof ours === 'number' && typeof wanted === 'number') {
        expect(Math.abs(ours - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)) || ours === wanted, `${what}: ${ours} for ${wanted}`).toBe(true);
      } else {
        expect(ours, what).toEqual(wanted);
      }
    }
  }
});
