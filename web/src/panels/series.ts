// Frames as series of a chart.

import type { ChartSeries, Style, Threshold, ThresholdStyle } from '../charts/types';
import { cssColor } from '../lib/grafana/colors';
import { displayer, displayText, rangeOfFrames, seriesColor, type Look } from '../lib/grafana/display';
import type { Custom, FieldOptions } from '../lib/grafana/fields';
import { timeField, type Field, type Frame } from '../lib/grafana/frame';
import { displayName } from '../lib/grafana/names';

/** More lines than these are a carpet, and take seconds to draw. */
export const SERIES_MAX = 50;

export interface Charted {
  /** Seconds. */
  times: number[];
  series: ChartSeries[];
}

/** The series of frames on one row of times. */
export function toSeries(frames: Frame[], look: Look, max = SERIES_MAX): Charted {
  const columns = frames.flatMap((frame) => {
    const time = timeField(frame);
    const fields = frame.fields.filter(({ type, config }) => type === 'number' && config.custom.hideFrom?.viz !== true);
    return time === undefined ? [] : fields.map((field) => ({ frame, field, time }));
  });
  const shown = columns.slice(0, max);
  const times = union(shown.map(({ time }) => time.values as number[]));
  const place = new Map(times.map((time, index) => [time, index]));
  const range = rangeOfFrames(frames);
  const series = shown.map(({ frame, field, time }) => ({
    ...lineOf(field),
    name: displayName(field, frame, frames),
    color: colorOf(field, look, range),
    values: spread(time.values as number[], field.values as (number | null)[], times, place),
    format: formatOf(field, look),
  }));
  return { times: times.map((time) => time / 1000), series };
}

/** How many series the frames hold. */
export function seriesCount(frames: Frame[]): number {
  const numbers = (frame: Frame) => frame.fields.filter(({ type, config }) => type === 'number' && config.custom.hideFrom?.viz !== true);
  return frames.reduce((count, frame) => count + (timeField(frame) === undefined ? 0 : numbers(frame).length), 0);
}

/** All times, ascending. Columns of one query are the same already, which is the usual case. */
function union(columns: number[][]): number[] {
  const [first = []] = columns;
  const same = (other: number[]) => other === first || (other.length === first.length && other.every((time, i) => time === first[i]));
  if (columns.every(same)) {
    return first;
  }
  return [...new Set(columns.flat())].sort((a, b) => a - b);
}

function spread(
  times: number[],
  values: (number | null)[],
  all: number[],
  place: Map<number, number>,
): (number | null | undefined)[] {
  if (times.length === all.length) {
    return values.map(drawable);
  }
  const result = new Array<number | null | undefined>(all.length).fill(undefined);
  times.forEach((time, index) => (result[place.get(time) ?? 0] = drawable(values[index])));
  return result;
}

function drawable(value: number | null | undefined): number | null {
  return value === null || value === undefined || !Number.isFinite(value) ? null : value;
}

function colorOf(field: Field, look: Look, range: ReturnType<typeof rangeOfFrames>): string | undefined {
  const mode = field.config.color?.mode ?? 'palette-classic';
  return mode.startsWith('palette') ? undefined : seriesColor(field, look, range);
}

function formatOf(field: Field, look: Look): ((value: number) => string) | undefined {
  if ((field.config.mappings ?? []).length === 0) {
    return undefined;
  }
  const display = displayer(field, look);
  return (value) => displayText(display(value));
}

function lineOf({ config }: Field): Omit<ChartSeries, 'name' | 'values'> {
  const custom = config.custom;
  const scale = custom.scaleDistribution;
  return {
    unit: config.unit ?? '',
    decimals: config.decimals,
    min: config.min,
    max: config.max,
    softMin: custom.axisSoftMin,
    softMax: custom.axisSoftMax,
    log: scale?.type === 'log' ? (scale.log ?? 10) : undefined,
    axisLabel: custom.axisLabel === '' ? undefined : custom.axisLabel,
    axis: custom.axisPlacement === 'auto' ? undefined : custom.axisPlacement,
    style: styleOf(custom),
    width: custom.lineWidth,
    fill: (custom.fillOpacity ?? 0) / 100,
    gradient: custom.gradientMode !== undefined && custom.gradientMode !== 'none',
    dash: dashOf(custom),
    ...stackOf(custom),
    negate: custom.transform === 'negative-Y',
    points: custom.showPoints === 'always' ? true : custom.showPoints === 'never' ? false : undefined,
    pointSize: custom.pointSize,
    spanNulls: typeof custom.spanNulls === 'number' ? custom.spanNulls / 1000 : custom.spanNulls,
    inLegend: custom.hideFrom?.legend !== true,
    inTooltip: custom.hideFrom?.tooltip !== true,
  };
}

function styleOf({ drawStyle, lineInterpolation }: Custom): Style {
  if (drawStyle === 'bars' || drawStyle === 'points') {
    return drawStyle;
  }
  const lines = { linear: 'line', smooth: 'smooth', stepBefore: 'step-before', stepAfter: 'step' } as const;
  return lines[lineInterpolation ?? 'linear'] ?? 'line';
}

function dashOf({ lineStyle }: Custom): number[] | undefined {
  if (lineStyle?.fill === 'dash') {
    return lineStyle.dash ?? [10, 10];
  }
  return lineStyle?.fill === 'dot' ? (lineStyle.dash ?? [0, 10]) : undefined;
}

function stackOf({ stacking }: Custom): Pick<ChartSeries, 'stack' | 'percent'> {
  const mode = stacking?.mode ?? 'none';
  return mode === 'none' ? {} : { stack: stacking?.group ?? 'A', percent: mode === 'percent' };
}

/** The lines or areas that mark thresholds, as the panel's defaults ask for them. */
export function thresholdsOf(defaults: FieldOptions, look: Look): { thresholds: Threshold[]; style: ThresholdStyle } {
  const mode = defaults.custom.thresholdsStyle?.mode ?? 'off';
  if (mode === 'off' || mode === 'series') {
    return { thresholds: [], style: 'line' };
  }
  const { min = 0, max = 100, thresholds } = defaults;
  const absolute = (value: number) => (thresholds?.mode === 'percentage' ? min + ((max - min) * value) / 100 : value);
  const steps = (thresholds?.steps ?? []).map(({ value, color }) => ({
    value: absolute(value),
    color: cssColor(color, look.theme),
  }));
  const area = mode.includes('area');
  return { thresholds: steps, style: !area ? 'line' : mode === 'area' ? 'area' : 'both' };
}
