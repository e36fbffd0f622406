// Changes of a board's JSON. Each function gives a new JSON and leaves the old one alone, so that a change can be undone by
// taking the old one back.

import { inferUnit } from '../format/unit';
import { at, clone, isObject, number, object, objects, put, text, type Json, type JsonObject } from './json';
import type { Grid } from './model';
import { usualSize } from './size';

/** Changes the board itself at a path: `title`, `time.from`. */
export function withValue(json: JsonObject, path: string, value: Json | undefined): JsonObject {
  const changed = clone(json);
  put(changed, path, value);
  return changed;
}

/** All panels, those in rows too. */
const all = (json: JsonObject) => objects(json.panels).flatMap((panel) => [panel, ...objects(panel.panels)]);

/** The panel with an id, in a row or not. */
export function panelIn(json: JsonObject, id: number): JsonObject | undefined {
  return all(json).find((panel) => panel.id === id);
}

/** Replaces the panel with an id; `null` takes it away. */
export function withPanel(json: JsonObject, id: number, change: (panel: JsonObject) => JsonObject | null): JsonObject {
  const one = (panel: JsonObject): JsonObject[] => {
    if (panel.id === id) {
      const result = change(clone(panel));
      return result === null ? [] : [result];
    }
    const inner = objects(panel.panels);
    return [inner.length === 0 ? panel : { ...panel, panels: inner.flatMap(one) }];
  };
  return { ...json, panels: objects(json.panels).flatMap(one) };
}

/** Changes a panel at a path: `fieldConfig.defaults.unit`. */
export function withPanelValue(json: JsonObject, id: number, path: string, value: Json | undefined): JsonObject {
  return withPanel(json, id, (panel) => {
    put(panel, path, value);
    return panel;
  });
}

function nextId(json: JsonObject): number {
  const ids = all(json).map(({ id }) => number(id) ?? 0);
  return Math.max(0, ...ids) + 1;
}

/** A new panel of a kind below all others. */
export function withNewPanel(json: JsonObject, type: string, title: string): { json: JsonObject; id: number } {
  const id = nextId(json);
  const bottom = Math.max(0, ...all(json).map(({ gridPos }) => (number(at(gridPos, 'y')) ?? 0) + (number(at(gridPos, 'h')) ?? 0)));
  const panel: JsonObject = { id, type, title, gridPos: { x: 0, y: bottom, ...usualSize(type) } };
  if (type === 'row') {
    Object.assign(panel, { collapsed: false, panels: [] });
  } else if (type === 'text') {
    Object.assign(panel, { options: { mode: 'markdown', content: '' } });
  } else {
    Object.assign(panel, { targets: [{ refId: 'A', expr: '' }], fieldConfig: { defaults: { custom: {} }, overrides: [] }, options: {} });
  }
  return { json: { ...json, panels: [...objects(json.panels), panel] }, id };
}

/** A board without panels. */
export function emptyBoard(title: string): JsonObject {
  return { title, tags: [], timezone: '', schemaVersion: 39, time: { from: 'now-1h', to: 'now' }, refresh: '30s', panels: [] };
}

/** An expression as a chart below all others. */
export function withQuery(json: JsonObject, title: string, expr: string): JsonObject {
  const added = withNewPanel(json, 'timeseries', title);
  return withPanel(added.json, added.id, (panel) => ({
    ...panel,
    targets: [{ refId: 'A', expr }],
    fieldConfig: { defaults: { unit: inferUnit(expr) || 'short' }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom', calcs: [] }, tooltip: { mode: 'multi' } },
  }));
}

/** A copy of a panel right after it. */
export function withCopy(json: JsonObject, id: number): { json: JsonObject; id: number } {
  const copy = nextId(json);
  const twice = (panels: JsonObject[]): JsonObject[] => {
    return panels.flatMap((panel) => {
      const own = Array.isArray(panel.panels) ? { ...panel, panels: twice(objects(panel.panels)) } : panel;
      if (panel.id !== id) return [own];
      const { x, y, w, h } = gridOf(panel);
      return [own, { ...clone(panel), id: copy, gridPos: { x, y: y + h, w, h } }];
    });
  };
  return { json: { ...json, panels: twice(objects(json.panels)) }, id: copy };
}

function gridOf(panel: JsonObject): Grid {
  const grid = object(panel.gridPos);
  return { x: number(grid.x) ?? 0, y: number(grid.y) ?? 0, w: number(grid.w) ?? 12, h: number(grid.h) ?? 8 };
}

/** Where the panels of a section lie, counted from its top. */
export interface Laid {
  /** Id of the row; `null` for what stands before the first one. */
  row: number | null;
  boxes: readonly (Grid & { id: number })[];
}

/** Gives every panel its place, section by section: rows follow each other without holes. */
export function withLayout(json: JsonObject, sections: readonly Laid[]): JsonObject {
  const byId = new Map(all(json).map((panel) => [panel.id, panel]));
  const panels: JsonObject[] = [];
  let y = 0;
  for (const { row, boxes } of sections) {
    const heading = row === null ? undefined : byId.get(row);
    const top = heading === undefined ? y : y + 1;
    const inside = boxes.flatMap(({ id, x, y: below, w, h }) => {
      const panel = byId.get(id);
      return panel === undefined ? [] : [{ ...panel, gridPos: { x, y: top + below, w, h } }];
    });
    const height = Math.max(0, ...boxes.map((box) => box.y + box.h));
    const closed = heading?.collapsed === true;
    if (heading !== undefined) {
      panels.push({ ...heading, gridPos: { x: 0, y, w: 24, h: 1 }, panels: closed ? inside : [] });
    }
    if (!closed) panels.push(...inside);
    y = closed ? top : top + height;
  }
  return { ...json, panels };
}

/** Sets the definition of a variable; a new name appends one, `null` takes it away. */
export function withVariable(json: JsonObject, name: string, variable: JsonObject | null): JsonObject {
  const list = objects(at(json, 'templating.list'));
  const place = list.findIndex((one) => text(one.name) === name);
  const kept = list.filter((_, index) => index !== place);
  const next = variable === null ? kept : place < 0 ? [...list, variable] : list.map((one, index) => (index === place ? variable : one));
  return { ...json, templating: { ...object(json.templating), list: next } };
}

/** The JSON of a text that a person has edited; throws the parser's error. */
export function parsedObject(source: string): JsonObject {
  const parsed: unknown = JSON.parse(source);
  if (!isObject(parsed)) {
    throw new SyntaxError('{ … }');
  }
  return parsed;
}
