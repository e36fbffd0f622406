// Where panels lie: on 24 columns, by `gridPos`. Boards without it flow from left to right; those of Grafana 4 had rows of 12.

import { isObject, number, object, text, type Json, type JsonObject } from './json';
import type { Grid } from './model';
import { ImportError } from './report';
import { COLUMNS, usualSize } from './size';

/** A row of the grid, in pixels, with the gap below it: for heights that old boards give in pixels. */
const CELL = 38;
const ROW_HEIGHT = 250;
const PANEL_HEIGHT_MIN = 90;

/** The panels of a board, each with a place. Rows of the old kind become panels of the type `row`. */
export function placed(dashboard: JsonObject): JsonObject[] {
  const panels = checked(dashboard.panels, 'panels').filter(isOriginal);
  const rows = checked(dashboard.rows, 'rows').filter(isOriginal);
  const moved = rows.length > 0 ? placeRows(rows, bottom(panels)) : [];
  return flow([...panels, ...moved]);
}

/** Old Grafana saved the repetitions of panels and rows with them; they are made anew. */
function isOriginal(json: JsonObject): boolean {
  return [json.repeatPanelId, json.repeatRowId, json.repeatedByRow].every((by) => by === undefined || by === null || by === false);
}

function checked(value: Json | undefined, place: string): JsonObject[] {
  if (value === undefined || value === null) {
    return [];
  }
  if (!Array.isArray(value)) {
    throw new ImportError('dashboards.importNotList', { place });
  }
  return value.map((one, index) => {
    if (!isObject(one)) {
      throw new ImportError('dashboards.importNotPanel', { place: `${place}[${index}]` });
    }
    return one;
  });
}

export function gridOf(panel: JsonObject): Grid | undefined {
  const { x, y, w, h } = object(panel.gridPos);
  const [width, height] = [number(w), number(h)];
  if (width === undefined || height === undefined || width <= 0 || height <= 0) {
    return undefined;
  }
  const bounded = Math.min(COLUMNS, Math.round(width));
  return { x: Math.min(COLUMNS - bounded, Math.max(0, number(x) ?? 0)), y: Math.max(0, number(y) ?? 0), w: bounded, h: height };
}

function bottom(panels: JsonObject[]): number {
  return Math.max(0, ...panels.map((panel) => gridOf(panel)).map((grid) => (grid ? grid.y + grid.h : 0)));
}

/** Gives a place to panels without one, below all that have one. */
function flow(panels: JsonObject[]): JsonObject[] {
  const cursor = new Cursor(bottom(panels));
  return panels.map((panel, index) => {
    const grid = gridOf(panel) ?? cursor.place(usualSize(text(panel.type) ?? ''));
    const inner = panel.type === 'row' ? { panels: flow(checked(panel.panels, `panels[${index}].panels`)) } : {};
    return { ...panel, ...inner, gridPos: { ...grid } };
  });
}

/** From left to right, a new line when the panel does not fit. */
class Cursor {
  private x = 0;
  private height = 0;

  constructor(public y: number) {}

  place({ w, h }: { w: number; h: number }): Grid {
    if (this.x + w > COLUMNS) this.line();
    const grid = { x: this.x, y: this.y, w, h };
    this.x += w;
    this.height = Math.max(this.height, h);
    return grid;
  }

  line(): void {
    if (this.x === 0) return;
    this.y += this.height;
    [this.x, this.height] = [0, 0];
  }
}

/** Rows of Grafana 4: each holds its panels, whose `span` is of 12. */
function placeRows(rows: JsonObject[], start: number): JsonObject[] {
  const titled = rows.some((row) => row.collapse === true || row.showTitle === true || Boolean(row.repeat));
  const cursor = new Cursor(start);
  return rows.flatMap((row, index) => {
    const panels: JsonObject[] = [];
    const heading = titled ? headingOf(row, cursor) : undefined;
    for (const panel of checked(row.panels, `rows[${index}].panels`)) {
      const w = Math.min(COLUMNS, Math.max(1, Math.floor(number(panel.span) ?? 4) * 2));
      const gridPos = gridOf(panel) ?? cursor.place({ w, h: heightOf(panel.height ?? row.height) });
      panels.push({ ...withoutSpan(panel), gridPos: { ...gridPos } });
    }
    cursor.line();
    if (heading === undefined) return panels;
    return row.collapse === true ? [{ ...heading, panels }] : [heading, ...panels];
  });
}

function headingOf(row: JsonObject, cursor: Cursor): JsonObject {
  cursor.line();
  const gridPos = { x: 0, y: cursor.y, w: COLUMNS, h: 1 };
  cursor.y += 1;
  const title = row.showTitle === false && row.collapse !== true ? '' : (text(row.title) ?? '');
  return { type: 'row', title, collapsed: row.collapse === true, repeat: row.repeat, gridPos, panels: [] };
}

/** `minSpan` was the least width of a repeated panel. */
function withoutSpan(panel: JsonObject): JsonObject {
  const { span: _, height: __, minSpan, ...rest } = panel;
  const least = number(minSpan);
  return least === undefined || least <= 0 ? rest : { maxPerRow: Math.max(1, Math.floor(12 / least)), ...rest };
}

/** `250px`, `250`, or nothing. */
function heightOf(height: Json | undefined): number {
  const pixels = number(height) ?? (Number.parseInt(text(height) ?? '', 10) || ROW_HEIGHT);
  return Math.ceil(Math.max(PANEL_HEIGHT_MIN, pixels) / CELL);
}

/** In reading order. */
export function byPlace(panels: JsonObject[]): JsonObject[] {
  const grid = (panel: JsonObject) => gridOf(panel) ?? { x: 0, y: 0 };
  return [...panels].sort((a, b) => grid(a).y - grid(b).y || grid(a).x - grid(b).x);
}
