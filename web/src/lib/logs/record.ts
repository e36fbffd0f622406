// A record's fields as the store names them: nested objects by dotted names, items of arrays as several values of one name.

import type { Hit, Value } from '../api/logs';
import { isScalar, type Scalar } from './clause';

export interface RecordField {
  name: string;
  values: Scalar[];
}

/** Every field of a source, in the order of the sender. */
export function fieldsOf(source: Hit['source']): RecordField[] {
  const found = new Map<string, Scalar[]>();
  collect(source, '', found);
  return [...found].map(([name, values]) => ({ name, values }));
}

function collect(value: Value, name: string, found: Map<string, Scalar[]>): void {
  if (isScalar(value)) {
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  } else if (Array.isArray(value)) {
    value.forEach((item) => collect(item, name, found));
  } else {
    Object.entries(value).forEach(([key, inner]) => collect(inner, name === '' ? key : `${name}.${key}`, found));
  }
}

/** The value of one field as a line of text; empty where the record has none. */
export function cellText(source: Hit['source'], name: string): string {
  const found = new Map<string, Scalar[]>();
  for (const value of reached(source, name)) collect(value, name, found);
  return (found.get(name) ?? []).map((value) => scalarText(value)).join(', ');
}

/** All that a dotted name leads to: `a.b` may be `b` inside of `a`, or a field with a dot in its name. */
function reached(value: Value, name: string): Value[] {
  if (isScalar(value)) {
    return [];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item) => reached(item, name));
  }
  const own = Object.prototype.hasOwnProperty.call(value, name) ? [value[name]!] : [];
  const inner = Object.keys(value).filter((key) => name.startsWith(`${key}.`));
  return [...own, ...inner.flatMap((key) => reached(value[key]!, name.slice(key.length + 1)))];
}

export const scalarText = (value: Scalar): string => (value === null ? 'null' : String(value));

/** What a line shows: its message, or, where there is none, all fields. */
export function lineText(hit: Hit): string {
  if (hit.message !== '') {
    return hit.message;
  }
  const told = fieldsOf(hit.source).filter(({ name }) => !TIMES_AND_LEVELS.has(name));
  return told.map(({ name, values }) => `${name}=${values.map(scalarText).join(',')}`).join(' ');
}

/** What stands beside the line already. */
const TIMES_AND_LEVELS = new Set(['@timestamp', 'timestamp', 'time', 'ts', 'level', 'severity', 'levelname']);

/** Fields by which the lines of one request, or of one customer, are found again; the most exact ones first. */
const PIVOTS = ['request_id', 'requestId', 'x_request_id', 'trace_id', 'traceId', 'trace.id', 'order_id', 'order_no', 'user_id', 'userId'];

export interface Pivot {
  name: string;
  value: Scalar;
}

export function pivotsOf(fields: readonly RecordField[]): Pivot[] {
  return PIVOTS.flatMap((name) => {
    const value = fields.find((field) => field.name === name)?.values[0];
    return value === undefined || value === null || value === '' ? [] : [{ name, value }];
  });
}
