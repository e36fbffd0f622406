// Prometheus' HTTP API, and our batch of many queries in one request.

import { request } from './http';

export type Labels = Record<string, string>;
/** Seconds since 1970, and the value as a text. */
export type Point = [number, string];

export interface VectorSample {
  metric: Labels;
  value: Point;
}

export interface MatrixSeries {
  metric: Labels;
  values: Point[];
}

export type QueryData =
  | { resultType: 'vector'; result: VectorSample[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar'; result: Point }
  | { resultType: 'string'; result: Point };

export interface QueryAnswer {
  status: 'success' | 'error';
  data?: QueryData;
  errorType?: string;
  error?: string;
  warnings?: string[];
  infos?: string[];
}

/** Times in seconds since 1970. Without `start` it asks for one instant. */
export type BatchQuery = { id: string; query: string } & (
  | { time: number }
  | { start: number; end: number; step: number }
);

/** Queries of one batch; the server takes no more. */
export const BATCH_MAX = 64;

/** Evaluates many queries over one snapshot. Each answer carries its own error. */
export async function queries(batch: BatchQuery[], signal?: AbortSignal): Promise<Map<string, QueryAnswer>> {
  const answers = new Map<string, QueryAnswer>();
  for (let start = 0; start < batch.length; start += BATCH_MAX) {
    const part = batch.slice(start, start + BATCH_MAX);
    const path = 'api/lingshao/v1/queries';
    const body = await request<{ results: ({ id: string } & QueryAnswer)[] }>(path, { json: { queries: part }, signal });
    for (const answer of body.results) {
      answers.set(answer.id, answer);
    }
  }
  return answers;
}

interface Success<T> {
  data: T;
  warnings?: string[];
  infos?: string[];
}

/** One query at one instant, with Prometheus' notes. */
export async function instant(query: string, time?: number, signal?: AbortSignal): Promise<Success<QueryData>> {
  const form = new URLSearchParams({ query });
  if (time !== undefined) {
    form.set('time', String(time));
  }
  return request('api/v1/query', { form, signal });
}

export async function range(
  query: string,
  start: number,
  end: number,
  step: number,
  signal?: AbortSignal,
): Promise<Success<QueryData>> {
  const form = new URLSearchParams({ query, start: String(start), end: String(end), step: String(step) });
  return request('api/v1/query_range', { form, signal });
}

export async function labelValues(name: string, matchers: string[] = [], signal?: AbortSignal): Promise<string[]> {
  const parameters = new URLSearchParams(matchers.map((one) => ['match[]', one]));
  const path = `api/v1/label/${encodeURIComponent(name)}/values?${parameters}`;
  return (await request<Success<string[]>>(path, { signal })).data;
}

export async function labelNames(matchers: string[] = [], signal?: AbortSignal): Promise<string[]> {
  const parameters = new URLSearchParams(matchers.map((one) => ['match[]', one]));
  return (await request<Success<string[]>>(`api/v1/labels?${parameters}`, { signal })).data;
}

export async function series(matchers: string[], start?: number, end?: number): Promise<Labels[]> {
  const form = new URLSearchParams(matchers.map((one) => ['match[]', one]));
  if (start !== undefined) form.set('start', String(start));
  if (end !== undefined) form.set('end', String(end));
  return (await request<Success<Labels[]>>('api/v1/series', { form })).data;
}

export interface MetricMetadata {
  type: string;
  help: string;
  unit: string;
}

export async function metadata(): Promise<Record<string, MetricMetadata[]>> {
  return (await request<Success<Record<string, MetricMetadata[]>>>('api/v1/metadata')).data;
}
