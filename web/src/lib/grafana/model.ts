// Our board: what a Grafana dashboard says, with types. Made by `import.ts`; the JSON it came from travels along, so that an
// export loses nothing we do not know.

import type { FieldOptions, Override } from './fields';
import type { JsonObject } from './json';
import type { Transformation } from './transform';
import type { Variable } from './variables';

export interface Board {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  /** Grafana's texts: `now-6h`, `now`. */
  time: { from: string; to: string };
  /** `30s`; empty when the board does not refresh itself. */
  refresh: string;
  /** `browser`, `utc`, a zone's name, or empty. */
  timezone: string;
  /** Whether the cursor of one chart shows in all. */
  sharedCursor: boolean;
  variables: Variable[];
  links: Link[];
  /** In order; the first may stand before any row. */
  sections: Section[];
  /** The board in the form of today's Grafana, unknown fields included. Edits are made here (`edit.ts`). */
  json: JsonObject;
}

/** A row of the board and what lies in it. */
export interface Section {
  row: Row | null;
  /** Placed on 24 columns; `y` counts from the section's own top. */
  panels: Panel[];
}

export interface Row {
  id: number;
  title: string;
  collapsed: boolean;
  repeat: string | null;
  /** Values of the variables by which the row was repeated. */
  scoped: Scoped;
}

export interface Grid {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** A value that holds for one repetition, above the board's own. */
export type Scoped = Record<string, { text: string; value: string }>;

export interface Link {
  title: string;
  url: string;
  tooltip: string;
  /** Opened in a tab of its own. */
  blank: boolean;
  keepTime: boolean;
  keepVariables: boolean;
  /** Set for a list of the boards with these tags. */
  tags: string[] | null;
}

export interface Target {
  refId: string;
  expr: string;
  /** `{{label}}`, `__auto`, or empty. */
  legend: string;
  /** Which questions it asks. A table with both asks for the instant alone. */
  instant: boolean;
  range: boolean;
  format: 'time_series' | 'table' | 'heatmap';
  hidden: boolean;
  /** The smallest step: `15s`, `$interval`. */
  minStep: string;
  /** Steps are this many times as long. */
  stepFactor: number;
}

export interface Repeat {
  variable: string;
  direction: 'h' | 'v';
  maxPerRow: number;
}

/** Of what every panel has. */
export interface PanelBase {
  id: number;
  title: string;
  description: string;
  grid: Grid;
  transparent: boolean;
  targets: Target[];
  /** Kind of its source: `prometheus`, empty for the default one, or another's (`loki`), which is not asked. */
  source: string;
  maxDataPoints: number | null;
  minStep: string;
  /** Overrides of the board's range: the last `6h`, moved back by `1d`. */
  timeFrom: string;
  timeShift: string;
  hideTimeOverride: boolean;
  repeat: Repeat | null;
  scoped: Scoped;
  transformations: Transformation[];
  fields: { defaults: FieldOptions; overrides: Override[] };
  links: Link[];
  /** Whether the author gave a unit anywhere; if not, one is guessed. */
  hasUnit: boolean;
  /** In the form of today's Grafana. */
  json: JsonObject;
}

export interface Legend {
  show: boolean;
  mode: 'list' | 'table';
  placement: 'bottom' | 'right';
  calcs: string[];
  sortBy: string;
  sortDesc: boolean;
}

export interface Tooltip {
  mode: 'single' | 'multi' | 'none';
  sort: 'none' | 'asc' | 'desc';
}

/** Which values of the frames are shown, by stat, gauge, bar gauge and pie. */
export interface ReduceOptions {
  /** Each row rather than one value for each field. */
  values: boolean;
  calcs: string[];
  /** Name or `/pattern/` of the fields; empty means all numbers. */
  fields: string;
  limit: number;
}

export type TextMode = 'auto' | 'value' | 'value_and_name' | 'name' | 'none';

export interface KindOptions {
  timeseries: { legend: Legend; tooltip: Tooltip };
  stat: {
    reduce: ReduceOptions;
    colorMode: 'none' | 'value' | 'background' | 'background_solid';
    graphMode: 'none' | 'area' | 'line';
    textMode: TextMode;
    justify: 'auto' | 'center';
    orientation: Orientation;
    percentChange: boolean;
    wide: boolean;
  };
  gauge: { reduce: ReduceOptions; orientation: Orientation; thresholdLabels: boolean; thresholdMarkers: boolean };
  bargauge: {
    reduce: ReduceOptions;
    orientation: Orientation;
    display: 'basic' | 'gradient' | 'lcd';
    valueMode: 'color' | 'text' | 'hidden';
    unfilled: boolean;
    names: 'auto' | 'top' | 'left' | 'hidden';
  };
  piechart: {
    reduce: ReduceOptions;
    donut: boolean;
    labels: ('name' | 'value' | 'percent')[];
    legend: Legend & { values: ('value' | 'percent')[] };
    sort: 'asc' | 'desc' | 'none';
  };
  table: {
    header: boolean;
    frameIndex: number;
    sort: { name: string; desc: boolean }[];
    footer: { show: boolean; reducers: string[]; fields: string[]; countRows: boolean };
    cellHeight: 'sm' | 'md' | 'lg';
    paging: boolean;
  };
  text: { mode: 'markdown' | 'html' | 'code'; content: string };
  heatmap: {
    calculate: boolean;
    buckets: number | null;
    scheme: string;
    steps: number;
    reverse: boolean;
    colorMode: 'scheme' | 'opacity';
    fill: string;
    exponent: number;
    min: number | null;
    max: number | null;
    legend: boolean;
    cellGap: number;
    unit: string;
    decimals: number | null;
    axisReverse: boolean;
  };
  'state-timeline': { legend: Legend; merge: boolean; rowHeight: number; showValue: 'auto' | 'always' | 'never'; align: Align };
  'status-history': { legend: Legend; rowHeight: number; colWidth: number; showValue: 'auto' | 'always' | 'never' };
  barchart: {
    legend: Legend;
    tooltip: Tooltip;
    orientation: Orientation;
    stacking: 'none' | 'normal' | 'percent';
    showValue: 'auto' | 'always' | 'never';
    barWidth: number;
    groupWidth: number;
    xField: string;
    colorByField: string;
    xRotation: number;
  };
  histogram: { legend: Legend; bucketSize: number | null; bucketOffset: number; bucketCount: number; combine: boolean };
  dashlist: { search: boolean; starred: boolean; recent: boolean; query: string; tags: string[]; max: number; headings: boolean };
  alertlist: { groupMode: string; labelFilter: string; nameFilter: string; states: string[]; max: number };
  unsupported: { kind: string };
}

export type Orientation = 'auto' | 'horizontal' | 'vertical';
export type Align = 'left' | 'center' | 'right';
export type PanelKind = keyof KindOptions;

/** `panel.kind` tells which `panel.options` it has. */
export type PanelOf<Kind extends PanelKind> = PanelBase & { kind: Kind; options: KindOptions[Kind] };
export type Panel = { [Kind in PanelKind]: PanelOf<Kind> }[PanelKind];

/** All panels of a board, in order. */
export function panelsOf(board: Board): Panel[] {
  return board.sections.flatMap((section) => section.panels);
}
