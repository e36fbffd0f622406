// A panel of today's Grafana, as JSON, to our typed panel. Older forms have been lifted to it by `migrate*.ts`.

import { readFieldOptions, readOverrides, type FieldOptions } from './fields';
import { at, isObject, number, object, objects, oneOf, text, texts, type Json, type JsonObject } from './json';
import type { KindOptions, Legend, Panel, PanelBase, PanelKind, ReduceOptions, Target, Tooltip } from './model';
import { readTransformations } from './transform';

/** Reads a panel whose kind we draw; others become `unsupported` and keep their JSON. */
export function readPanel(json: JsonObject, sourceOf: (datasource: Json | undefined) => string): Panel {
  const type = text(json.type) ?? '';
  const source = sourceOf(json.datasource) || firstSource(json, sourceOf);
  const kind = isKind(type) ? type : 'unsupported';
  const base = readBase(json, kind, source);
  const options = kind === 'unsupported' ? { kind: type } : READERS[kind](object(json.options));
  // The reader belongs to the kind, which the type system cannot follow through a table.
  return { ...base, kind, options } as Panel;
}

/** A panel of mixed sources is what its queries are. */
function firstSource(json: JsonObject, sourceOf: (datasource: Json | undefined) => string): string {
  const sources = objects(json.targets).map((target) => sourceOf(target.datasource));
  return sources.find((source) => source !== '') ?? '';
}

function isKind(type: string): type is Exclude<PanelKind, 'unsupported'> {
  return Object.prototype.hasOwnProperty.call(READERS, type);
}

function readBase(json: JsonObject, kind: PanelKind, source: string): PanelBase {
  const defaults = readFieldOptions(at(json, 'fieldConfig.defaults'));
  const overrides = readOverrides(at(json, 'fieldConfig.overrides'));
  const grid = object(json.gridPos);
  const repeat = text(json.repeat);
  const unit = defaults.unit ?? overrides.flatMap(({ properties }) => properties).find(({ id }) => id === 'unit')?.value;
  return {
    id: number(json.id) ?? 0,
    title: text(json.title) ?? '',
    description: text(json.description) ?? '',
    grid: { x: number(grid.x) ?? 0, y: number(grid.y) ?? 0, w: number(grid.w) ?? 12, h: number(grid.h) ?? 8 },
    transparent: json.transparent === true,
    targets: objects(json.targets).map((target, index) => readTarget(target, index, kind)),
    source,
    maxDataPoints: number(json.maxDataPoints) ?? null,
    minStep: text(json.interval) ?? '',
    timeFrom: text(json.timeFrom) ?? '',
    timeShift: text(json.timeShift) ?? '',
    hideTimeOverride: json.hideTimeOverride === true,
    repeat: !repeat ? null : { variable: repeat, direction: json.repeatDirection === 'v' ? 'v' : 'h', maxPerRow: number(json.maxPerRow) ?? 4 },
    scoped: {},
    transformations: readTransformations(json.transformations),
    fields: { defaults: withDefaults(defaults, kind), overrides },
    links: readPanelLinks(json.links),
    hasUnit: Boolean(unit),
    json,
  };
}

export function readPanelLinks(json: unknown): PanelBase['links'] {
  return objects(json).map((link) => ({
    title: text(link.title) ?? '',
    url: text(link.url) ?? '',
    tooltip: text(link.tooltip) ?? '',
    blank: link.targetBlank === true,
    keepTime: link.keepTime === true,
    keepVariables: link.includeVars === true,
    tags: link.type === 'dashboards' ? texts(link.tags) : null,
  }));
}

/** A, B, …, Z, AA, …: how queries are called. */
export function refIdOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : refIdOf(Math.floor(index / 26) - 1) + letter;
}

function readTarget(target: JsonObject, index: number, kind: PanelKind): Target {
  const instant = target.instant === true;
  const explicit = typeof target.range === 'boolean' || typeof target.instant === 'boolean';
  return {
    refId: text(target.refId) || refIdOf(index),
    expr: text(target.expr) ?? '',
    legend: text(target.legendFormat) ?? '',
    instant,
    range: explicit ? target.range === true || !instant : true,
    format: oneOf(target.format, ['time_series', 'table', 'heatmap'], kind === 'heatmap' ? 'heatmap' : 'time_series'),
    hidden: target.hide === true,
    minStep: text(target.interval) ?? '',
    stepFactor: number(target.intervalFactor) ?? 1,
  };
}

/** What a field is without its panel saying so. */
const BY_PALETTE = new Set<PanelKind>(['timeseries', 'piechart', 'barchart', 'histogram']);

function withDefaults(defaults: FieldOptions, kind: PanelKind): FieldOptions {
  const thresholds = defaults.thresholds ?? {
    mode: 'absolute' as const,
    steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }],
  };
  const mode = BY_PALETTE.has(kind) ? 'palette-classic' : kind === 'state-timeline' ? 'continuous-GrYlRd' : 'thresholds';
  const color = defaults.color ?? { mode, by: 'last' as const };
  return { ...defaults, thresholds, color };
}

const ORIENTATIONS = ['auto', 'horizontal', 'vertical'] as const;
const SHOW_VALUE = ['auto', 'always', 'never'] as const;

function legend(json: unknown): Legend {
  const source = object(json);
  const mode = text(source.displayMode) ?? 'list';
  return {
    show: source.showLegend !== false && mode !== 'hidden',
    mode: mode === 'table' ? 'table' : 'list',
    placement: source.placement === 'right' ? 'right' : 'bottom',
    calcs: texts(source.calcs),
    sortBy: text(source.sortBy) ?? '',
    sortDesc: source.sortDesc === true,
  };
}

function tooltip(json: unknown): Tooltip {
  const source = object(json);
  return { mode: oneOf(source.mode, ['single', 'multi', 'none'], 'single'), sort: oneOf(source.sort, ['none', 'asc', 'desc'], 'none') };
}

function reduceOptions(json: unknown): ReduceOptions {
  const source = object(json);
  const calcs = texts(source.calcs);
  return {
    values: source.values === true,
    calcs: calcs.length > 0 ? calcs : ['lastNotNull'],
    fields: text(source.fields) ?? '',
    limit: number(source.limit) ?? 25,
  };
}

type Readers = { [Kind in Exclude<PanelKind, 'unsupported'>]: (options: JsonObject) => KindOptions[Kind] };

const READERS: Readers = {
  timeseries: (o) => ({ legend: legend(o.legend), tooltip: tooltip(o.tooltip ?? o.tooltipOptions) }),
  stat: (o) => ({
    reduce: reduceOptions(o.reduceOptions),
    colorMode: oneOf(o.colorMode, ['none', 'value', 'background', 'background_solid'], 'value'),
    graphMode: oneOf(o.graphMode, ['none', 'area', 'line'], 'area'),
    textMode: oneOf(o.textMode, ['auto', 'value', 'value_and_name', 'name', 'none'], 'auto'),
    justify: oneOf(o.justifyMode, ['auto', 'center'], 'auto'),
    orientation: oneOf(o.orientation, ORIENTATIONS, 'auto'),
    percentChange: o.showPercentChange === true,
    wide: o.wideLayout !== false,
  }),
  gauge: (o) => ({
    reduce: reduceOptions(o.reduceOptions),
    orientation: oneOf(o.orientation, ORIENTATIONS, 'auto'),
    thresholdLabels: o.showThresholdLabels === true,
    thresholdMarkers: o.showThresholdMarkers !== false,
  }),
  bargauge: (o) => ({
    reduce: reduceOptions(o.reduceOptions),
    orientation: oneOf(o.orientation, ORIENTATIONS, 'auto'),
    display: oneOf(o.displayMode, ['basic', 'gradient', 'lcd'], 'gradient'),
    valueMode: oneOf(o.valueMode, ['color', 'text', 'hidden'], 'color'),
    unfilled: o.showUnfilled !== false,
    names: oneOf(o.namePlacement, ['auto', 'top', 'left', 'hidden'], 'auto'),
  }),
  piechart: (o) => ({
    reduce: reduceOptions(o.reduceOptions),
    donut: o.pieType === 'donut',
    labels: texts(o.displayLabels).filter((one): one is 'name' | 'value' | 'percent' => ['name', 'value', 'percent'].includes(one)),
    legend: {
      ...legend(o.legend),
      values: texts(at(o, 'legend.values')).filter((one): one is 'value' | 'percent' => ['value', 'percent'].includes(one)),
    },
    sort: oneOf(o.sort, ['asc', 'desc', 'none'], 'desc'),
  }),
  table: (o) => ({
    header: o.showHeader !== false,
    frameIndex: number(o.frameIndex) ?? 0,
    sort: objects(o.sortBy).map((one) => ({ name: text(one.displayName) ?? '', desc: one.desc === true })),
    footer: {
      show: at(o, 'footer.show') === true,
      reducers: texts(at(o, 'footer.reducer')),
      fields: [at(o, 'footer.fields')].flat().flatMap((one) => text(one) || []),
      countRows: at(o, 'footer.countRows') === true,
    },
    cellHeight: oneOf(o.cellHeight, ['sm', 'md', 'lg'], 'sm'),
    paging: at(o, 'footer.enablePagination') === true || o.enablePagination === true,
  }),
  text: (o) => ({ mode: oneOf(o.mode, ['markdown', 'html', 'code'], 'markdown'), content: text(o.content) ?? '' }),
  heatmap: (o) => ({
    calculate: o.calculate === true,
    buckets: number(at(o, 'calculation.yBuckets.value')) ?? null,
    scheme: text(at(o, 'color.scheme')) ?? 'Oranges',
    steps: number(at(o, 'color.steps')) ?? 64,
    reverse: at(o, 'color.reverse') === true,
    colorMode: oneOf(at(o, 'color.mode'), ['scheme', 'opacity'], 'scheme'),
    fill: text(at(o, 'color.fill')) ?? 'dark-orange',
    exponent: number(at(o, 'color.exponent')) ?? 0.5,
    min: number(at(o, 'color.min')) ?? null,
    max: number(at(o, 'color.max')) ?? null,
    legend: at(o, 'legend.show') !== false,
    cellGap: number(o.cellGap) ?? 1,
    unit: text(at(o, 'yAxis.unit')) ?? '',
    decimals: number(at(o, 'yAxis.decimals')) ?? null,
    axisReverse: at(o, 'yAxis.reverse') === true,
  }),
  'state-timeline': (o) => ({
    legend: legend(o.legend),
    merge: o.mergeValues !== false,
    rowHeight: number(o.rowHeight) ?? 0.9,
    showValue: oneOf(o.showValue, SHOW_VALUE, 'auto'),
    align: oneOf(o.alignValue, ['left', 'center', 'right'], 'left'),
  }),
  'status-history': (o) => ({
    legend: legend(o.legend),
    rowHeight: number(o.rowHeight) ?? 0.9,
    colWidth: number(o.colWidth) ?? 0.9,
    showValue: oneOf(o.showValue, SHOW_VALUE, 'auto'),
  }),
  barchart: (o) => ({
    legend: legend(o.legend),
    tooltip: tooltip(o.tooltip),
    orientation: oneOf(o.orientation, ORIENTATIONS, 'auto'),
    stacking: oneOf(o.stacking, ['none', 'normal', 'percent'], 'none'),
    showValue: oneOf(o.showValue, SHOW_VALUE, 'auto'),
    barWidth: number(o.barWidth) ?? 0.97,
    groupWidth: number(o.groupWidth) ?? 0.7,
    xField: text(o.xField) ?? '',
    colorByField: text(o.colorByField) ?? '',
    xRotation: number(o.xTickLabelRotation) ?? 0,
  }),
  histogram: (o) => ({
    legend: legend(o.legend),
    bucketSize: number(o.bucketSize) || null,
    bucketOffset: number(o.bucketOffset) ?? 0,
    bucketCount: number(o.bucketCount) ?? 30,
    combine: o.combine === true,
  }),
  dashlist: (o) => ({
    search: o.showSearch === true,
    starred: o.showStarred !== false,
    recent: o.showRecentlyViewed === true,
    query: text(o.query) ?? '',
    tags: texts(o.tags),
    max: number(o.maxItems) ?? 10,
    headings: o.showHeadings !== false,
  }),
  alertlist: (o) => ({
    groupMode: text(o.groupMode) ?? 'default',
    labelFilter: text(o.alertInstanceLabelFilter) ?? '',
    nameFilter: text(o.alertName) ?? '',
    states: isObject(o.stateFilter) ? Object.entries(o.stateFilter).flatMap(([state, on]) => (on === true ? [state] : [])) : [],
    max: number(o.maxItems) ?? 20,
  }),
};
