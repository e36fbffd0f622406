// Transformations that make one frame of many.

import type { Transformer } from '.';
import { frameOf, timeField, VALUE, type Field, type Frame } from '../frame';
import { oneOf, text } from '../json';
import { fieldMatcher, type FieldTest } from '../matchers';
import { sortedFrame } from './sort';

/** Rows that agree in all columns they share become one. */
export const merge: Transformer = (frames) => {
  const data = frames.filter(({ fields }) => fields.length > 0);
  const [first] = data;
  if (frames.length <= 1 || first === undefined) {
    return frames.slice(0, frames.length <= 1 ? undefined : 1);
  }
  const names = new Map<string, Field>();
  for (const field of data.flatMap(({ fields }) => fields)) {
    if (!names.has(field.name)) names.set(field.name, field);
  }
  const last = data[data.length - 1] ?? first;
  const keys = [...new Set(last.fields.map(({ name }) => name))].filter((name) => data.every((frame) => frame.fields.some((field) => field.name === name)));
  if (keys.length === 0) {
    return frames;
  }
  const rows = mergedRows(data, keys);
  const fields = [...names.values()].map(({ labels: _, config, ...field }): Field => {
    const { displayName: __, ...kept } = config;
    return { ...field, config: kept, values: rows.map((row) => row.get(field.name)) };
  });
  return [{ refId: refIds('merge', data), fields, length: rows.length }];
};

type Row = Map<string, unknown>;

function mergedRows(data: Frame[], keys: string[]): Row[] {
  const byKey = new Map<string, Row[]>();
  const rows: Row[] = [];
  for (const frame of data) {
    // Of two columns with the same name the later one counts.
    const columns = new Map(frame.fields.map((field) => [field.name, field]));
    for (let at = 0; at < frame.length; at++) {
      const row: Row = new Map([...columns].map(([name, { values }]) => [name, values[at]]));
      const key = keys.map((name) => String(row.get(name))).join('\u0000');
      const alike = byKey.get(key) ?? [];
      const partners = alike.filter((other) => agree(other, row));
      partners.forEach((other) => row.forEach((value, name) => other.set(name, value)));
      if (partners.length === 0) {
        rows.push(row);
        byKey.set(key, [...alike, row]);
      }
    }
  }
  return rows;
}

function agree(old: Row, row: Row): boolean {
  for (const [name, value] of row) {
    const before = old.get(name);
    if (before !== undefined && before !== null && before !== value) return false;
  }
  return true;
}

const refIds = (id: string, frames: Frame[]) => `${id}-${frames.map(({ refId }) => refId).join('-')}`;

/** Joins on a column, by default on time. */
export const joinByField: Transformer = (frames, options) => {
  if (frames.length < 2) {
    return frames;
  }
  const name = text(options.byField);
  const mode = oneOf(options.mode, ['outer', 'inner', 'outerTabular'], 'outer');
  const joined = join(frames, name ? fieldMatcher({ id: 'byName', options: name }) : usualKey(frames), mode);
  return joined === undefined ? frames : [{ ...joined, refId: refIds('joinByField', frames) }];
};

function usualKey(frames: Frame[]): FieldTest {
  const [first] = frames;
  if (first !== undefined && timeField(first) !== undefined) {
    return fieldMatcher({ id: 'firstTimeField', options: undefined });
  }
  const name = first?.fields.find(({ type }) => type === 'number')?.name ?? '';
  return fieldMatcher({ id: 'byName', options: name });
}

type Mode = 'outer' | 'inner' | 'outerTabular';
/** The key column, then the others. */
type Table = unknown[][];

export function join(frames: Frame[], isKey: FieldTest, mode: Mode): Frame | undefined {
  const header: Field[] = [];
  const tables: { table: Table; fields: Field[] }[] = [];
  for (const frame of frames) {
    const key = frame.fields.find((field) => isKey(field, frame, frames));
    if (key === undefined) continue;
    const fields = frame.fields.filter((field) => field !== key).map((field) => inFrame(field, frame));
    if (header.length === 0) header.push(key);
    header.push(...fields);
    tables.push({ table: [key.values, ...fields.map(({ values }) => values)], fields });
  }
  if (tables.length === 0) {
    return frameOf([]);
  }
  if (tables.length < frames.length && mode === 'inner') {
    return frameOf(header.map((field) => ({ ...field, values: [] })));
  }
  const columns = mode === 'outer' ? joinOuter(tables) : joinTables(tables.map(({ table }) => table), mode === 'outerTabular');
  return frameOf(header.map((field, index) => ({ ...field, values: columns[index] ?? [] })));
}

/** The name of a frame lives on in its column. */
function inFrame(field: Field, frame: Frame): Field {
  const labels = field.labels ?? {};
  if (!frame.name) return { ...field, labels };
  if (field.name === VALUE) return { ...field, labels, name: frame.name };
  return { ...field, labels: labels.name === undefined ? { ...labels, name: frame.name } : labels };
}

function joinOuter(tables: { table: Table; fields: Field[] }[]): Table {
  const keys = tables.map(({ table }) => table[0] ?? []);
  const [first = []] = keys;
  if (keys.every((one) => one === first || (one.length === first.length && one.every((key, at) => key === first[at])))) {
    return inOrder([first, ...tables.flatMap(({ table }) => table.slice(1))]);
  }
  const all = [...new Set(keys.flat())].sort((a, b) => (a as number) - (b as number));
  const place = new Map(all.map((key, index) => [key, index]));
  const columns = tables.flatMap(({ table, fields }) => {
    const places = (table[0] ?? []).map((key) => place.get(key) ?? 0);
    return fields.map((field) => spread(field, places, all.length));
  });
  return [all, ...columns];
}

/** Where a column has no row it has `undefined`; its own nulls stay, and reach over what is missing beside them. */
function spread({ values, config }: Field, places: number[], length: number): unknown[] {
  const bridged = config.custom.spanNulls === true;
  const result = new Array<unknown>(length).fill(undefined);
  const nulls: number[] = [];
  values.forEach((value, index) => {
    const at = places[index] ?? 0;
    if (value !== null) {
      result[at] = value;
    } else if (!bridged) {
      result[at] = null;
      nulls.push(at);
    }
  });
  for (const at of nulls) {
    for (let before = at - 1; before >= 0 && (result[before] ?? null) === null; before--) result[before] = null;
    for (let after = at + 1; after < length && (result[after] ?? null) === null; after++) result[after] = null;
  }
  return result;
}

/** Numbers and times ascend; texts keep their order. */
function inOrder(columns: Table): Table {
  const [key = []] = columns;
  const ascending = key.every((value, index) => index === 0 || (value as number) > (key[index - 1] as number));
  if (ascending) return columns;
  const frame = frameOf(columns.map((values): Field => ({ name: '', type: 'number', values, config: { custom: {} } })));
  return sortedFrame(frame, 0, false).fields.map(({ values }) => values);
}

/** As tables are joined: each pair of rows with the same key; `outer` keeps those without a partner. */
function joinTables(tables: Table[], outer: boolean): Table {
  const [first = [], ...others] = tables;
  return others.reduce((left, right) => joinTwo(left, right, outer), first);
}

function joinTwo(left: Table, right: Table, outer: boolean): Table {
  const byKey = new Map<string, number[]>();
  (right[0] ?? []).forEach((key, index) => byKey.set(String(key), [...(byKey.get(String(key)) ?? []), index]));
  const pairs: [number | null, number | null][] = [];
  const alone: number[] = [];
  const matched = new Set<string>();
  (left[0] ?? []).forEach((key, index) => {
    const partners = key === null || key === undefined ? undefined : byKey.get(String(key));
    if (partners === undefined) {
      alone.push(index);
    } else {
      matched.add(String(key));
      pairs.push(...partners.map((partner): [number, number] => [index, partner]));
    }
  });
  if (outer) {
    pairs.push(...alone.map((index): [number, null] => [index, null]));
    for (const [key, rows] of byKey) {
      if (!matched.has(key)) pairs.push(...rows.map((row): [null, number] => [null, row]));
    }
  }
  const keys = pairs.map(([l, r]) => (l === null ? right[0]?.[r ?? 0] : left[0]?.[l]));
  const pick = (column: unknown[], side: 0 | 1) => pairs.map((pair) => (pair[side] === null ? null : column[pair[side] ?? 0]));
  return [keys, ...left.slice(1).map((column) => pick(column, 0)), ...right.slice(1).map((column) => pick(column, 1))];
}

/** Puts columns beside each other, row by row. */
export const concatenate: Transformer = (frames, options) => {
  if (frames.length < 2) {
    return frames;
  }
  const mode = oneOf(options.frameNameMode, ['field', 'label', 'drop'], 'field');
  const label = text(options.frameNameLabel) ?? 'frame';
  const length = Math.max(...frames.map((frame) => frame.length));
  const fields = frames.flatMap((frame) => frame.fields.map((field) => {
    const values = field.values.length === length ? field.values : Array.from({ length }, (_, at) => field.values[at]);
    return { ...field, values, ...namedBy(field, frame.name, mode, label) };
  }));
  return [{ fields, length }];
};

function namedBy(field: Field, name: string | undefined, mode: 'field' | 'label' | 'drop', label: string): Partial<Field> {
  if (!name || mode === 'drop') return {};
  if (mode === 'label') return { labels: { ...field.labels, [label]: name } };
  return { name: field.name === '' || field.name === VALUE ? name : `${name} · ${field.name}` };
}
