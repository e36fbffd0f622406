// Transformations: what a panel does to its frames before it shows them. Each gives new frames and leaves the old alone.

import type { Frame } from '../frame';
import { isObject, object, objects, text, type Json, type JsonObject } from '../json';

export interface Transformation {
  id: string;
  options: JsonObject;
  disabled: boolean;
  /** Only frames of this query; the others pass untouched. */
  filter: string | null;
}

/** The values of variables stand in the options already. */
export type Transformer = (frames: Frame[], options: JsonObject) => Frame[];

export function readTransformations(json: unknown): Transformation[] {
  return objects(json).map((one) => ({
    id: text(one.id) ?? '',
    options: object(one.options),
    disabled: one.disabled === true,
    filter: text(object(one.filter).options) ?? null,
  }));
}

/** All that we know, by Grafana's ids. */
const IDS = [
  'organize',
  'filterFieldsByName',
  'renameByRegex',
  'convertFieldType',
  'merge',
  'joinByField',
  'seriesToColumns',
  'concatenate',
  'groupBy',
  'sortBy',
  'limit',
  'filterByRefId',
  'filterByValue',
  'seriesToRows',
  'calculateField',
  'reduce',
  'labelsToFields',
  'partitionByValues',
  'groupingToMatrix',
  'prepareTimeSeries',
] as const;

export type Transformers = Record<(typeof IDS)[number], Transformer>;

/** The code of all of them: boards without any, which most are, never fetch it. */
export async function transformersFor(transformations: Transformation[]): Promise<Transformers | null> {
  return transformations.length === 0 ? null : (await import('./all')).TRANSFORMERS;
}

export function isKnownTransformation(id: string): id is keyof Transformers {
  return (IDS as readonly string[]).includes(id);
}

/** Applies all in order. One that nobody knows leaves the frames as they are: the import has told of it. */
export function transform(
  frames: Frame[],
  transformations: Transformation[],
  transformers: Transformers | null,
  fill = (text: string) => text,
): Frame[] {
  return transformations.reduce((current, { id, options, disabled, filter }) => {
    const apply = isKnownTransformation(id) ? transformers?.[id] : undefined;
    if (disabled || apply === undefined) return current;
    const given = filled(options, fill) as JsonObject;
    if (filter === null) return apply(current, given);
    const result = apply(current.filter(({ refId }) => refId === filter), given);
    const others = current.filter(({ refId }) => refId !== filter);
    // The others come where the first of them stood that was not in front.
    const place = Math.max(0, current.findIndex(({ refId }, index) => index > 0 && refId !== filter));
    return [...result.slice(0, place), ...others, ...result.slice(place)];
  }, frames);
}

function filled(value: Json, fill: (text: string) => string): Json {
  if (typeof value === 'string') return fill(value);
  if (Array.isArray(value)) return value.map((one) => filled(one, fill));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, one === undefined ? one : filled(one, fill)]));
}
