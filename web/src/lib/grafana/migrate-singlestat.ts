// `singlestat` becomes a stat, or a gauge where it drew one.

import { isObject, number, object, put, text, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { legacyCalc, legacyMappings, legacySteps, numberOption, omit, unitOption } from './migrate-shared';
import { note, type Note } from './report';

const CONSUMED = (
  'cacheTimeout colorBackground colorPostfix colorPrefix colorValue colors decimals format gauge mappingType mappingTypes ' +
  'nullPointMode nullText postfix postfixFontSize prefix prefixFontSize rangeMaps sparkline tableColumn thresholds valueFontSize ' +
  'valueMaps valueName'
).split(' ');

export function migrateSinglestat(panel: JsonObject): Lifted {
  const notes: Note[] = [];
  const gauge = object(panel.gauge);
  const isGauge = gauge.show === true;
  const defaults: JsonObject = {
    ...unitOption(panel.format),
    ...numberOption('decimals', panel.decimals),
    ...(text(panel.nullText) ? { noValue: text(panel.nullText) } : {}),
    mappings: legacyMappings(panel),
    color: { mode: 'thresholds' },
  };
  if (text(panel.thresholds)) {
    put(defaults, 'thresholds', { mode: 'absolute', steps: legacySteps(panel.thresholds, panel.colors) });
  } else {
    put(defaults, 'thresholds', { mode: 'absolute', steps: [{ value: null, color: 'text' }] });
  }
  affixes(panel, defaults, notes);
  if (isGauge) {
    Object.assign(defaults, { min: number(gauge.minValue) ?? 0, max: number(gauge.maxValue) ?? 100 });
  }
  const reduceOptions = { values: false, calcs: [legacyCalc(typeof panel.valueName === 'string' ? panel.valueName : 'avg')], ...column(panel) };
  const options = isGauge ? gaugeOptions(gauge, reduceOptions) : statOptions(panel, reduceOptions);
  const json = { ...omit(panel, CONSUMED), type: isGauge ? 'gauge' : 'stat', options, fieldConfig: { defaults, overrides: [] } };
  return { json, notes };
}

function column(panel: JsonObject): JsonObject {
  const name = text(panel.tableColumn);
  return name ? { fields: `/^${name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$/` } : {};
}

function gaugeOptions(gauge: JsonObject, reduceOptions: JsonObject): JsonObject {
  return {
    reduceOptions,
    showThresholdLabels: gauge.thresholdLabels === true,
    showThresholdMarkers: gauge.thresholdMarkers !== false,
  };
}

function statOptions(panel: JsonObject, reduceOptions: JsonObject): JsonObject {
  const sparkline = object(panel.sparkline);
  const coloured = panel.colorBackground === true ? 'background' : panel.colorValue === true ? 'value' : 'none';
  return {
    reduceOptions,
    colorMode: coloured,
    graphMode: isObject(panel.sparkline) && sparkline.show === true ? 'area' : 'none',
    textMode: panel.valueName === 'name' ? 'name' : 'value',
    justifyMode: 'auto',
    orientation: 'horizontal',
  };
}

/** Words before and after the value. One of them can be a unit of its own; with a unit given, they are lost. */
function affixes(panel: JsonObject, defaults: JsonObject, notes: Note[]): void {
  const [prefix, postfix] = [text(panel.prefix)?.trim() ?? '', text(panel.postfix)?.trim() ?? ''];
  if (prefix === '' && postfix === '') {
    return;
  }
  if (defaults.unit === undefined && (prefix === '' || postfix === '')) {
    defaults.unit = prefix === '' ? `suffix:${postfix}` : `prefix:${prefix}`;
  } else {
    notes.push(note('dashboards.noteAffix', { text: [prefix, postfix].filter((one) => one !== '').join(' … ') }));
  }
}
