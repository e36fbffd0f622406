// Bars of categories: of a table's rows, or of how often values lie where.

import { palette } from '../charts/palette.svelte';
import { displayer, displayText, seriesColor, type Look } from '../lib/grafana/display';
import { timeField, type Field, type Frame } from '../lib/grafana/frame';
import { displayName } from '../lib/grafana/names';
import { formatText } from '../lib/format/unit';
import { shortClock } from '../lib/time/format';

export interface Bar {
  value: number;
  text: string;
}

export interface BarSeries {
  name: string;
  color: string;
  /** One for each category. */
  bars: (Bar | null)[];
}

export interface Bars {
  categories: string[];
  series: BarSeries[];
}

/** More categories do not fit side by side. */
const CATEGORIES_MAX = 120;

/** The categories are a text column, the one that is named, or the times. Frames of one row each are categories themselves. */
export function tableBars(frames: Frame[], xField: string, look: Look): Bars {
  const [first] = frames;
  if (first === undefined) {
    return { categories: [], series: [] };
  }
  const texts = first.fields.find((field) => (xField === '' ? field.type === 'string' : displayName(field, first, frames) === xField || field.name === xField));
  const column = texts ?? (frames.length > 1 ? undefined : timeField(first));
  if (column === undefined) {
    return lastValues(frames, look);
  }
  const places = Array.from({ length: Math.min(first.length, CATEGORIES_MAX) }, (_, row) => row);
  const numbers = first.fields.filter(({ type, config }) => type === 'number' && config.custom.hideFrom?.viz !== true);
  return {
    categories: places.map((row) => categoryText(column, column.values[row], look)),
    series: numbers.map((field, index) => seriesOf(field, displayName(field, first, frames), index, look, places.map((row) => field.values[row]))),
  };
}

function categoryText(column: Field, value: unknown, look: Look): string {
  return column.type === 'time' ? shortClock((value as number) / 1000, look.zone) : displayText(displayer(column, look)(value));
}

/** Series over time without a text: each one's last value. */
function lastValues(frames: Frame[], look: Look): Bars {
  const fields = frames.flatMap((frame) => frame.fields.filter(({ type }) => type === 'number').map((field) => ({ frame, field }))).slice(0, CATEGORIES_MAX);
  const [first] = fields;
  if (first === undefined) {
    return { categories: [], series: [] };
  }
  const last = fields.map(({ field }) => [...field.values].reverse().find((value) => value !== null));
  const bars = fields.map(({ field }, index) => barOf(field, last[index], look));
  return {
    categories: fields.map(({ frame, field }) => displayName(field, frame, frames)),
    series: [{ name: '', color: seriesColor(first.field, look) ?? palette.series(0), bars }],
  };
}

function seriesOf(field: Field, name: string, index: number, look: Look, values: unknown[]): BarSeries {
  const mode = field.config.color?.mode ?? 'palette-classic';
  const color = mode.startsWith('palette') ? palette.series(index) : (seriesColor(field, look) ?? palette.series(index));
  return { name, color, bars: values.map((value) => barOf(field, value, look)) };
}

function barOf(field: Field, value: unknown, look: Look): Bar | null {
  return typeof value === 'number' && Number.isFinite(value) ? { value, text: displayText(displayer(field, look)(value)) } : null;
}

/** Steps that people find round. */
const ROUND = [1, 2, 2.5, 5, 10];

/** Counts how many values lie in each of some equal buckets. */
export function histogramBars(frames: Frame[], bucketSize: number | null, bucketCount: number, look: Look): Bars {
  const fields = frames.flatMap((frame) => frame.fields.filter(({ type }) => type === 'number').map((field) => ({ frame, field })));
  const all = fields.flatMap(({ field }) => numbersOf(field));
  const [first] = fields;
  if (first === undefined || all.length === 0) {
    return { categories: [], series: [] };
  }
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const size = bucketSize !== null && bucketSize > 0 ? Math.max(bucketSize, (high - low) / CATEGORIES_MAX) : roundSize((high - low) / Math.max(1, bucketCount));
  const start = Math.floor(low / size) * size;
  const count = Math.min(CATEGORIES_MAX, Math.floor((high - start) / size) + 1);
  const { unit, decimals } = first.field.config;
  const categories = Array.from({ length: count }, (_, index) => formatText(start + index * size, unit, decimals));
  const series = fields.map(({ frame, field }, index): BarSeries => {
    const counts = new Array<number>(count).fill(0);
    for (const value of numbersOf(field)) {
      counts[Math.min(count - 1, Math.floor((value - start) / size))]! += 1;
    }
    const bars = counts.map((value) => ({ value, text: String(value) }));
    return { name: displayName(field, frame, frames), color: seriesColor(field, look) ?? palette.series(index), bars };
  });
  return { categories, series };
}

const numbersOf = (field: Field) => (field.values as (number | null)[]).filter((value): value is number => value !== null && Number.isFinite(value));

function roundSize(exact: number): number {
  if (exact <= 0) {
    return 1;
  }
  const power = 10 ** Math.floor(Math.log10(exact));
  return (ROUND.find((step) => step * power >= exact) ?? 10) * power;
}
