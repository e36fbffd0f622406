// Any Grafana JSON to our board, and back. The steps: find the dashboard in what was given, lift every panel to today's form
// (`migrate.ts`), give each an id and a place, read it with types. What we do not know travels along in `json`.

import { at, clone, isObject, object, objects, text, type Json, type JsonObject } from './json';
import { faultOf } from './json-fault';
import { byPlace, placed } from './layout';
import { lifted } from './migrate';
import { panelsOf, type Board } from './model';
import { readBoard } from './read-board';
import { refIdOf } from './read-panel';
import { readVariable } from './read-variable';
import { ImportError, note, type ImportReport, type Note, type ReportLine } from './report';
import { notesOn } from './review';

export interface Imported {
  board: Board;
  report: ImportReport;
}

/** More panels than any person looks at; a file with more is some other thing. */
const PANELS_MAX = 2000;

/** What a panel was called, and what did not survive. */
interface Origin {
  kind: string;
  notes: Note[];
}

/** Reads a board from a text or a parsed JSON. Throws [`ImportError`] with the place of the fault. */
export function importBoard(input: unknown): Imported {
  const parsed = typeof input === 'string' ? parse(input) : input;
  const dashboard = withConstants(unwrap(parsed));
  const origins = new Map<JsonObject, Origin>();
  const panels = lift(dashboard, origins);
  const json: JsonObject = { ...dashboard, panels, schemaVersion: Math.max(39, Number(dashboard.schemaVersion) || 0) };
  delete json.rows;
  const board = readBoard(json);
  return { board, report: { lines: lines(board, origins), notes: boardNotes(dashboard) } };
}

function parse(input: string): unknown {
  const json = input.replace(/^\uFEFF/, '');
  try {
    return JSON.parse(json);
  } catch {
    throw new ImportError('dashboards.importNotJson', faultOf(json) ?? { line: 1, column: 1 });
  }
}

/** The dashboard inside `{dashboard: …}`, `{spec: …}`, an operator's `{spec: {json: "…"}}`, a lone member, or bare. */
function unwrap(value: unknown, depth = 0): JsonObject {
  if (!isObject(value)) {
    throw new ImportError('dashboards.importNotObject');
  }
  if (isObject(value.elements) && isObject(value.layout)) {
    throw new ImportError('dashboards.importV2');
  }
  if (Array.isArray(value.panels) || Array.isArray(value.rows)) {
    return clone(value);
  }
  // Jsonnet writes `{"etcd.json": {…}}`.
  const [only, ...others] = Object.values(value);
  const lone = others.length === 0 && isObject(only) ? only : undefined;
  const inner = [value.dashboard, value.spec, value.json, lone].find((one) => isObject(one) || typeof one === 'string');
  if (inner === undefined || depth > 3) {
    if (value.panels === undefined && value.rows === undefined) {
      throw new ImportError('dashboards.importNoPanels');
    }
    return clone(value);
  }
  return unwrap(typeof inner === 'string' ? parse(inner) : inner, depth + 1);
}

/** Constants that Grafana asks for at an import have their values already: `${VAR_PREFIX}`. */
function withConstants(dashboard: JsonObject): JsonObject {
  const constants = objects(dashboard.__inputs).filter((input) => input.type === 'constant' && typeof input.value === 'string');
  if (constants.length === 0) {
    return dashboard;
  }
  const values = new Map(constants.map((input) => [text(input.name) ?? '', text(input.value) ?? '']));
  const fill = (value: Json): Json => {
    if (typeof value === 'string') return value.replace(/\$\{(\w+)\}/g, (all, name: string) => values.get(name) ?? all);
    if (Array.isArray(value)) return value.map(fill);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, one === undefined ? one : fill(one)]));
  };
  return { ...(fill(dashboard) as JsonObject), __inputs: dashboard.__inputs };
}

/** All panels in today's form, with ids and refIds by the author's order, in reading order. */
function lift(dashboard: JsonObject, origins: Map<JsonObject, Origin>): JsonObject[] {
  const one = (panel: JsonObject): JsonObject => {
    if (panel.type === 'row') {
      return { ...panel, panels: objects(panel.panels).map(one) };
    }
    const { json, notes } = lifted(panel);
    const named = { ...json, targets: withRefIds(objects(json.targets)) };
    origins.set(named, { kind: text(panel.type) ?? '', notes });
    return named;
  };
  const panels = placed(dashboard).map(one);
  const all = panels.flatMap((panel) => [panel, ...objects(panel.panels)]);
  if (all.length > PANELS_MAX) {
    throw new ImportError('dashboards.importTooMany', { count: all.length, max: PANELS_MAX });
  }
  giveIds(all);
  return byPlace(panels);
}

function withRefIds(targets: JsonObject[]): JsonObject[] {
  const taken = new Set(targets.map((target) => text(target.refId)));
  let next = 0;
  const free = (): string => {
    while (taken.has(refIdOf(next))) next++;
    return refIdOf(next++);
  };
  return targets.map((target) => (text(target.refId) ? target : { ...target, refId: free() }));
}

/** Panels without an id, or with another's, get the next free one. */
function giveIds(panels: JsonObject[]): void {
  const taken = new Set<unknown>();
  const without: JsonObject[] = [];
  for (const panel of panels) {
    if (typeof panel.id === 'number' && !taken.has(panel.id)) {
      taken.add(panel.id);
    } else {
      without.push(panel);
    }
  }
  let next = 1;
  for (const panel of without) {
    while (taken.has(next)) next++;
    panel.id = next++;
  }
}

function lines(board: Board, origins: Map<JsonObject, Origin>): ReportLine[] {
  return panelsOf(board).map((panel) => {
    const { kind, notes } = origins.get(panel.json) ?? { kind: panel.kind, notes: [] };
    const review = notesOn(panel);
    const all = [...notes, ...review.notes];
    const status = review.unsupported ? 'unsupported' : all.length > 0 ? 'degraded' : 'ok';
    return { id: panel.id, title: panel.title, kind, status, notes: all };
  });
}

function boardNotes(dashboard: JsonObject): Note[] {
  const own = objects(at(dashboard, 'annotations.list')).filter((one) => one.builtIn !== 1 && one.enable !== false);
  const unknown = objects(at(dashboard, 'templating.list')).map(readVariable).filter(({ kind }) => kind === 'unsupported');
  return [
    ...(own.length > 0 ? [note('dashboards.noteAnnotations', { count: own.length })] : []),
    ...unknown.map(({ name, json }) => note('dashboards.noteVariable', { name, type: text(json.type) ?? '' })),
  ];
}
