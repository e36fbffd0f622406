// A board's JSON in today's form, with types. What is older is lifted to that form first, by `import.ts`.

import { at, clone, isObject, object, objects, text, texts, type Json, type JsonObject } from './json';
import { byPlace, gridOf } from './layout';
import type { Board, Panel, Row, Section } from './model';
import { readPanel, readPanelLinks } from './read-panel';
import { readVariable } from './read-variable';

/** The typed board of a JSON in today's form: after an import, and after each edit. */
export function readBoard(json: JsonObject): Board {
  const sourceOf = sources(json);
  const time = object(json.time);
  return {
    uid: text(json.uid) ?? '',
    title: text(json.title) ?? '',
    description: text(json.description) ?? '',
    tags: texts(json.tags),
    time: { from: text(time.from) ?? 'now-6h', to: text(time.to) ?? 'now' },
    refresh: text(json.refresh === false ? '' : json.refresh) ?? '',
    timezone: text(json.timezone) ?? '',
    sharedCursor: json.graphTooltip === 1 || json.graphTooltip === 2 || json.sharedCrosshair === true,
    variables: objects(at(json, 'templating.list')).map(readVariable).filter(({ name }) => name !== ''),
    links: readPanelLinks(json.links),
    sections: sectionsOf(objects(json.panels), sourceOf),
    json,
  };
}

/** Grafana's JSON of a board, with all that came with it. */
export function exportBoard(board: Board): JsonObject {
  return clone(board.json);
}

/** Kinds whose options never changed their form but for what Grafana 6 kept in two places. */
const SETTLED = ['timeseries', 'stat', 'gauge', 'bargauge', 'barchart', 'state-timeline', 'status-history', 'histogram'];

/**
 * Whether an import would find nothing to lift, as in every board that was saved here: then its code need not be fetched.
 * In doubt it says no.
 */
export function isToday(json: unknown): json is JsonObject {
  if (!isObject(json)) {
    return false;
  }
  const panels = Array.isArray(json.panels) ? json.panels.flatMap((one) => [one, ...(isObject(one) ? objects(one.panels) : [])]) : [];
  const ids = new Set(panels.map((one) => (isObject(one) ? one.id : undefined)));
  const isPlain = json.rows === undefined && json.__inputs === undefined && json.elements === undefined;
  return isPlain && Number(json.schemaVersion) >= 39 && panels.length > 0 && ids.size === panels.length && panels.every(isSettled);
}

function isSettled(panel: Json): boolean {
  if (!isObject(panel) || typeof panel.id !== 'number' || !isPlaced(panel)) {
    return false;
  }
  const { fieldOptions, valueOptions } = object(panel.options);
  const isRepetition = [panel.repeatPanelId, panel.repeatRowId, panel.repeatedByRow].some(Boolean);
  const isNamed = objects(panel.targets).every(({ refId }) => text(refId));
  const isKnown = panel.type === 'row' || SETTLED.includes(text(panel.type) ?? '');
  return isKnown && isNamed && !isRepetition && fieldOptions === undefined && valueOptions === undefined;
}

/** A place that no import would correct. */
function isPlaced(panel: JsonObject): boolean {
  const grid = object(panel.gridPos);
  return Object.entries(gridOf(panel) ?? { x: null }).every(([side, value]) => grid[side] === value);
}

function sectionsOf(panels: JsonObject[], sourceOf: (datasource: Json | undefined) => string): Section[] {
  const sections: Section[] = [{ row: null, panels: [] }];
  for (const json of byPlace(panels)) {
    if (json.type === 'row') {
      const inner = byPlace(objects(json.panels)).map((panel) => readPanel(panel, sourceOf));
      sections.push({ row: readRow(json), panels: inner });
    } else {
      sections[sections.length - 1]?.panels.push(readPanel(json, sourceOf));
    }
  }
  return sections.filter(({ row, panels }) => row !== null || panels.length > 0).map(fromTop);
}

function readRow(json: JsonObject): Row {
  return {
    id: Number(json.id) || 0,
    title: text(json.title) ?? '',
    collapsed: json.collapsed === true,
    repeat: text(json.repeat) || null,
    scoped: {},
  };
}

/** Places count from the section's top, so that a row which is closed takes no room. */
function fromTop(section: Section): Section {
  const top = Math.min(...section.panels.map(({ grid }) => grid.y));
  const panels = section.panels.map((panel) => ({ ...panel, grid: { ...panel.grid, y: panel.grid.y - top } }) as Panel);
  return { ...section, panels };
}

/** What kind of source a `datasource` names: `prometheus`, `loki`, …; empty for the default one. */
function sources(json: JsonObject): (datasource: Json | undefined) => string {
  const kinds = new Map<string, string>();
  for (const input of objects(json.__inputs)) {
    kinds.set(text(input.name) ?? '', text(input.pluginId) ?? '');
  }
  for (const variable of objects(at(json, 'templating.list'))) {
    if (variable.type === 'datasource') kinds.set(text(variable.name) ?? '', text(variable.query) ?? '');
  }
  const byName = (name: string): string => {
    const [, variable] = /^\$\{?(\w+)(?::\w+)?\}?$/.exec(name) ?? [];
    if (variable !== undefined) return kinds.get(variable) ?? '';
    const [, known] = /^-- (\w+) --$/.exec(name) ?? [];
    return known === undefined || known === 'Mixed' ? '' : known.toLowerCase();
  };
  return (datasource) => {
    if (typeof datasource === 'string') return byName(datasource);
    const type = text(object(datasource).type) ?? '';
    const uid = text(object(datasource).uid) ?? '';
    if (type === 'datasource') return uid === '-- Mixed --' || uid === 'mixed' ? '' : uid.replace(/-- | --/g, '').toLowerCase();
    return type.startsWith('$') || type === '' ? byName(type || uid) : type;
  };
}
