// What lifts panels of old kinds, each loaded when a board has such a panel: most boards have one or two of them.

import { objects, type JsonObject } from './json';
import { kindOf, type Migrate, type Migrations } from './migrate';

const singlestat = async () => (await import('./migrate-singlestat')).migrateSinglestat;
const table = async () => (await import('./migrate-table')).migrateTable;
const fieldOptions = async (): Promise<Migrate> => {
  const { migrateFieldOptions } = await import('./migrate-field-options');
  return (json) => ({ json: migrateFieldOptions(json), notes: [] });
};

const LOADERS = new Map<string, () => Promise<Migrate>>([
  ['graph', async () => (await import('./migrate-graph')).migrateGraph],
  ['singlestat', singlestat],
  ['grafana-singlestat-panel', singlestat],
  ['table', table],
  ['table-old', table],
  ['grafana-piechart-panel', async () => (await import('./migrate-piechart')).migratePiechart],
  ['grafana-polystat-panel', async () => (await import('./migrate-polystat')).migratePolystat],
  ['heatmap', async () => (await import('./migrate-heatmap')).migrateHeatmap],
  ['text', async () => (await import('./migrate-text')).migrateText],
  ['stat', fieldOptions],
  ['gauge', fieldOptions],
  ['bargauge', fieldOptions],
]);

async function load(kinds: Iterable<string>): Promise<Migrations> {
  const known = [...new Set(kinds)].flatMap((kind) => {
    const loader = LOADERS.get(kind);
    return loader === undefined ? [] : [{ kind, loader }];
  });
  return new Map(await Promise.all(known.map(async ({ kind, loader }) => [kind, await loader()] as const)));
}

/** All of them, for a board of which nothing is known yet. */
export const allMigrations = (): Promise<Migrations> => load(LOADERS.keys());

/** Those of the panels of a dashboard. */
export function migrationsFor(dashboard: JsonObject): Promise<Migrations> {
  const within = (panels: JsonObject[]): JsonObject[] => panels.flatMap((panel) => [panel, ...within(objects(panel.panels))]);
  return load(within([...objects(dashboard.panels), ...objects(dashboard.rows)]).map(kindOf));
}
