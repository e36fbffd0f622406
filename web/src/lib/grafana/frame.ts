// Tables of columns: what a query's answer becomes, and what transformations work on. A series is a frame of a time column
// and a value column with labels.

import type { Labels } from '../api/prometheus';
import type { FieldOptions } from './fields';

export type FieldType = 'time' | 'number' | 'string' | 'boolean' | 'other';

export interface Field {
  name: string;
  type: FieldType;
  values: unknown[];
  labels?: Labels;
  config: FieldOptions;
}

export interface Frame {
  name?: string;
  /** The query it came from. */
  refId?: string;
  fields: Field[];
  length: number;
}

export const TIME = 'Time';
export const VALUE = 'Value';

export function timeField(frame: Frame): Field | undefined {
  return frame.fields.find(({ type }) => type === 'time');
}

export function frameOf(fields: Field[], rest: Partial<Frame> = {}): Frame {
  return { ...rest, fields, length: fields[0]?.values.length ?? 0 };
}

/** `{instance="a", job="b"}` */
export function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`;
}
