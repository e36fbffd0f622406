// A query as one more panel of a board in Grafana's JSON.

import type { BoardJson } from '../api/grafana';
import { inferUnit } from '../format/unit';

interface Placed {
  id?: number;
  type?: string;
  gridPos?: { x?: number; y?: number; w?: number; h?: number };
  panels?: Placed[];
}

const WIDTH = 12;
const HEIGHT = 8;

/** The board with the panel below all others. */
export function withPanel(board: BoardJson, title: string, expr: string): BoardJson {
  const panels = Array.isArray(board.panels) ? (board.panels as Placed[]) : [];
  const all = panels.flatMap((one) => [one, ...(one.panels ?? [])]);
  const bottom = Math.max(0, ...all.map((one) => (one.gridPos?.y ?? 0) + (one.gridPos?.h ?? 0)));
  const id = 1 + Math.max(0, ...all.map((one) => one.id ?? 0));
  const panel = {
    id,
    type: 'timeseries',
    title,
    gridPos: { x: 0, y: bottom, w: WIDTH, h: HEIGHT },
    targets: [{ refId: 'A', expr }],
    fieldConfig: { defaults: { unit: inferUnit(expr) || 'short' }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom', calcs: [] }, tooltip: { mode: 'multi' } },
  };
  return { ...board, panels: [...panels, panel] };
}

/** A board without panels. */
export function emptyBoard(title: string): BoardJson {
  return { title, tags: [], timezone: '', schemaVersion: 39, time: { from: 'now-1h', to: 'now' }, refresh: '30s', panels: [] };
}
