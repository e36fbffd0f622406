// Asking the server that this page came from. All addresses are relative to the page, so any route prefix works.

import { session } from '../session.svelte';

/** What a refusal says besides its words: a name for it, and the bytes of the query that it is about. */
export interface Fault {
  code: string;
  start: number;
  end: number;
  arguments: Record<string, string | number>;
}

/** A refusal, in words for a person. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when nobody answered. */
    readonly status: number,
    /** Prometheus' `errorType`, where there is one. */
    readonly kind: string = '',
    /** Grafana's `status`, where there is one: `version-mismatch`. */
    readonly reason: string = '',
    /** Where the query is at fault, as the log store tells it. */
    readonly fault: Fault | null = null,
  ) {
    super(message);
  }
}

export interface Options {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as a form. */
  form?: URLSearchParams;
  /** Sent as it is. */
  text?: string;
  signal?: AbortSignal;
  /** Reads the answer; `JSON.parse` when missing. */
  parse?: (text: string) => unknown;
  /** Statuses that are answers, too, and no refusals. */
  accepted?: readonly number[];
}

/** Sends a request and gives back the answer's JSON; throws [`ApiError`]. */
export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  const text = await response.text();
  const body = parsed(text, options.parse ?? JSON.parse);
  if (!response.ok && options.accepted?.includes(response.status) !== true) {
    if (response.status === 401) {
      session.expired();
    }
    throw refusal(response.status, body, text);
  }
  return body as T;
}

async function send(path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { 'X-Lingshao-UI': '1' };
  let body: BodyInit | undefined = options.form ?? options.text;
  if (options.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.json);
  }
  const method = options.method ?? (body === undefined ? 'GET' : 'POST');
  try {
    return await fetch(path, { method, headers, body, signal: options.signal, credentials: 'same-origin' });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError(String(error instanceof Error ? error.message : error), 0);
  }
}

function parsed(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status: number, body: unknown, text: string): ApiError {
  if (typeof body === 'object' && body !== null) {
    const { error, message, errorType, status: reason } = body as Record<string, unknown>;
    if (typeof error === 'object' && error !== null) {
      const { message: words, code = '', start = 0, end = 0, arguments: given = {} } = error as Partial<Fault> & { message?: string };
      return new ApiError(words ?? text, status, code, '', { code, start, end, arguments: given });
    }
    const words = [error, message].find((one): one is string => typeof one === 'string') ?? text;
    const word = (one: unknown) => (typeof one === 'string' ? one : '');
    return new ApiError(words, status, word(errorType), word(reason));
  }
  return new ApiError(typeof body === 'string' ? body : text.trim() || `HTTP ${status}`, status);
}

/** Whether an error only says that we ourselves gave the request up. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
