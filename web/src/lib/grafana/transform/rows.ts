// Transformations of rows: which there are, in what order, grouped by what.

import type { Transformer } from '.';
import { frameOf, TIME, VALUE, type Field, type Frame } from '../frame';
import { number, object, objects, text, texts, type JsonObject } from '../json';
import { fieldMatcher } from '../matchers';
import { displayName } from '../names';
import { reduce, reducedType } from '../reduce';
import { escapeRegExp, toRegExp } from '../regexp';
import { sortedFrame } from './sort';

export const sortBy: Transformer = (frames, options) => {
  const [first] = objects(options.sort);
  if (first === undefined) {
    return frames;
  }
  return frames.map((frame) => {
    const index = number(first.index) ?? frame.fields.findIndex((field) => displayName(field, frame) === first.field);
    return sortedFrame(frame, index, first.desc === true);
  });
};

export const limit: Transformer = (frames, options) => {
  const most = Math.trunc(number(options.limitField) ?? 10);
  return frames.map((frame) => {
    if (frame.length <= most) return frame;
    const cut = (values: unknown[]) => (most >= 0 ? values.slice(0, most) : values.slice(most));
    return { ...frame, fields: frame.fields.map((field) => ({ ...field, values: cut(field.values) })), length: Math.abs(most) };
  });
};

/** Frames of queries: a name, `A|B`, or a pattern. */
export const filterByRefId: Transformer = (frames, options) => {
  const [include, exclude] = [refIdTest(options.include), refIdTest(options.exclude)];
  return frames.filter((frame) => exclude?.(frame) !== true && (include === undefined || include(frame)));
};

function refIdTest(json: unknown): ((frame: Frame) => boolean) | undefined {
  const wanted = text(json);
  if (!wanted) {
    return undefined;
  }
  const pattern = wanted.startsWith('/') ? wanted : wanted.split('|').map(escapeRegExp).join('|');
  const regexp = toRegExp(wanted.startsWith('/') ? pattern : `(?:${pattern})`);
  return ({ refId = '' }) => regexp?.test(refId) ?? false;
}

/** Keeps or leaves out rows by what is in them. */
export const filterByValue: Transformer = (frames, options) => {
  const filters = objects(options.filters);
  if (filters.length === 0) {
    return frames;
  }
  const [all, include] = [options.match === 'all', options.type !== 'exclude'];
  return frames.map((frame) => {
    const tests = filters.map((filter) => rowTest(filter, frame, frames));
    const rows = Array.from({ length: frame.length }, (_, row) => row).filter((row) => {
      return (all ? tests.every((test) => test(row)) : tests.some((test) => test(row))) === include;
    });
    return { ...frame, fields: frame.fields.map((field) => ({ ...field, values: rows.map((row) => field.values[row]) })), length: rows.length };
  });
};

function rowTest(filter: JsonObject, frame: Frame, frames: Frame[]): (row: number) => boolean {
  const field = frame.fields.find((one) => displayName(one, frame, frames) === filter.fieldName);
  const { id, options } = object(filter.config);
  const test = valueTest(text(id) ?? '', object(options));
  return (row) => field !== undefined && test(field.values[row]);
}

function valueTest(id: string, options: JsonObject): (value: unknown) => boolean {
  const given = options.value;
  const numeric = (compare: (value: number, limit: number) => boolean) => (value: unknown) => {
    return !Number.isNaN(Number(value)) && compare(Number(value), Number(given));
  };
  const lower = String(given ?? '').toLowerCase();
  const has = (value: unknown) => typeof value === 'string' && value.toLowerCase().includes(lower);
  switch (id) {
    case 'isNull': return (value) => value === null || value === undefined;
    case 'isNotNull': return (value) => value !== null && value !== undefined;
    case 'equal': return (value) => looselyEqual(value, given);
    case 'notEqual': return (value) => !looselyEqual(value, given);
    case 'greater': return numeric((a, b) => a > b);
    case 'greaterOrEqual': return numeric((a, b) => a >= b);
    case 'lower': return numeric((a, b) => a < b);
    case 'lowerOrEqual': return numeric((a, b) => a <= b);
    case 'between': {
      const [from, to] = [options.from, options.to].map((end) => Number.parseFloat(String(end)));
      return (value) => Number(value) > (from ?? NaN) && Number(value) < (to ?? NaN);
    }
    case 'regex': {
      const regexp = given === undefined ? undefined : safely(String(given));
      return (value) => value !== null && value !== undefined && (regexp?.test(String(value)) ?? false);
    }
    case 'substring': return (value) => lower === '' || has(value);
    case 'notSubstring': return (value) => typeof value === 'string' && value !== '' && lower !== '' && !has(value);
    default: return () => false;
  }
}

function safely(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern);
  } catch {
    return undefined;
  }
}

/** A number equals its text; nothing equals null but null. */
function looselyEqual(value: unknown, given: unknown): boolean {
  if (value === null || value === undefined || given === null || given === undefined) {
    return (value ?? null) === (given ?? null);
  }
  return value === given || (typeof value === 'number' && String(given).trim() !== '' && value === Number(given)) || String(value) === String(given);
}

/** One row for each distinct combination, with the calculations of the other columns. */
export const groupBy: Transformer = (frames, options) => {
  const rules = object(options.fields);
  const keys = Object.entries(rules).flatMap(([name, rule]) => (object(rule).operation === 'groupby' ? [name] : []));
  if (keys.length === 0) {
    return frames;
  }
  const isKey = fieldMatcher({ id: 'byNames', options: { names: keys } });
  return frames.flatMap((frame) => {
    const by = frame.fields.filter((field) => isKey(field, frame, frames));
    return by.length === 0 ? [] : [grouped(frame, by, rules)];
  });
};

function grouped(frame: Frame, by: Field[], rules: JsonObject): Frame {
  const groups = new Map<string, number[]>();
  for (let row = 0; row < frame.length; row++) {
    const key = by.map(({ values }) => String(values[row])).join(',');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const rows = [...groups.values()];
  const keys = by.map(({ name, type, config, values }): Field => ({ name, type, config, values: rows.map(([first = 0]) => values[first]) }));
  const results = frame.fields.flatMap((field) => calculated(field, frame, rows, rules));
  return { refId: frame.refId, fields: [...keys, ...results], length: rows.length };
}

function calculated(field: Field, frame: Frame, rows: number[][], rules: JsonObject): Field[] {
  const name = displayName(field, frame);
  const rule = object(rules[name] ?? rules[field.name]);
  const calcs = texts(rule.aggregations);
  const wanted = rule.operation === 'aggregate' || (rule.operation === 'groupby' && calcs.length === 1 && calcs[0] === 'count');
  return !wanted ? [] : calcs.map((calc) => ({
    name: `${name} (${calc})`,
    type: reducedType(calc, field.type),
    values: rows.map((group) => reduce({ type: field.type, values: group.map((row) => field.values[row]) }, calc)),
    config: { custom: {} },
  }));
}

/** All points of all series in one table, newest first. */
export const seriesToRows: Transformer = (frames) => {
  const data = frames.filter(({ length }) => length > 0);
  const isSeries = ({ fields }: Frame) => fields.some(({ type }) => type === 'time') && fields.some(({ type }) => type === 'number');
  if (data.length === 0 || !data.every(isSeries)) {
    return frames.length === data.length ? frames : data;
  }
  const rows = data.flatMap((frame) => {
    const time = frame.fields.findIndex(({ type }) => type === 'time');
    const value = frame.fields[time === 0 ? 1 : 0];
    const name = frameName(frame);
    return Array.from({ length: frame.length }, (_, at) => ({ time: frame.fields[time]?.values[at], name, value: value?.values[at] }));
  });
  const [first] = data.flatMap(({ fields }) => fields.filter(({ type }) => type !== 'time'));
  const { displayName: _, sourceName: __, ...config } = first?.config ?? { custom: {} };
  const table = frameOf(
    [
      { name: TIME, type: 'time', values: rows.map(({ time }) => time), config: { custom: {} } },
      { name: 'Metric', type: 'string', values: rows.map(({ name }) => name), config: { custom: {} } },
      { name: VALUE, type: first?.type ?? 'number', values: rows.map(({ value }) => value), config },
    ],
    { refId: `seriesToRows-${data.map(({ refId }) => refId).join('-')}` },
  );
  return [sortedFrame(table, 0, true)];
};

/** What a whole frame is called: by its name, or by its columns. */
export function frameName(frame: Frame): string {
  if (frame.name) return frame.name;
  return frame.fields.filter(({ type }) => type !== 'time').map((field) => displayName(field, frame)).join(', ');
}
