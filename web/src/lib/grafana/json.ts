// Reading JSON that anybody may have written: what has the wrong shape reads as missing, never as an exception.

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

export function objects(value: unknown): JsonObject[] {
  return list(value).filter(isObject);
}

/** A text; numbers and booleans count as their text. */
export function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** A number, also one written as a text. */
export function number(value: unknown): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : undefined;
}

export function boolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** One of the words, or the fallback. */
export function oneOf<T extends string>(value: unknown, words: readonly T[], fallback: T): T {
  return words.includes(value as T) ? (value as T) : fallback;
}

export function texts(value: unknown): string[] {
  return list(value).flatMap((one) => text(one) ?? []);
}

/** What stands at `path` (`custom.lineStyle.fill`). */
export function at(value: unknown, path: string): Json | undefined {
  let found: Json | undefined = value as Json | undefined;
  for (const key of path.split('.')) {
    found = isObject(found) && Object.prototype.hasOwnProperty.call(found, key) ? found[key] : undefined;
  }
  return found;
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Puts a value at `path`, making the objects on the way; `undefined` removes it. */
export function put(target: JsonObject, path: string, value: Json | undefined): void {
  const keys = path.split('.');
  const last = keys.pop();
  if (last === undefined || [...keys, last].some((key) => FORBIDDEN.has(key))) {
    return;
  }
  let place = target;
  for (const key of keys) {
    const next = place[key];
    place = isObject(next) ? next : ((place[key] = {}) as JsonObject);
  }
  if (value === undefined) {
    delete place[last];
  } else {
    place[last] = value;
  }
}

export function clone<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
