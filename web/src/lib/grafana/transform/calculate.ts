// The transformation `calculateField`: a column more, out of those of each row.

import type { Transformer } from '.';
import { timeField, type Field, type Frame } from '../frame';
import { number, object, text, texts, type Json, type JsonObject } from '../json';
import { fieldMatcher } from '../matchers';
import { displayName } from '../names';
import { reduce, reducerName } from '../reduce';
import { joinByField } from './join';

export const calculateField: Transformer = (frames, options) => {
  const mode = text(options.mode) ?? 'reduceRow';
  const data = options.timeSeries === false || isFixed(mode, options) ? frames : asColumns(frames);
  if (mode === 'binary' && isByType(options)) {
    return everyField(data, options);
  }
  return data.flatMap((frame) => {
    const values = valuesOf(mode, frame, data, options);
    if (values === undefined) {
      return options.replaceFields === true ? [] : [frame];
    }
    const alias = text(options.alias);
    const field: Field = { name: alias || nameOf(mode, options), type: 'number', values, config: { custom: {} } };
    if (mode === 'index' && object(options.index).asPercentile === true) field.config.unit = 'percentunit';
    if (alias && mode !== 'index') field.config.displayName = alias;
    return [{ ...frame, fields: [...keptFields(frame, mode, options), field] }];
  });
};

function keptFields(frame: Frame, mode: string, options: JsonObject): Field[] {
  if (options.replaceFields !== true) return frame.fields;
  const time = mode === 'index' || options.timeSeries === false ? undefined : timeField(frame);
  return time === undefined ? [] : [time];
}

/** A number on the right needs no other frame. */
function isFixed(mode: string, options: JsonObject): boolean {
  const right = object(options.binary).right;
  const fixed = typeof right === 'string' ? right : object(right).fixed;
  return mode === 'binary' && fixed !== undefined && !Number.isNaN(Number(fixed));
}

/** Series over the same time become columns of one table. */
function asColumns(frames: Frame[]): Frame[] {
  const names = new Set(frames.map((frame) => timeField(frame)?.name));
  const [name] = names;
  return frames.length > 1 && names.size === 1 && name !== undefined ? joinByField(frames, { byField: name }) : frames;
}

function valuesOf(mode: string, frame: Frame, frames: Frame[], options: JsonObject): unknown[] | undefined {
  switch (mode) {
    case 'reduceRow': return reduceRow(frame, frames, object(options.reduce));
    case 'binary': return binary(frame, frames, object(options.binary));
    case 'unary': return unary(frame, frames, object(options.unary));
    case 'cumulativeFunctions': return cumulative(frame, frames, object(options.cumulative));
    case 'windowFunctions': return overWindow(frame, frames, object(options.window));
    case 'index': {
      const share = object(options.index).asPercentile === true ? frame.length : 1;
      return Array.from({ length: frame.length }, (_, index) => index / share);
    }
    default: return undefined;
  }
}

function reduceRow(frame: Frame, frames: Frame[], options: JsonObject): unknown[] {
  const include = texts(options.include);
  const wanted = fieldMatcher(include.length > 0 ? { id: 'byNames', options: { names: include } } : { id: 'numeric', options: undefined });
  const columns = frame.fields.filter((field) => wanted(field, frame, frames));
  const calc = text(options.reducer) ?? 'sum';
  return Array.from({ length: frame.length }, (_, row) => reduce({ type: 'number', values: columns.map(({ values }) => values[row]) }, calc));
}

const OPERATORS: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

function binary(frame: Frame, frames: Frame[], options: JsonObject): number[] | undefined {
  const operate = OPERATORS[text(options.operator) ?? '+'];
  const [left, right] = [operand(options.left, frame, frames), operand(options.right, frame, frames)];
  return operate === undefined || left === undefined || right === undefined ? undefined : left.map((value, row) => operate(value, right[row] as number));
}

/** A column by its name, or a number for every row. */
function operand(json: Json | undefined, frame: Frame, frames: Frame[]): number[] | undefined {
  const name = typeof json === 'string' ? json : text(object(object(json).matcher).options);
  const field = name === undefined ? undefined : frame.fields.find((one) => displayName(one, frame, frames) === name);
  if (field !== undefined) {
    return field.type === 'boolean' ? field.values.map(Number) : (field.values as number[]);
  }
  const fixed = Number.parseFloat(text(object(json).fixed) ?? name ?? '');
  return Number.isNaN(fixed) ? undefined : new Array<number>(frame.length).fill(fixed);
}

function isByType(options: JsonObject): boolean {
  return object(object(object(options.binary).left).matcher).id === 'byType';
}

/** All columns of a type, each with the same thing on the right. */
function everyField(frames: Frame[], options: JsonObject): Frame[] {
  const { left, operator, right } = object(options.binary);
  const type = text(object(object(left).matcher).options);
  const sign = text(operator) ?? '+';
  const named = text(object(object(right).matcher).options) ?? text(object(right).fixed) ?? text(right) ?? '';
  const operate = OPERATORS[sign];
  return frames.flatMap((frame) => {
    const values = operand(right, frame, frames);
    const made = (field: Field): Field[] => {
      if (field.type !== type || values === undefined || operate === undefined) return [];
      const results = (field.values as number[]).map((value, row) => operate(value, values[row] as number));
      return [{ ...field, name: `${field.name} ${sign} ${named}`, values: results }];
    };
    if (options.replaceFields !== true) {
      const time = options.timeSeries === false ? undefined : timeField(frame);
      const others = frame.fields.filter((field) => field !== time);
      return [{ ...frame, fields: [...(time === undefined ? [] : [time]), ...others.flatMap((field) => [field, ...made(field)])] }];
    }
    const results = frame.fields.flatMap(made);
    return results.length === 0 ? [] : [{ ...frame, fields: [...keptFields(frame, 'binary', options), ...results] }];
  });
}

const UNARY: Record<string, (value: number, total: number) => number> = {
  abs: Math.abs,
  exp: Math.exp,
  ln: Math.log,
  round: Math.round,
  floor: Math.floor,
  ceil: Math.ceil,
  percent: (value, total) => value / (total || 1),
};

function unary(frame: Frame, frames: Frame[], options: JsonObject): number[] | undefined {
  const operate = UNARY[text(options.operator) ?? 'abs'];
  const fields = frame.fields.filter((one) => one.type === 'number' && displayName(one, frame, frames) === options.fieldName);
  const values = (fields[fields.length - 1]?.values ?? []) as number[];
  if (operate === undefined || values.length === 0) {
    return undefined;
  }
  const total = values.filter(Number.isFinite).reduce((sum, value) => sum + value, 0);
  return values.map((value) => operate(value, total));
}

function chosen(frame: Frame, frames: Frame[], name: Json | undefined): Field | undefined {
  const wanted = fieldMatcher(text(name) ? { id: 'byNames', options: { names: [text(name) ?? ''] } } : { id: 'numeric', options: undefined });
  return frame.fields.find((field) => wanted(field, frame, frames));
}

function cumulative(frame: Frame, frames: Frame[], options: JsonObject): number[] | undefined {
  const field = chosen(frame, frames, options.field);
  if (field === undefined) {
    return undefined;
  }
  const mean = options.reducer === 'mean';
  let total = 0;
  return (field.values as (number | null)[]).map((value, index) => {
    total += value ?? 0;
    return mean ? total / (index + 1) : total;
  });
}

/** Mean, variance or deviation over the values around each, or before it. */
function overWindow(frame: Frame, frames: Frame[], options: JsonObject): unknown[] | undefined {
  const field = chosen(frame, frames, options.field);
  const size = number(options.windowSize) ?? 0.1;
  if (field === undefined || size <= 0) {
    return undefined;
  }
  const width = Math.ceil(size * (options.windowSizeMode === 'fixed' ? 1 : frame.length));
  const centered = options.windowAlignment === 'centered';
  const [before, after] = centered ? [Math.floor(width / 2), Math.ceil(width / 2) - 1] : [width - 1, 0];
  const calc = text(options.reducer) ?? 'mean';
  return field.values.map((_, index) => {
    const values = field.values.slice(Math.max(0, index - before), index + after + 1);
    return reduce({ type: 'number', values }, calc) ?? 0;
  });
}

function nameOf(mode: string, options: JsonObject): string {
  const of = (name: Json | undefined) => (text(name) ? `(${text(name)})` : '');
  switch (mode) {
    case 'reduceRow': return reducerName(text(object(options.reduce).reducer) ?? 'sum');
    case 'binary': {
      const { left, right, operator } = object(options.binary);
      const [a, b] = [left, right].map((side) => text(side) ?? text(object(object(side).matcher).options) ?? text(object(side).fixed) ?? '');
      return a && b ? `${a} ${text(operator) ?? '+'} ${b}` : '';
    }
    case 'unary': return `${text(object(options.unary).operator) ?? 'abs'}${of(object(options.unary).fieldName)}`;
    case 'cumulativeFunctions': return `cumulative ${text(object(options.cumulative).reducer) ?? 'sum'}${of(object(options.cumulative).field)}`;
    case 'windowFunctions': {
      const { windowAlignment, reducer, field } = object(options.window);
      return `${text(windowAlignment) ?? 'trailing'} moving ${text(reducer) ?? 'mean'}${of(field)}`;
    }
    default: return 'Row';
  }
}
