// Polystat, a plugin of many small tiles, becomes a stat of many tiles. Its shapes and composites have no counterpart.

import { at, number, object, objects, text, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { legacyCalc, numberOption, omit, Overrides, unitOption } from './migrate-shared';
import { note, type Note } from './report';

export function migratePolystat(panel: JsonObject): Lifted {
  const given = { ...object(panel.polystat), ...object(panel.options) };
  const overrides = new Overrides();
  for (const one of [...objects(given.overrides), ...objects(at(panel, 'overrideConfig.overrides'))]) {
    override(one, overrides);
  }
  const steps = stepsOf(given);
  const defaults: JsonObject = {
    ...unitOption(given.globalUnitFormat ?? given.unitFormat),
    ...numberOption('decimals', given.globalDecimals ?? given.globalDecimalsDefault),
    color: { mode: 'thresholds' },
    ...(steps.length > 0 ? { thresholds: { mode: 'absolute', steps } } : {}),
    ...object(at(panel, 'fieldConfig.defaults')),
  };
  const calc = legacyCalc(text(given.globalOperator ?? given.globalOperatorName) ?? 'avg');
  const options = {
    reduceOptions: { values: false, calcs: [calc], fields: '', limit: 100 },
    colorMode: 'background',
    graphMode: 'none',
    textMode: 'value_and_name',
    orientation: 'auto',
  };
  const notes: Note[] = [note('dashboards.notePolystat')];
  const json = { ...omit(panel, ['polystat', 'options', 'overrideConfig', 'savedComposites', 'savedOverrides']), type: 'stat', options };
  return { json: { ...json, fieldConfig: { defaults, overrides: overrides.list() } }, notes };
}

function stepsOf(given: JsonObject): JsonObject[] {
  const steps = objects(at(given, 'globalThresholdsConfig') ?? given.globalThresholds ?? given.thresholds).map((one) => ({
    value: number(one.value) ?? null,
    color: text(one.color) ?? 'green',
  }));
  return steps.length === 0 ? [] : [{ value: null, color: text(given.globalFillColor ?? given.polygonGlobalFillColor) ?? 'green' }, ...steps];
}

function override(one: JsonObject, overrides: Overrides): void {
  const pattern = text(one.metricName) ?? text(one.pattern) ?? '';
  if (pattern === '' || one.enabled === false) {
    return;
  }
  const alias = `/${pattern.replace(/\//g, '\\/')}/`;
  for (const [id, value] of Object.entries({ ...unitOption(one.unitFormat), ...numberOption('decimals', one.decimals) })) {
    overrides.add(alias, id, value ?? null);
  }
  if (text(one.alias)) overrides.add(alias, 'displayName', text(one.alias) ?? '');
}
