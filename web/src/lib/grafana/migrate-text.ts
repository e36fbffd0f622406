// Before Grafana 7 the text stood in the panel itself.

import { at, isObject, object, put, type JsonObject } from './json';
import type { Lifted } from './migrate';

export function migrateText(json: JsonObject): Lifted {
  if (isObject(json.options) && at(json, 'options.content') !== undefined) {
    return { json, notes: [] };
  }
  const { content, mode, ...rest } = json;
  const options = { ...object(json.options), content: content ?? '', mode: mode ?? 'markdown' };
  put(rest, 'options', options);
  return { json: rest, notes: [] };
}
