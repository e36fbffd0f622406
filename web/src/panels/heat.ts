// Cells of a heatmap: how much lay between which borders, and when.

import { timeField, type Frame } from '../lib/grafana/frame';
import type { KindOptions } from '../lib/grafana/model';
import { displayName } from '../lib/grafana/names';
import { formatText } from '../lib/format/unit';

export interface Heat {
  /** Seconds, ascending. */
  times: number[];
  /** Names of the rows, from below to above. */
  rows: string[];
  /** By row, then by time. */
  cells: (number | null)[][];
  min: number;
  max: number;
}

type Options = KindOptions['heatmap'];

/** Borders that are calculated. */
const BUCKETS = 12;

export function heatOf(frames: Frame[], options: Options): Heat {
  const heat = options.calculate ? calculated(frames, options) : given(frames, options);
  let [min, max] = [Infinity, -Infinity];
  for (const value of heat.cells.flat()) {
    if (value !== null && Number.isFinite(value)) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return { ...heat, min: options.min ?? (min === Infinity ? 0 : min), max: options.max ?? (max === -Infinity ? 1 : max) };
}

type Cells = Pick<Heat, 'times' | 'rows' | 'cells'>;

/** A frame of one column for each bucket, or a frame for each. */
function given(frames: Frame[], options: Options): Cells {
  const columns = frames.flatMap((frame) => {
    const time = timeField(frame);
    const fields = time === undefined ? [] : frame.fields.filter(({ type }) => type === 'number');
    return fields.map((field) => ({ name: displayName(field, frame, frames), field, time: time! }));
  });
  const times = [...new Set(columns.flatMap(({ time }) => time.values as number[]))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const cells = columns.map(({ field, time }) => {
    const row = new Array<number | null>(times.length).fill(null);
    (time.values as number[]).forEach((moment, index) => (row[place.get(moment) ?? 0] = field.values[index] as number | null));
    return row;
  });
  return { times: times.map((time) => time / 1000), rows: columns.map(({ name }) => bordered(name, options)), cells };
}

/** Borders are numbers in the unit of the axis. */
function bordered(name: string, { unit, decimals }: Options): string {
  const border = Number(name);
  return name === '' || Number.isNaN(border) || unit === '' ? name : formatText(border, unit, decimals);
}

/** Counts of the series' values between equal borders. */
function calculated(frames: Frame[], options: Options): Cells {
  const columns = frames.flatMap((frame) => {
    const time = timeField(frame);
    return time === undefined ? [] : frame.fields.filter(({ type }) => type === 'number').map((field) => ({ field, time }));
  });
  const values = columns.flatMap(({ field }) => field.values as (number | null)[]).filter((value): value is number => value !== null && Number.isFinite(value));
  const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  if (low === Infinity) {
    return { times: [], rows: [], cells: [] };
  }
  const count = high === low ? 1 : Math.max(1, Math.min(100, options.buckets ?? BUCKETS));
  const size = (high - low) / count || 1;
  const times = [...new Set(columns.flatMap(({ time }) => time.values as number[]))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const cells = Array.from({ length: count }, () => new Array<number | null>(times.length).fill(null));
  for (const { field, time } of columns) {
    (field.values as (number | null)[]).forEach((value, index) => {
      if (value === null || !Number.isFinite(value)) return;
      const row = cells[Math.min(count - 1, Math.floor((value - low) / size))]!;
      const at = place.get((time.values as number[])[index]!)!;
      row[at] = (row[at] ?? 0) + 1;
    });
  }
  const rows = cells.map((_, index) => formatText(low + (index + 1) * size, options.unit, options.decimals));
  return { times: times.map((time) => time / 1000), rows, cells };
}
