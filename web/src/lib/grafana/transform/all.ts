// Every transformation under the id that Grafana gives it.

import { calculateField } from './calculate';
import { convertFieldType, filterFieldsByName, organize, renameByRegex } from './columns';
import { concatenate, joinByField, merge } from './join';
import { groupingToMatrix, labelsToFields, partitionByValues } from './labels';
import { reduceFrames } from './reduce';
import { filterByRefId, filterByValue, groupBy, limit, seriesToRows, sortBy } from './rows';
import type { Transformers } from '.';

export const TRANSFORMERS: Transformers = {
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
