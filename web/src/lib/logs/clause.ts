// One condition of a query: a field, a value, with whatever signs stand in them.

import { ExactNumber } from '../api/exact';
import type { Value } from '../api/logs';

/** Longer values would make a query that nobody reads; whoever wants one of their words types it. */
export const VALUE_LENGTH_MAX = 1000;

/** What of a field's value is asked for; `null` for a field that is not there. */
export type Scalar = string | number | boolean | null | ExactNumber;

export function isScalar(value: Value): value is Scalar {
  return typeof value !== 'object' || value === null || value instanceof ExactNumber;
}

/** `field:"value"`: a query that finds the value, whatever signs stand in it. */
export function clause(field: string, value: Scalar): string {
  const name = fieldText(field);
  if (value === null) {
    return `NOT ${name}:*`;
  }
  return `${name}:${typeof value === 'string' ? quoted(value) : String(value)}`;
}

/** A field's name as a query writes it. */
export function fieldText(name: string): string {
  const inside = name.replace(/[\s\u3000:()[\]{}"*?\\/^~<>=|&：（）“”]/gu, '\\$&');
  return inside.replace(/^[-+!]/, '\\$&');
}

/** A text in quotes. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"“”]/g, '\\$&')}"`;
}

/** A value as short as it may be written: without quotes where none are needed. */
export function valueText(value: Scalar): string {
  if (typeof value !== 'string') {
    return value === null ? '' : String(value);
  }
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.@-]*$/u.test(value) && !/^(and|or|not|to)$/i.test(value) ? value : quoted(value);
}
