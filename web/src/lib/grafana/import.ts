// Any Grafana JSON to our board, with a report: find the dashboard in what was given, lift it (`lift.ts`), say a line a panel
// what did not survive.

import { at, isObject, objects, text, type JsonObject } from './json';
import { faultOf } from './json-fault';
import { liftedBoard, type Origin } from './lift';
import type { Migrations } from './migrate';
import { allMigrations } from './migrations';
import { panelsOf, type Board } from './model';
import { readVariable } from './read-variable';
import { ImportError, note, type ImportReport, type Note, type ReportLine } from './report';
import { notesOn } from './review';

export interface Imported {
  board: Board;
  report: ImportReport;
}

/** Reads a board from a text or a parsed JSON. Throws [`ImportError`] with the place of the fault. */
export async function importBoard(input: unknown): Promise<Imported> {
  return imported(input, await allMigrations());
}

/** The same with what lifts its panels. */
export function imported(input: unknown, migrations: Migrations): Imported {
  const parsed = typeof input === 'string' ? parse(input) : input;
  const dashboard = unwrap(parsed);
  const { board, origins } = liftedBoard(dashboard, migrations);
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
    return value;
  }
  // Jsonnet writes `{"etcd.json": {…}}`.
  const [only, ...others] = Object.values(value);
  const lone = others.length === 0 && isObject(only) ? only : undefined;
  const inner = [value.dashboard, value.spec, value.json, lone].find((one) => isObject(one) || typeof one === 'string');
  if (inner === undefined || depth > 3) {
    if (value.panels === undefined && value.rows === undefined) {
      throw new ImportError('dashboards.importNoPanels');
    }
    return value;
  }
  return unwrap(typeof inner === 'string' ? parse(inner) : inner, depth + 1);
}

function lines(board: Board, origins: ReadonlyMap<JsonObject, Origin>): ReportLine[] {
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
