// Lifts a panel of any age to the form of today's Grafana: kinds that are gone become those that follow them.

import { migrateFieldOptions } from './migrate-field-options';
import { migrateGraph } from './migrate-graph';
import { migrateHeatmap } from './migrate-heatmap';
import { migratePiechart } from './migrate-piechart';
import { migratePolystat } from './migrate-polystat';
import { migrateSinglestat } from './migrate-singlestat';
import { migrateTable } from './migrate-table';
import { at, clone, isObject, object, put, text, type JsonObject } from './json';
import type { Note } from './report';

export interface Lifted {
  json: JsonObject;
  /** What did not survive. */
  notes: Note[];
}

/** Kinds whose options stayed what they were. */
const RENAMED: Record<string, string> = { singlestat2: 'stat', graph2: 'timeseries', table2: 'table', text2: 'text' };

/** The panel in today's form; the given one stays as it is. */
export function lifted(panel: JsonObject): Lifted {
  const json = clone(panel);
  // By hand people leave out what seems plain.
  const type = text(json.type) ?? (Array.isArray(json.targets) ? 'timeseries' : text(at(json, 'libraryPanel.name')) ?? '');
  json.type = Object.prototype.hasOwnProperty.call(RENAMED, type) ? RENAMED[type] : type;
  switch (json.type) {
    case 'graph': return migrateGraph(json);
    case 'singlestat':
    case 'grafana-singlestat-panel': return migrateSinglestat(json);
    case 'table':
    case 'table-old': return migrateTable(json);
    case 'grafana-piechart-panel': return migratePiechart(json);
    case 'grafana-polystat-panel': return migratePolystat(json);
    case 'heatmap': return migrateHeatmap(json);
    case 'text': return { json: migrateText(json), notes: [] };
    case 'stat':
    case 'gauge':
    case 'bargauge': return { json: migrateFieldOptions(json), notes: [] };
    default: return { json, notes: [] };
  }
}

/** Before Grafana 7 the text stood in the panel itself. */
function migrateText(json: JsonObject): JsonObject {
  if (isObject(json.options) && at(json, 'options.content') !== undefined) {
    return json;
  }
  const { content, mode, ...rest } = json;
  const options = { ...object(json.options), content: content ?? '', mode: mode ?? 'markdown' };
  put(rest, 'options', options);
  return rest;
}
