// What may be typed next at a place of a query.

import { fieldText, valueText, type Scalar } from './clause';
import { tokens, type Token } from './tokens';

/** The part of the text that a suggestion takes the place of, and what is asked for there. */
export type Place =
  | { kind: 'clause'; from: number; to: number; prefix: string; /** Whether a condition stands before it. */ joins: boolean }
  | { kind: 'value'; from: number; to: number; prefix: string; field: string };

export interface Suggestion {
  kind: 'field' | 'operator' | 'value' | 'range';
  /** What is put in. */
  text: string;
  /** What is shown, where that differs. */
  label: string;
  /** How many records have it. */
  count: number | null;
}

export function placeAt(query: string, caret: number): Place {
  const list = tokens(query);
  const at = list.findIndex((token) => token.from < caret && caret <= token.from + token.text.length);
  const token = list[at];
  const before = list.slice(0, Math.max(at, 0)).filter(({ kind }) => kind !== 'space');
  if (token === undefined) {
    return { kind: 'clause', from: caret, to: caret, prefix: '', joins: false };
  }
  const written = token.text.slice(0, caret - token.from);
  if (token.kind === 'field') {
    const atEnd = caret === token.from + token.text.length;
    return atEnd ? valuePlace(token, caret, caret, '') : { kind: 'clause', from: token.from, to: token.from + token.text.length, prefix: written, joins: false };
  }
  const field = fieldOf([...before, ...(token.kind === 'space' || token.kind === 'comparison' || token.text === '(' ? [token] : [])]);
  const isWritten = token.kind === 'word' || token.kind === 'string';
  if (field !== null && (isWritten || token.kind === 'comparison' || token.text === '(' || token.kind === 'space')) {
    return valuePlace(field, isWritten ? token.from : caret, isWritten ? token.from + token.text.length : caret, isWritten ? written.replace(/^["“]/, '') : '');
  }
  const joins = before.length > 0 && !opens(before[before.length - 1]!);
  if (token.kind === 'word' || (token.kind === 'operator' && /^[A-Z]+$/.test(token.text))) {
    return { kind: 'clause', from: token.from, to: token.from + token.text.length, prefix: written, joins };
  }
  return { kind: 'clause', from: caret, to: caret, prefix: '', joins };
}

function valuePlace(field: Token, from: number, to: number, prefix: string): Place {
  return { kind: 'value', from, to, prefix, field: field.text.slice(0, -1).replace(/\\([\s\S])/g, '$1') };
}

/** The field whose value is being typed, given all tokens before it. */
function fieldOf(before: readonly Token[]): Token | null {
  const solid = before.filter(({ kind }) => kind !== 'space');
  const last = solid[solid.length - 1];
  if (last === undefined) return null;
  if (last.kind === 'field') return before[before.length - 1] === last ? last : null;
  if (last.kind === 'comparison') return fieldOf(solid.slice(0, -1));
  const opening = openBracket(solid);
  return opening > 0 && solid[opening - 1]?.kind === 'field' && (opens(last) || last.text === '(') ? solid[opening - 1]! : null;
}

/** Where the innermost bracket that is still open stands. */
function openBracket(list: readonly Token[]): number {
  let depth = 0;
  for (let at = list.length - 1; at >= 0; at -= 1) {
    const { kind, text } = list[at]!;
    if (kind !== 'bracket') continue;
    depth += '(（'.includes(text) ? -1 : 1;
    if (depth < 0) return at;
  }
  return -1;
}

const opens = ({ kind, text }: Token) => kind === 'operator' || kind === 'field' || (kind === 'bracket' && '(（'.includes(text));

/** Suggested at most: what one reads before typing on. */
const SHOWN_MAX = 12;
const OPERATORS = ['AND', 'OR', 'AND NOT'];

export interface KnownField {
  name: string;
  records: number;
}

/** Names of fields, those that begin so first, and operators where a condition stands before. */
export function clauseSuggestions(place: Place & { kind: 'clause' }, fields: readonly KnownField[]): Suggestion[] {
  const wanted = place.prefix.replace(/\\([\s\S])/g, '$1').toLowerCase();
  const operators = OPERATORS.filter((one) => place.joins && (wanted === '' ? true : one.toLowerCase().startsWith(wanted)));
  const rank = (name: string) => (name.toLowerCase().startsWith(wanted) ? 0 : 1);
  const found = fields
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => rank(a.name) - rank(b.name) || b.records - a.records || (a.name < b.name ? -1 : 1));
  return [
    ...operators.map((one): Suggestion => ({ kind: 'operator', text: `${one} `, label: one, count: null })),
    ...found.map(({ name, records }): Suggestion => ({ kind: 'field', text: `${fieldText(name)}:`, label: name, count: records })),
  ].slice(0, SHOWN_MAX);
}

/** Fields that are asked for by stretches of time. */
const TIMES = new Set(['timestamp', '@timestamp', '_time', 'ts']);
const RANGES = ['[now-15m TO now]', '[now-1h TO now]', '[now/d TO now]', '>=now-5m'];
const LEVELS = ['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG'];

/** Values that need not be asked for. */
export function fixedValues({ field, prefix }: Place & { kind: 'value' }): Suggestion[] | null {
  if (field === 'level') {
    const found = LEVELS.filter((level) => level.startsWith(prefix.toUpperCase()));
    return found.map((level) => ({ kind: 'value', text: level, label: level, count: null }));
  }
  return TIMES.has(field) ? RANGES.map((range) => ({ kind: 'range', text: range, label: range, count: null })) : null;
}

export function valueSuggestions(found: readonly { value: Scalar; count: number }[]): Suggestion[] {
  return found
    .filter(({ value }) => value !== null)
    .slice(0, SHOWN_MAX)
    .map(({ value, count }) => ({ kind: 'value', text: valueText(value), label: String(value), count }));
}

/** The query with a suggestion put in, and where the caret is then. Behind a value one goes on typing. */
export function accepted(query: string, place: Place, suggestion: Suggestion): { query: string; caret: number } {
  const rest = query.slice(place.to);
  const isEnd = suggestion.kind === 'value' || suggestion.kind === 'range';
  const text = isEnd && !/^[\s)）]/.test(rest) ? `${suggestion.text} ` : suggestion.text;
  return { query: query.slice(0, place.from) + text + rest, caret: place.from + text.length };
}
