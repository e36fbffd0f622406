// A dashboard of any age to our board: every panel in today's form (`migrate.ts`), with an id and a place, read with types.
// What we do not know travels along in `json`.

import { clone, isObject, objects, text, type Json, type JsonObject } from './json';
import { byPlace, placed } from './layout';
import { lifted, type Migrations } from './migrate';
import type { Board } from './model';
import { readBoard } from './read-board';
import { refIdOf } from './read-panel';
import { ImportError, type Note } from './report';

/** More panels than any person looks at; a file with more is some other thing. */
const PANELS_MAX = 2000;

/** What a panel was called, and what did not survive. */
export interface Origin {
  kind: string;
  notes: Note[];
}

export interface LiftedBoard {
  board: Board;
  /** By the panel's JSON in the board. */
  origins: ReadonlyMap<JsonObject, Origin>;
}

/** The board that a dashboard is; the given one stays as it is. */
export function liftedBoard(given: JsonObject, migrations: Migrations): LiftedBoard {
  const dashboard = withConstants(clone(given));
  const origins = new Map<JsonObject, Origin>();
  const panels = lift(dashboard, migrations, origins);
  const json: JsonObject = { ...dashboard, panels, schemaVersion: Math.max(39, Number(dashboard.schemaVersion) || 0) };
  delete json.rows;
  return { board: readBoard(json), origins };
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
function lift(dashboard: JsonObject, migrations: Migrations, origins: Map<JsonObject, Origin>): JsonObject[] {
  const one = (panel: JsonObject): JsonObject => {
    if (panel.type === 'row') {
      return { ...panel, panels: objects(panel.panels).map(one) };
    }
    const { json, notes } = lifted(panel, migrations);
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
