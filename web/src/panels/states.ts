// Series as stretches of one state each.

import { palette } from '../charts/palette.svelte';
import { displayer, displayText, rangeOfFrames, type Look } from '../lib/grafana/display';
import { timeField, type Frame } from '../lib/grafana/frame';
import { displayName } from '../lib/grafana/names';

export interface Stretch {
  /** Seconds. */
  from: number;
  to: number;
  text: string;
  color: string;
}

export interface StateRow {
  name: string;
  stretches: Stretch[];
}

/** More rows, or stretches in a row, are a carpet. */
const ROWS_MAX = 60;
const STRETCHES_MAX = 1000;

/** One row a series. `merge` joins neighbours of the same text; a gap belongs to nobody. */
export function stateRows(frames: Frame[], end: number, merge: boolean, look: Look): StateRow[] {
  const range = rangeOfFrames(frames);
  const rows = frames.flatMap((frame) => {
    const times = (timeField(frame)?.values ?? []) as number[];
    const fields = frame.fields.filter(({ type, config }) => type !== 'time' && config.custom.hideFrom?.viz !== true);
    return fields.map((field) => {
      const show = displayer(field, look, range);
      const stretches: Stretch[] = [];
      field.values.forEach((value, index) => {
        const from = (times[index] ?? 0) / 1000;
        const to = (times[index + 1] ?? end * 1000) / 1000;
        if (value === null || value === undefined || to <= from) return;
        const display = show(value);
        const [text, color] = [displayText(display), display.color ?? palette.series(0)];
        const last = stretches[stretches.length - 1];
        if (merge && last !== undefined && last.text === text && last.to === from) last.to = to;
        else if (stretches.length < STRETCHES_MAX) stretches.push({ from, to, text, color });
      });
      return { name: displayName(field, frame, frames), stretches };
    });
  });
  return rows.slice(0, ROWS_MAX);
}
