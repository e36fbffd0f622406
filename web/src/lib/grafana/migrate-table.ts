// The table of Grafana before 7: `styles` become field options, `transform` a transformation.

import { list, object, objects, put, text, type Json, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { isModern, legacyCalc, legacyMappings, legacySteps, numberOption, omit, Overrides, unitOption } from './migrate-shared';
import { note, type Note } from './report';

const CONSUMED = 'columns fontSize pageSize scroll showHeader sort styles transform filterNull'.split(' ');

/** Lifts an old table; a new one passes as it is. */
export function migrateTable(panel: JsonObject): Lifted {
  const old = panel.type === 'table-old' || (!isModern(panel) && (Array.isArray(panel.styles) || panel.transform !== undefined));
  if (!old) {
    return { json: panel, notes: [] };
  }
  const notes: Note[] = [];
  const defaults: JsonObject = { custom: { align: 'auto' } };
  const overrides = new Overrides();
  for (const style of objects(panel.styles)) {
    apply(style, defaults, overrides, notes);
  }
  const sort = object(panel.sort);
  const options: JsonObject = { showHeader: panel.showHeader !== false };
  if (typeof sort.col === 'string') {
    options.sortBy = [{ displayName: sort.col, desc: sort.desc === true }];
  }
  const json = {
    ...omit(panel, CONSUMED),
    type: 'table',
    options,
    transformations: [...objects(panel.transformations), ...transformations(panel, notes)],
    fieldConfig: { defaults, overrides: overrides.list() },
  };
  return { json, notes };
}

function transformations(panel: JsonObject, notes: Note[]): JsonObject[] {
  switch (panel.transform) {
    case undefined:
    case 'table': return objects(panel.targets).length > 1 || panel.transform === 'table' ? [{ id: 'merge', options: {} }] : [];
    case 'timeseries_to_columns': return [{ id: 'joinByField', options: { byField: 'Time', mode: 'outer' } }];
    case 'timeseries_to_rows': return [{ id: 'seriesToRows', options: {} }];
    case 'timeseries_aggregations': {
      const reducers = objects(panel.columns).map(({ value }) => legacyCalc(text(value) ?? ''));
      return [{ id: 'reduce', options: { reducers: reducers.length > 0 ? reducers : ['lastNotNull'] } }];
    }
    default:
      notes.push(note('dashboards.noteTransformation', { id: text(panel.transform) ?? '' }));
      return [];
  }
}

function apply(style: JsonObject, defaults: JsonObject, overrides: Overrides, notes: Note[]): void {
  const properties = propertiesOf(style, notes);
  const pattern = text(style.pattern) ?? '';
  if (pattern === '/.*/') {
    // It spoke of all columns that no other style named, and came last.
    for (const [id, value] of properties) {
      if (id !== 'displayName') put(defaults, id, value);
    }
    return;
  }
  for (const [id, value] of properties) {
    overrides.add(pattern, id, value);
  }
}

function propertiesOf(style: JsonObject, notes: Note[]): [string, Json][] {
  const found: [string, Json][] = [];
  if (text(style.alias)) found.push(['displayName', text(style.alias) ?? '']);
  if (text(style.align)) found.push(['custom.align', text(style.align) === 'auto' ? 'auto' : (text(style.align) ?? 'auto')]);
  switch (style.type) {
    case 'hidden': return [...found, ['custom.hidden', true]];
    case 'date': return [...found, ['unit', `time:${text(style.dateFormat) ?? 'YYYY-MM-DD HH:mm:ss'}`]];
    case 'number':
      for (const [id, value] of Object.entries({ ...unitOption(style.unit), ...numberOption('decimals', style.decimals) })) {
        found.push([id, value ?? null]);
      }
      break;
  }
  colours(style, found);
  const mappings = legacyMappings(style);
  if (mappings.length > 0) found.push(['mappings', mappings]);
  if (style.link === true && text(style.linkUrl)) {
    found.push(['links', [link(style)]]);
  }
  if (style.type === 'string' && style.sanitize === false) {
    notes.push(note('dashboards.noteHtmlCell'));
  }
  return found;
}

function colours(style: JsonObject, found: [string, Json][]): void {
  const kinds: Record<string, string> = { cell: 'color-background', row: 'color-background', value: 'color-text' };
  const type = kinds[text(style.colorMode) ?? ''];
  if (type === undefined) {
    return;
  }
  found.push(['custom.cellOptions', { type, ...(style.colorMode === 'row' ? { applyToRow: true } : {}) }]);
  if (list(style.thresholds).length > 0) {
    found.push(['thresholds', { mode: 'absolute', steps: legacySteps(style.thresholds, style.colors) }]);
  }
  found.push(['color', { mode: 'thresholds' }]);
}

/** `$__cell` was the cell's value, `$__cell_2` that of the third column. */
function link(style: JsonObject): JsonObject {
  const url = (text(style.linkUrl) ?? '')
    .replace(/\$\{?__cell_(\d+)(?::\w+)?\}?/g, '${__data.fields[$1]}')
    .replace(/\$\{?__cell(?::\w+)?\}?(?![\w_])/g, '${__value.text}');
  const title = text(style.linkTooltip) ?? '';
  return { title, url, targetBlank: style.linkTargetBlank === true };
}
