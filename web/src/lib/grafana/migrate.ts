// Lifts a panel of any age to the form of today's Grafana: kinds that are gone become those that follow them. How, is in
// `migrate-KIND.ts`; which there are, in `migrations.ts`.

import { at, clone, text, type JsonObject } from './json';
import type { Note } from './report';

export interface Lifted {
  json: JsonObject;
  /** What did not survive. */
  notes: Note[];
}

/** Kinds whose options stayed what they were. */
const RENAMED: Record<string, string> = { singlestat2: 'stat', graph2: 'timeseries', table2: 'table', text2: 'text' };

/** How a panel of a kind becomes one of today; the given JSON is ours to change. */
export type Migrate = (json: JsonObject) => Lifted;
/** By the kind's name. Kinds that are not there have not changed. */
export type Migrations = ReadonlyMap<string, Migrate>;

/** The kind by which a panel is migrated. */
export function kindOf(panel: JsonObject): string {
  // By hand people leave out what seems plain.
  const type = text(panel.type) ?? (Array.isArray(panel.targets) ? 'timeseries' : text(at(panel, 'libraryPanel.name')) ?? '');
  return Object.prototype.hasOwnProperty.call(RENAMED, type) ? (RENAMED[type] ?? type) : type;
}

/** The panel in today's form; the given one stays as it is. */
export function lifted(panel: JsonObject, migrations: Migrations): Lifted {
  const json = clone(panel);
  json.type = kindOf(json);
  return migrations.get(json.type)?.(json) ?? { json, notes: [] };
}
