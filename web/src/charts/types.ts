// What a chart is told to draw. Values are plain arrays: whoever keeps them in state uses `$state.raw`, since a proxy for
// each of 100,000 points costs more than drawing them.

export type Axis = 'left' | 'right' | 'hidden';
/** Bars stand around their time; buckets are bars that begin there. */
export type Style = 'line' | 'bars' | 'buckets' | 'points' | 'step' | 'step-before' | 'smooth';

export interface ChartSeries {
  /** What the legend calls it. Two series may share a name. */
  name: string;
  /** One value for each of the chart's times; `null` is a gap, `undefined` a moment that only other series have. */
  values: (number | null | undefined)[];
  /** Any CSS colour, or `var(--name)`; the palette's next one when missing. */
  color?: string;
  /** Each unit has an axis of its own; the first stands left, the others right, unless this says otherwise. */
  axis?: Axis;
  unit?: string;
  decimals?: number | null;
  /** How its values are told, where unit and decimals do not say it all: words for numbers. */
  format?: (value: number) => string;
  style?: Style;
  /** Opacity of the area below, 0 to 1. */
  fill?: number;
  /** Whether the area fades towards its base. */
  gradient?: boolean;
  width?: number;
  dash?: number[];
  /** Series of one name are piled up on each other. */
  stack?: string;
  /** Whether the pile shows shares of its sum. */
  percent?: boolean;
  /** Drawn below zero, told as it is. */
  negate?: boolean;
  /** Not drawn until the reader asks for it in the legend. */
  hidden?: boolean;
  /** Not named in the legend. */
  inLegend?: boolean;
  /** Not told under the pointer. */
  inTooltip?: boolean;
  /** Whether each value gets a dot; by default where there is room. */
  points?: boolean;
  pointSize?: number;
  /** Whether a line goes on over gaps; a number is the longest gap in seconds that it crosses. */
  spanNulls?: boolean | number;
  /** Bounds of the axis of this unit; the soft ones give way to data. */
  min?: number;
  max?: number;
  softMin?: number;
  softMax?: number;
  log?: boolean | number;
  /** What is written beside the axis. */
  axisLabel?: string;
}

export interface Threshold {
  value: number;
  color: string;
}

export type ThresholdStyle = 'line' | 'area' | 'both';
export type LegendMode = 'list' | 'table' | 'hidden';
