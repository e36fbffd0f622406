// Transformations between labels, columns and frames.

import type { Transformer } from '.';
import { frameOf, type Field, type Frame } from '../frame';
import { object, text, texts } from '../json';
import { fieldMatcher } from '../matchers';
import { displayName } from '../names';

/** Labels become columns of their own, or a table of names and values. */
export const labelsToFields: Transformer = (frames, options) => {
  const keep = Array.isArray(options.keepLabels) ? texts(options.keepLabels) : undefined;
  if (options.mode === 'rows') {
    return frames.flatMap((frame) => frame.fields.flatMap((field) => labelRows(field, frame, frames, keep)));
  }
  const wanted = keep === undefined || keep.length === 0 ? undefined : new Set(keep);
  return frames.map((frame) => labelColumns(frame, wanted, text(options.valueLabel)));
};

function labelRows(field: Field, frame: Frame, frames: Frame[], keep: string[] | undefined): Frame[] {
  const names = field.labels === undefined ? [] : (keep ?? Object.keys(field.labels));
  if (names.length === 0) {
    return [];
  }
  const column = (name: string, values: unknown[]): Field => ({ name, type: 'string', values, config: { custom: {} } });
  const fields = [column('label', names), column('value', names.map((name) => field.labels?.[name]))];
  return [{ ...frame, name: displayName(field, frame, frames), fields, length: names.length }];
}

function labelColumns(frame: Frame, wanted: Set<string> | undefined, valueLabel: string | undefined): Frame {
  const values = new Map<string, Set<string>>();
  const fields = frame.fields.map((field): Field => {
    if (field.labels === undefined) return field;
    const { labels, ...rest } = field;
    let { name } = field;
    for (const [label, value] of Object.entries(labels)) {
      if (wanted !== undefined && !wanted.has(label)) continue;
      if (label === valueLabel) name = value;
      else values.set(label, (values.get(label) ?? new Set()).add(value));
    }
    // A legend may tell of labels that are columns now.
    return { ...rest, name, config: { ...field.config, displayName: undefined, sourceName: undefined } };
  });
  const columns = [...values].flatMap(([name, all]) => [...all].map((value): Field => {
    return { name, type: 'string', values: new Array<string>(frame.length).fill(value), config: { custom: {} } };
  }));
  return { ...frame, fields: [...fields, ...columns] };
}

/** A frame for each distinct combination of some columns; what they say becomes labels of the others. */
export const partitionByValues: Transformer = (frames, options) => {
  const names = texts(options.fields);
  const [frame] = frames;
  if (names.length === 0 || frame === undefined) {
    return frames;
  }
  const isKey = fieldMatcher({ id: 'byNames', options: { names } });
  const keys = frame.fields.filter((field) => isKey(field, frame, frames));
  if (keys.length === 0) {
    return frames;
  }
  const groups = new Map<string, number[]>();
  for (let row = 0; row < frame.length; row++) {
    const key = JSON.stringify(keys.map(({ values }) => values[row]));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const keepKeys = options.keepFields === true;
  const asLabels = object(options.naming).asLabels !== false;
  return [...groups.values()].map((rows) => part(frame, keys, rows, keepKeys, asLabels));
};

function part(frame: Frame, keys: Field[], rows: number[], keepKeys: boolean, asLabels: boolean): Frame {
  const [first = 0] = rows;
  const labels = Object.fromEntries(keys.map(({ name, values }) => [name, String(values[first])]));
  const name = keys.map(({ values }) => String(values[first])).join(' ');
  const fields = frame.fields.filter((field) => keepKeys || !keys.includes(field)).map((field): Field => {
    const own = { ...field, values: rows.map((row) => field.values[row]) };
    return asLabels && field.type !== 'time' ? { ...own, labels: { ...field.labels, ...labels } } : own;
  });
  return { ...frameOf(fields, { refId: frame.refId }), ...(asLabels ? {} : { name }), length: rows.length };
}

/** A column of rows, a column of columns, a column of values: a table of two ways. */
export const groupingToMatrix: Transformer = (frames, options) => {
  const [frame] = frames;
  if (frame === undefined || frames.length !== 1) {
    return frames;
  }
  const [columnName, rowName, valueName] = [options.columnField, options.rowField, options.valueField].map((name, index) => {
    return text(name) || (['Time', 'Time', 'Value'][index] ?? '');
  });
  const find = (name = '') => frame.fields.find((field) => fieldMatcher({ id: 'byName', options: name })(field, frame, frames));
  const [column, row, value] = [find(columnName), find(rowName), find(valueName)];
  if (column === undefined || row === undefined || value === undefined) {
    return frames;
  }
  const cells = new Map(value.values.map((cell, at) => [JSON.stringify([column.values[at], row.values[at]]), cell]));
  const rows = [...new Set(row.values)];
  const empty = { null: null, zero: 0, false: false, true: true }[text(options.emptyValue) ?? ''];
  const { displayName: _, ...config } = value.config;
  const fields = [...new Set(column.values)].map((name): Field => ({
    name: String(name),
    type: value.type,
    config,
    values: rows.map((one) => cells.get(JSON.stringify([name, one])) ?? (empty === undefined ? '' : empty)),
  }));
  return [frameOf([{ name: `${rowName}\\${columnName}`, type: row.type, values: rows, config: row.config }, ...fields])];
};
