// Which fields an override or a transformation speaks of.

import type { Field, Frame } from './frame';
import { TIME, VALUE } from './frame';
import { object, text, texts, type Json } from './json';
import { displayName } from './names';
import { reduce } from './reduce';
import { toRegExp } from './regexp';

export interface Matcher {
  id: string;
  options: Json | undefined;
}

export type FieldTest = (field: Field, frame: Frame, frames: Frame[]) => boolean;

/** The test that a matcher stands for; one that nobody knows matches nothing. */
export function fieldMatcher({ id, options }: Matcher): FieldTest {
  switch (id) {
    case 'byName': return named([text(options) ?? '']);
    case 'byNames': return byNames(options);
    case 'byRegexp': return byRegexp(text(options) ?? '');
    case 'byRegexpOrNames': {
      const [pattern, names] = [byRegexp(text(object(options).pattern) ?? ''), named(texts(object(options).names))];
      return (field, frame, frames) => names(field, frame, frames) || pattern(field, frame, frames);
    }
    case 'byFrameRefID': return (_, frame) => frame.refId === options;
    case 'byType': return (field) => field.type === options;
    case 'byTypes': {
      const types = new Set(texts(options));
      return (field) => types.has(field.type);
    }
    case 'numeric': return (field) => field.type === 'number';
    case 'time': return (field) => field.type === 'time';
    case 'first': return (field, frame) => field === frame.fields[0];
    case 'firstTimeField': return (field, frame) => field === frame.fields.find(({ type }) => type === 'time');
    case 'byValue': return byValue(options);
    case 'anyMatch': return anyOf(options, (tests, args) => tests.some((test) => test(...args)));
    case 'allMatch': return anyOf(options, (tests, args) => tests.every((test) => test(...args)));
    case 'invertMatch': {
      const { id, options: inner } = object(options);
      const test = fieldMatcher({ id: text(id) ?? '', options: inner });
      return (...args) => !test(...args);
    }
    case 'alwaysMatch': return () => true;
    default: return () => false;
  }
}

/** Whether the matcher is one we know: an import tells of the others. */
export function isKnownMatcher(id: string): boolean {
  return KNOWN.has(id);
}

const KNOWN = new Set(
  ('byName byNames byRegexp byRegexpOrNames byFrameRefID byType byTypes numeric time first firstTimeField byValue anyMatch ' +
    'allMatch invertMatch alwaysMatch neverMatch').split(' '),
);

function anyOf(options: Json | undefined, decide: (tests: FieldTest[], args: Parameters<FieldTest>) => boolean): FieldTest {
  const tests = (Array.isArray(options) ? options : []).map((one) => {
    return fieldMatcher({ id: text(object(one).id) ?? '', options: object(one).options });
  });
  return (...args) => decide(tests, args);
}

function named(names: string[]): FieldTest {
  const wanted = new Set(names);
  // A value column named by its metric still answers to `Value`, a time column to `Time`.
  const value = wanted.has(VALUE);
  const time = wanted.has(TIME) || wanted.has('time');
  return (field, frame, frames) =>
    wanted.has(field.name) ||
    wanted.has(displayName(field, frame, frames)) ||
    (value && field.labels !== undefined && field.labels.__name__ === field.name) ||
    (time && !value && field.type === 'time');
}

function byNames(options: Json | undefined): FieldTest {
  const test = named(texts(object(options).names));
  return object(options).mode === 'exclude' ? (...args) => !test(...args) : test;
}

function byRegexp(pattern: string): FieldTest {
  const regexp = pattern === '' ? undefined : toRegExp(pattern);
  return (field, frame, frames) => regexp !== undefined && regexp.test(displayName(field, frame, frames));
}

function byValue(options: Json | undefined): FieldTest {
  const { reducer, op, value } = object(options);
  const calc = text(reducer);
  if (calc === undefined) {
    return () => false;
  }
  return (field) => {
    const left = reduce(field, calc);
    return typeof left === 'boolean' ? left : compare(left, text(op) ?? 'eq', value);
  };
}

/** Compares as Grafana does: by text for equality; with null on a side, at least and at most mean equal. */
export function compare(left: unknown, op: string, right: unknown): boolean {
  const [a, b] = [left as number, right as number];
  const equal = `${left ?? null}` === `${right ?? null}`;
  if (left === null || left === undefined || right === null || right === undefined) {
    return op === 'neq' ? !equal : equal && (op === 'eq' || op === 'gte' || op === 'lte');
  }
  switch (op) {
    case 'eq': return equal;
    case 'neq': return !equal;
    case 'gt': return a > b;
    case 'gte': return a >= b;
    case 'lt': return a < b;
    case 'lte': return a <= b;
    default: return false;
  }
}
