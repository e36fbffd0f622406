// The `graph` of Grafana before 8 becomes a time series (or bars by series, or a histogram).

import { boolean, list, number, object, objects, put, text, type Json, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { legacyCalc, legacyLegendCalcs, legacyTooltip, numberOption, omit, Overrides, unitOption } from './migrate-shared';
import { note, type Note } from './report';

export function migrateGraph(panel: JsonObject): Lifted {
  const notes: Note[] = [];
  const mode = text(object(panel.xaxis).mode);
  const type = mode === 'series' ? (object(panel.legend).values === true ? 'bargauge' : 'barchart') : mode === 'histogram' ? 'histogram' : 'timeseries';
  const [left = {}, right = {}] = objects(panel.yaxes ?? panel['y-axes']);
  const defaults = { ...axisOptions(left), color: { mode: 'palette-classic' }, custom: { ...drawing(panel), ...axisCustom(left) } };
  if (number(panel.decimals) !== undefined && !('decimals' in defaults)) {
    put(defaults, 'decimals', panel.decimals);
  }
  thresholds(panel, defaults, notes);
  const overrides = new Overrides();
  seriesOverrides(panel, right, overrides);
  hideEmpty(panel, overrides);
  if (panel.alert !== undefined) {
    notes.push(note('dashboards.notePanelAlert'));
  }
  const options = optionsFor(type, panel);
  return { json: { ...omit(panel, CONSUMED), type, options, fieldConfig: { defaults, overrides: overrides.list() } }, notes };
}

const CONSUMED = (
  'aliasColors bars dashLength dashes decimals fill fillGradient grid hiddenSeries legend lines linewidth nullPointMode ' +
  'percentage pointradius points renderer seriesOverrides spaceLength stack steppedLine thresholds timeRegions tooltip xaxis ' +
  'yaxes yaxis x-axis y-axis y-axes y_formats alert error'
).split(' ');

function optionsFor(type: string, panel: JsonObject): JsonObject {
  if (type === 'bargauge') {
    const calc = list(object(panel.xaxis).values)[0];
    return { reduceOptions: { calcs: [legacyCalc(text(calc) ?? 'total')], values: false }, orientation: 'horizontal' };
  }
  return { legend: legendOptions(panel), tooltip: legacyTooltip(panel.tooltip) };
}

function legendOptions(panel: JsonObject): JsonObject {
  const legend = object(panel.legend);
  const sort = text(legend.sort);
  return {
    showLegend: legend.show !== false,
    displayMode: legend.alignAsTable === true ? 'table' : 'list',
    placement: legend.rightSide === true ? 'right' : 'bottom',
    calcs: legend.values === false ? [] : legacyLegendCalcs(legend),
    ...(sort === undefined ? {} : { sortBy: SORT_NAMES[sort] ?? sort, sortDesc: legend.sortDesc === true }),
  };
}

const SORT_NAMES: Record<string, string> = { current: 'Last *', avg: 'Mean', total: 'Total', min: 'Min', max: 'Max' };

/** Unit, decimals and ends of an axis. */
function axisOptions(axis: JsonObject): JsonObject {
  const numbers = ['decimals', 'min', 'max'].map((key) => numberOption(key, axis[key]));
  return Object.assign({}, unitOption(axis.format), ...numbers) as JsonObject;
}

function axisCustom(axis: JsonObject): JsonObject {
  const base = number(axis.logBase) ?? 1;
  return {
    ...(axis.show === false ? { axisPlacement: 'hidden' } : {}),
    ...(text(axis.label) ? { axisLabel: text(axis.label) } : {}),
    ...(base > 1 ? { scaleDistribution: { type: 'log', log: base } } : {}),
  };
}

function drawing(panel: JsonObject): JsonObject {
  const [bars, points, lines] = [panel.bars === true, panel.points === true, panel.lines !== false];
  const fill = number(panel.fill) ?? 1;
  const gradient = number(panel.fillGradient) ?? 0;
  return {
    drawStyle: bars && !lines ? 'bars' : lines || bars ? (bars ? 'bars' : 'line') : 'points',
    lineInterpolation: panel.steppedLine === true ? 'stepAfter' : 'linear',
    lineWidth: lines ? (number(panel.linewidth) ?? 1) : bars ? 1 : 0,
    fillOpacity: bars && !lines ? 100 : Math.min(100, fill * 10),
    gradientMode: gradient > 0 ? 'opacity' : 'none',
    showPoints: points ? 'always' : 'never',
    pointSize: (number(panel.pointradius) ?? 2) * 2,
    ...(panel.dashes === true ? { lineStyle: dashes(panel) } : {}),
    ...nulls(text(panel.nullPointMode)),
    stacking: { group: 'A', mode: panel.stack === true ? (panel.percentage === true ? 'percent' : 'normal') : 'none' },
  };
}

function dashes(source: JsonObject): JsonObject {
  return { fill: 'dash', dash: [number(source.dashLength) ?? 10, number(source.spaceLength) ?? 10] };
}

/** `nullAsZero` is ours: Grafana's own migration forgets it. */
function nulls(mode: string | undefined): JsonObject {
  return mode === 'null as zero' ? { spanNulls: false, nullAsZero: true } : { spanNulls: mode === 'connected' };
}

/** `gt` colours what is above, `lt` what is below; between them nothing. */
function thresholds(panel: JsonObject, defaults: JsonObject & { custom: JsonObject }, notes: Note[]): void {
  const given = objects(panel.thresholds).filter((one) => number(one.value) !== undefined);
  if (given.length === 0) {
    return;
  }
  const sorted = given.sort((a, b) => (number(a.value) ?? 0) - (number(b.value) ?? 0));
  const steps: { color: string; value: number | null }[] = [{ color: 'transparent', value: null }];
  for (const one of sorted) {
    const color = thresholdColor(one);
    if (one.op === 'lt') {
      const below = steps[steps.length - 1];
      if (below !== undefined && below.color === 'transparent') below.color = color;
      steps.push({ color: 'transparent', value: number(one.value) ?? 0 });
    } else {
      steps.push({ color, value: number(one.value) ?? 0 });
    }
  }
  const line = given.some((one) => one.line === true);
  const area = given.some((one) => one.fill === true);
  put(defaults, 'thresholds', { mode: 'absolute', steps });
  put(defaults, 'custom.thresholdsStyle', { mode: line && area ? 'line+area' : line ? 'line' : area ? 'area' : 'off' });
  if (given.some((one) => one.yaxis === 'right')) {
    notes.push(note('dashboards.noteRightThreshold'));
  }
}

function thresholdColor(one: JsonObject): string {
  const named: Record<string, string> = { critical: 'red', warning: 'orange', ok: 'green' };
  return named[text(one.colorMode) ?? ''] ?? text(one.lineColor) ?? text(one.fillColor) ?? text(one.color) ?? 'red';
}

function seriesOverrides(panel: JsonObject, right: JsonObject, overrides: Overrides): void {
  for (const [name, color] of Object.entries(object(panel.aliasColors))) {
    if (typeof color === 'string') overrides.add(name, 'color', { mode: 'fixed', fixedColor: color });
  }
  for (const one of objects(panel.seriesOverrides)) {
    const alias = text(one.alias);
    if (!alias) continue;
    for (const [id, value] of propertiesOf(one, right)) {
      overrides.add(alias, id, value);
    }
  }
}

type Property = [id: string, value: Json];

function propertiesOf(one: JsonObject, right: JsonObject): Property[] {
  const found: Property[] = [];
  const take = (key: string, make: (value: Json) => Property[]) => {
    const value = one[key];
    if (value !== undefined && value !== null) found.push(...make(value));
  };
  take('fill', (value) => [['custom.fillOpacity', Math.min(100, (number(value) ?? 0) * 10)]]);
  take('fillGradient', (value) => [['custom.gradientMode', (number(value) ?? 0) > 0 ? 'opacity' : 'none']]);
  take('linewidth', (value) => [['custom.lineWidth', number(value) ?? 1]]);
  take('pointradius', (value) => [['custom.pointSize', (number(value) ?? 2) * 2]]);
  take('color', (value) => [['color', { mode: 'fixed', fixedColor: value }]]);
  take('transform', (value) => [['custom.transform', value === 'negative-Y' ? 'negative-Y' : String(value)]]);
  take('steppedLine', (value) => [['custom.lineInterpolation', value === true ? 'stepAfter' : 'linear']]);
  take('fillBelowTo', (value) => [['custom.fillBelowTo', value], ['custom.fillOpacity', 35]]);
  take('nullPointMode', (value) => [['custom.spanNulls', value === 'connected'], ['custom.nullAsZero', value === 'null as zero']]);
  take('dashes', (value) => [['custom.lineStyle', value === true ? dashes(one) : { fill: 'solid' }]]);
  take('stack', (value) => [['custom.stacking', stackOf(value)]]);
  take('bars', (value) => (value === true ? [['custom.drawStyle', 'bars'], ['custom.fillOpacity', 100]] : []));
  take('points', (value) => [['custom.showPoints', value === true ? 'always' : 'never']]);
  take('lines', (value) => lineOf(value, one));
  take('yaxis', (value) => (value === 2 ? rightAxis(right) : []));
  const hidden = { viz: one.hiddenSeries === true, legend: boolean(one.legend) === false, tooltip: one.hideTooltip === true };
  return hidden.viz || hidden.legend || hidden.tooltip ? [...found, ['custom.hideFrom', hidden]] : found;
}

function lineOf(value: Json, one: JsonObject): Property[] {
  if (value === true) return [['custom.drawStyle', 'line']];
  return one.bars === true ? [] : one.points === true ? [['custom.drawStyle', 'points']] : [['custom.lineWidth', 0]];
}

/** A letter names the pile; true is that of the panel. */
function stackOf(value: Json): JsonObject {
  if (value === false) return { mode: 'none', group: 'none' };
  return { mode: 'normal', group: typeof value === 'string' && value !== '' ? value : 'A' };
}

function rightAxis(right: JsonObject): Property[] {
  const options = Object.entries(axisOptions(right)).map(([id, value]): Property => [id, value ?? null]);
  const custom = Object.entries(axisCustom(right)).map(([id, value]): Property => [`custom.${id}`, value ?? null]);
  const placed = custom.some(([id]) => id === 'custom.axisPlacement');
  return [...(placed ? [] : [['custom.axisPlacement', 'right'] as Property]), ...options, ...custom];
}

function hideEmpty(panel: JsonObject, overrides: Overrides): void {
  const legend = object(panel.legend);
  const hide = { legend: true, tooltip: false, viz: false };
  if (legend.hideZero === true) {
    overrides.where({ id: 'byValue', options: { reducer: 'allIsZero', op: 'gte', value: 0 } }, 'custom.hideFrom', hide);
  }
  if (legend.hideEmpty === true) {
    overrides.where({ id: 'byValue', options: { reducer: 'allIsNull', op: 'gte', value: 0 } }, 'custom.hideFrom', hide);
  }
}
