// Order of rows.

import type { Field, Frame } from '../frame';

/** The frame with its rows by one column. */
export function sortedFrame(frame: Frame, column: number, desc: boolean): Frame {
  const field = frame.fields[column];
  if (field === undefined) {
    return frame;
  }
  const compare = comparer(field);
  const rows = Array.from({ length: frame.length }, (_, index) => index);
  rows.sort((a, b) => (desc ? compare(field.values[b], field.values[a]) : compare(field.values[a], field.values[b])));
  return { ...frame, fields: frame.fields.map((one) => ({ ...one, values: rows.map((row) => one.values[row]) })) };
}

type Compare = (a: unknown, b: unknown) => number;

/** Numbers by size, texts without regard to case; what is empty comes last. */
function comparer({ type }: Pick<Field, 'type'>): Compare {
  switch (type) {
    case 'number':
    case 'time': return (a, b) => (a as number) - (b as number);
    case 'boolean': return emptyLast;
    case 'string': {
      const { compare } = new Intl.Collator('en', { sensitivity: 'base' });
      return (a, b) => (!a || !b ? emptyLast(a, b) : compare(String(a), String(b)));
    }
    default: return () => 0;
  }
}

function emptyLast(a: unknown, b: unknown): number {
  return a ? (b ? 0 : -1) : b ? 1 : 0;
}
