// The log store's own API: what the page asks, in its words.

import { parseExact, type ExactNumber } from './exact';
import { request } from './http';

/** A level as the server counts it; `null` where a record has none. */
export type Level = 'CRITICAL' | 'ERROR' | 'WARNING' | 'INFO' | 'DEBUG' | null;

/** JSON as a producer sent it. */
export type Value = string | number | boolean | null | ExactNumber | Value[] | { [name: string]: Value };

export interface Hit {
  index: string;
  id: string;
  /** Ascending by arrival over everything. */
  seq: number;
  time_ms: number;
  /** ISO, as exact as it came. */
  time: string;
  level: Level;
  message: string;
  source: { [name: string]: Value };
}

/** A remark on a query, with the bytes it is about. */
export interface Notice {
  code: string;
  message: string;
  start: number;
  end: number;
  arguments: Record<string, string | number>;
}

export interface Histogram {
  interval_ms: number;
  levels: Level[];
  /** `counts` in the order of `levels`. */
  buckets: { t: number; counts: number[] }[];
}

export interface Found {
  total: number;
  more: boolean;
  took_ms: number;
  /** Where the next page begins. */
  cursor?: string;
  /** The newest record that the answer knows of. */
  last_seq: number;
  hits: Hit[];
  histogram?: Histogram;
  notices: Notice[];
  /** Parts of the store that could not be read. */
  damage: unknown[];
}

/** What is searched, over which time. Moments are milliseconds, or date maths. */
export interface Scope {
  query: string;
  from: number | string;
  to: number | string;
  /** Names or patterns, separated by commas; all when missing. */
  index?: string;
}

export interface Search extends Scope {
  size: number;
  order: 'asc' | 'desc';
  after?: string;
  histogram?: { buckets: number };
}

const PATH = 'api/lingshao/v1/logs';

const ask = <T>(what: string, json: object, signal?: AbortSignal) => request<T>(`${PATH}/${what}`, { json, signal, parse: parseExact });

export const search = (question: Search, signal?: AbortSignal) => ask<Found>('search', question, signal);

/** What arrives after a record, oldest first: answers as soon as there is something, or after `wait_ms`. */
export function follow(query: string, index: string | undefined, after_seq: number, size: number, signal: AbortSignal): Promise<Found> {
  return ask('search', { query, index, after_seq, wait_ms: WAIT_MS, size }, signal);
}

/** Shorter than the patience of proxies. */
const WAIT_MS = 20_000;

export interface Field {
  name: string;
  kinds: string[];
  /** How many records have it. */
  records: number;
}

export const fields = async (scope: Scope, signal?: AbortSignal) => (await ask<{ fields: Field[] }>('fields', scope, signal)).fields;

export interface Indices {
  indices: string[];
  aliases: { name: string; indices: string[] }[];
}

export const indices = (signal?: AbortSignal) => request<Indices>(`${PATH}/indices`, { signal });

export interface FieldValues {
  total: number;
  values: { value: Value; count: number }[];
  /** In values that are not listed. */
  others: number;
}

/** The most frequent values of a field. */
export function values(field: string, prefix: string, scope: Scope, size: number, signal?: AbortSignal): Promise<FieldValues> {
  return ask('values', { field, prefix: prefix === '' ? undefined : prefix, ...scope, size }, signal);
}

/** The lines around a record, in the order of time, itself among them; `query` says which of them. */
export async function context(hit: Hit, before: number, after: number, query: string, signal?: AbortSignal): Promise<Hit[]> {
  const question = { index: hit.index, seq: hit.seq, before, after, query: query === '' ? undefined : query };
  return (await ask<{ hits: Hit[] }>('context', question, signal)).hits;
}

/** The address of a file with all that a search finds. */
export function exportAddress(scope: Scope, format: 'ndjson' | 'csv', columns: readonly string[]): string {
  const { query, from, to, index } = scope;
  const parameters = new URLSearchParams({ query, from: String(from), to: String(to), format });
  if (index !== undefined) parameters.set('index', index);
  if (columns.length > 0) parameters.set('fields', columns.join(','));
  return `${PATH}/export?${parameters}`;
}
