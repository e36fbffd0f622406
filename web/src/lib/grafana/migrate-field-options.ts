// Stat, gauge and bar gauge of Grafana 6: what a field looks like stood in `options.fieldOptions`, and before in `valueOptions`.

import { isObject, number, object, objects, put, text, type JsonObject } from './json';
import { isModern, legacyCalc, omit } from './migrate-shared';

export function migrateFieldOptions(panel: JsonObject): JsonObject {
  const options = object(panel.options);
  const fields = isObject(options.fieldOptions) ? options.fieldOptions : fromValueOptions(options);
  if (fields === undefined) {
    return panel;
  }
  const calcs = Array.isArray(fields.calcs) ? fields.calcs.map((calc) => legacyCalc(text(calc) ?? '')) : ['mean'];
  const reduceOptions = { calcs, values: fields.values === true, ...(number(fields.limit) === undefined ? {} : { limit: fields.limit }) };
  const kept = omit(options, 'fieldOptions valueOptions thresholds valueMappings minValue maxValue'.split(' '));
  const json: JsonObject = { ...panel, options: { ...kept, reduceOptions: { ...reduceOptions, ...object(options.reduceOptions) } } };
  if (!isModern(panel)) {
    json.fieldConfig = { defaults: defaultsOf(fields), overrides: objects(fields.overrides) };
  }
  return json;
}

function defaultsOf(fields: JsonObject): JsonObject {
  const given = { ...object(fields.defaults), ...object(fields.override) };
  const defaults: JsonObject = { color: { mode: 'thresholds' }, ...omit(given, ['title', 'thresholds']) };
  const steps = objects(fields.thresholds).length > 0 ? objects(fields.thresholds) : objects(given.thresholds);
  if (steps.length > 0) {
    put(defaults, 'thresholds', { mode: 'absolute', steps: steps.map(({ value, color }) => ({ value: number(value) ?? null, color })) });
  } else if (isObject(given.thresholds)) {
    put(defaults, 'thresholds', given.thresholds);
  }
  if (defaults.mappings === undefined && objects(fields.mappings).length > 0) {
    put(defaults, 'mappings', objects(fields.mappings));
  }
  const title = text(given.title);
  if (title) defaults.displayName = title;
  return defaults;
}

/** Grafana 6.0: `{valueOptions: {unit, stat}, minValue, maxValue, thresholds, valueMappings}`. */
function fromValueOptions(options: JsonObject): JsonObject | undefined {
  if (!isObject(options.valueOptions)) {
    return undefined;
  }
  const { unit, stat, decimals } = options.valueOptions;
  const thresholds = objects(options.thresholds).sort((a, b) => (number(a.index) ?? 0) - (number(b.index) ?? 0));
  return {
    calcs: [text(stat) ?? 'mean'],
    defaults: { unit, decimals, min: options.minValue, max: options.maxValue },
    thresholds,
    mappings: options.valueMappings,
  };
}
