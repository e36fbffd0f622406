// The transformation `reduce`: a row for each series, or each column to one value.

import type { Transformer } from '.';
import { frameOf, type Field, type Frame } from '../frame';
import { object, text, texts } from '../json';
import { fieldMatcher, type FieldTest } from '../matchers';
import { displayName } from '../names';
import { canonical, isKnownReducer, reduce, reducerName } from '../reduce';

export const reduceFrames: Transformer = (frames, options) => {
  const calcs = (options.reducers === undefined ? ['max'] : texts(options.reducers)).filter(isKnownReducer).map(canonical);
  if (calcs.length === 0) {
    return frames;
  }
  const { id, options: matching } = object(options.fields);
  const columns = options.mode === 'reduceFields';
  const everything = columns && options.includeTimeField === true;
  const wanted: FieldTest = id === undefined ? ({ type }) => everything || type !== 'time' : fieldMatcher({ id: text(id) ?? '', options: matching });
  return columns ? reduceColumns(frames, wanted, calcs) : [reduceToRows(frames, wanted, calcs, options.labelsToFields === true)].flatMap((one) => one ?? []);
};

interface Reduced {
  name: string;
  labels: Record<string, string>;
  field: Field;
}

function reduceToRows(frames: Frame[], wanted: FieldTest, calcs: string[], withLabels: boolean): Frame | undefined {
  if (frames.length === 0) {
    return undefined;
  }
  const rows = frames.flatMap((frame) => frame.fields.filter((field) => wanted(field, frame, frames)).map((field): Reduced => {
    return { field, labels: field.labels ?? {}, name: withLabels ? field.name : displayName(field, frame, frames) };
  }));
  const names = withLabels ? [...new Set(frames.flatMap(({ fields }) => fields.flatMap(({ labels }) => Object.keys(labels ?? {}))))] : [];
  const column = (name: string, type: Field['type'], values: unknown[]): Field => ({ name, type, values, config: { custom: {} } });
  const results = calcs.map((calc) => {
    // A calculation without a result is NaN here, as a column of numbers wants.
    const values = rows.map(({ field }) => reduce(field, calc) ?? NaN);
    return column(reducerName(calc), typeOf(values), values);
  });
  const labels = names.map((name) => column(name, 'string', rows.map((row) => row.labels[name])));
  const refId = `reduce-${frames.map((frame) => frame.refId).join('-')}`;
  return frameOf([column('Field', 'string', rows.map(({ name }) => name)), ...labels, ...results], { refId });
}

/** By the first value there is. */
function typeOf(values: unknown[]): Field['type'] {
  const first = values.find((value) => value !== null && value !== undefined);
  const kind = typeof first;
  return kind === 'number' || kind === 'string' || kind === 'boolean' ? kind : 'other';
}

function reduceColumns(frames: Frame[], wanted: FieldTest, calcs: string[]): Frame[] {
  return frames.flatMap((frame) => {
    const fields = frame.fields.filter((field) => wanted(field, frame, frames)).flatMap((field) => calcs.map((calc): Field => ({
      ...field,
      type: columnType(calc, field.type),
      values: [reduce(field, calc)],
      labels: { ...field.labels, ...(calcs.length > 1 ? { reducer: reducerName(calc) } : {}) },
    })));
    return fields.length === 0 ? [] : [{ ...frame, fields, length: 1 }];
  });
}

function columnType(calc: string, type: Field['type']): Field['type'] {
  if (calc === 'allValues' || calc === 'uniqueValues') return 'other';
  return ['first', 'firstNotNull', 'last', 'lastNotNull'].includes(calc) ? type : 'number';
}
