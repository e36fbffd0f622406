// One value out of each series: what stats, gauges, bars and pies show.

import { palette } from '../charts/palette.svelte';
import { displayer, displayText, rangeOf, rangeOfFrames, type Display, type Look } from '../lib/grafana/display';
import { timeField, type Field, type Frame } from '../lib/grafana/frame';
import type { ReduceOptions } from '../lib/grafana/model';
import { displayName } from '../lib/grafana/names';
import { reduce } from '../lib/grafana/reduce';
import { toRegExp } from '../lib/grafana/regexp';

export interface Value {
  name: string;
  text: string;
  display: Display;
  /** The value's colour, whoever decided it. */
  color: string;
  field: Field;
  /** Bounds of its scale. */
  min: number;
  max: number;
  /** How the value came about; without times there is no trend. */
  trend: { times: number[]; values: (number | null)[] } | null;
  /** Change from the first to the last value, as a share. */
  change: number | null;
}

/** More would not be read. */
export const VALUES_MAX = 100;

/** The values that a panel shows, in the order of its frames. */
export function valuesOf(frames: Frame[], options: ReduceOptions, look: Look): { values: Value[]; total: number } {
  const range = rangeOfFrames(frames);
  const wanted = chooser(options.fields);
  const found: (() => Value)[] = [];
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (!wanted(field, frame, frames)) {
        continue;
      }
      const show = displayer(field, look, range);
      const base = { field, ...rangeOf(field, range) };
      if (options.values) {
        field.values.forEach((value, row) => {
          const at = found.length;
          found.push(() => finished({ ...base, name: rowName(frame, field, row, frames), display: show(value), trend: null, change: null }, at));
        });
        continue;
      }
      for (const calc of options.calcs.length === 0 ? ['lastNotNull'] : options.calcs) {
        const at = found.length;
        const name = displayName(field, frame, frames) + (options.calcs.length > 1 ? ` ${calc}` : '');
        found.push(() => finished({ ...base, name, display: show(reduce(field, calc)), trend: trendOf(frame, field), change: changeOf(field) }, at));
      }
    }
  }
  const max = Math.min(VALUES_MAX, options.values && options.limit > 0 ? options.limit : VALUES_MAX);
  return { values: found.slice(0, max).map((make) => make()), total: found.length };
}

function finished(value: Omit<Value, 'text' | 'color'>, index: number): Value {
  const text = displayText(value.display);
  const mode = value.field.config.color?.mode ?? 'thresholds';
  const color = mode.startsWith('palette') ? palette.series(index) : (value.display.color ?? 'var(--text)');
  return { ...value, text: text === '' ? (value.field.config.noValue ?? '–') : text, color };
}

type Chooser = (field: Field, frame: Frame, frames: Frame[]) => boolean;

/** Empty means all numbers; else a name, or a pattern between slashes. */
function chooser(fields: string): Chooser {
  if (fields === '') {
    return ({ type, config }) => type === 'number' && config.custom.hideFrom?.viz !== true;
  }
  const pattern = fields.startsWith('/') ? toRegExp(fields) : undefined;
  return (field, frame, frames) => {
    const name = displayName(field, frame, frames);
    return pattern === undefined ? name === fields || field.name === fields : pattern.test(name);
  };
}

/** A row is called by the first text in it. */
function rowName(frame: Frame, field: Field, row: number, frames: Frame[]): string {
  const words = frame.fields.find(({ type }) => type === 'string')?.values[row];
  return typeof words === 'string' && words !== '' ? words : displayName(field, frame, frames);
}

function trendOf(frame: Frame, field: Field): Value['trend'] {
  const time = timeField(frame);
  if (time === undefined || field.type !== 'number' || frame.length < 2) {
    return null;
  }
  return { times: time.values as number[], values: field.values as (number | null)[] };
}

function changeOf(field: Field): number | null {
  const [first, last] = [reduce(field, 'firstNotNull'), reduce(field, 'lastNotNull')];
  return typeof first === 'number' && typeof last === 'number' && first !== 0 ? (last - first) / Math.abs(first) : null;
}
