// Transformations: what a panel does to its frames before it shows them. Each gives new frames and leaves the old alone.

import type { Frame } from '../frame';
import { object, objects, text, type JsonObject } from '../json';
import { calculateField } from './calculate';
import { convertFieldType, filterFieldsByName, organize, renameByRegex } from './columns';
import { concatenate, joinByField, merge } from './join';
import { groupingToMatrix, labelsToFields, partitionByValues } from './labels';
import { reduceFrames } from './reduce';
import { filterByRefId, filterByValue, groupBy, limit, seriesToRows, sortBy } from './rows';

export interface Transformation {
  id: string;
  options: JsonObject;
  disabled: boolean;
  /** Only frames of this query; the others pass untouched. */
  filter: string | null;
}

/** `fill` puts in the values of variables. */
export type Transformer = (frames: Frame[], options: JsonObject, fill: (text: string) => string) => Frame[];

export function readTransformations(json: unknown): Transformation[] {
  return objects(json).map((one) => ({
    id: text(one.id) ?? '',
    options: object(one.options),
    disabled: one.disabled === true,
    filter: text(object(one.filter).options) ?? null,
  }));
}

const TRANSFORMERS: Record<string, Transformer> = {
  organize,
  filterFieldsByName,
  renameByRegex,
  convertFieldType,
  merge,
  joinByField,
  seriesToColumns: joinByField,
  concatenate,
  groupBy,
  sortBy,
  limit,
  filterByRefId,
  filterByValue,
  seriesToRows,
  calculateField,
  reduce: reduceFrames,
  labelsToFields,
  partitionByValues,
  groupingToMatrix,
  // Says in which shape Grafana's own panels want their series; ours take either.
  prepareTimeSeries: (frames) => frames,
};

export function isKnownTransformation(id: string): boolean {
  return Object.prototype.hasOwnProperty.call(TRANSFORMERS, id);
}

/** Applies all in order. One that nobody knows leaves the frames as they are: the import has told of it. */
export function transform(frames: Frame[], transformations: Transformation[], fill = (text: string) => text): Frame[] {
  return transformations.reduce((current, { id, options, disabled, filter }) => {
    const apply = isKnownTransformation(id) ? TRANSFORMERS[id] : undefined;
    if (disabled || apply === undefined) return current;
    if (filter === null) return apply(current, options, fill);
    const mine = current.filter(({ refId }) => refId === filter);
    return [...apply(mine, options, fill), ...current.filter(({ refId }) => refId !== filter)];
  }, frames);
}
