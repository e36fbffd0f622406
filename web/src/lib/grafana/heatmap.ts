// Buckets of a histogram over time: Prometheus' are cumulative, a heatmap wants what lies between two borders.

import { frameOf, TIME, timeField, VALUE, type Field, type Frame } from './frame';

/** One frame of a time column and a column for each `le`, from the lowest border up. */
export function heatmapFrame(refId: string, series: Frame[]): Frame[] {
  const rows = series
    .flatMap((frame) => frame.fields.filter(({ labels }) => labels !== undefined).map((value) => ({ frame, value, le: borderOf(value) })))
    .sort((a, b) => a.le - b.le);
  if (rows.length === 0) {
    return [];
  }
  const times = [...new Set(rows.flatMap(({ frame }) => (timeField(frame)?.values ?? []) as number[]))].sort((a, b) => a - b);
  const cumulative = rows.every(({ value }) => value.labels?.le !== undefined);
  const columns = rows.map(({ frame, value }) => spread(times, frame, value));
  const fields = rows.map(({ value }, index): Field => {
    const le = value.labels?.le;
    const values = cumulative && index > 0 ? difference(columns[index] ?? [], columns[index - 1] ?? []) : (columns[index] ?? []);
    return { name: le ?? VALUE, type: 'number', labels: value.labels, values, config: { custom: {}, sourceName: le } };
  });
  return [frameOf([{ name: TIME, type: 'time', values: times, config: { custom: {} } }, ...fields], { refId })];
}

function borderOf({ labels }: Field): number {
  const le = labels?.le ?? '0';
  return le === '+Inf' ? Infinity : le === '-Inf' ? -Infinity : Number(le);
}

function spread(times: number[], frame: Frame, { values }: Field): (number | null)[] {
  const own = (timeField(frame)?.values ?? []) as number[];
  const byTime = new Map(own.map((time, index) => [time, values[index] as number | null]));
  return times.map((time) => byTime.get(time) ?? null);
}

function difference(upper: (number | null)[], lower: (number | null)[]): (number | null)[] {
  // Scraped a moment apart, a lower bucket may be ahead of the upper one.
  return upper.map((value, index) => (value === null ? null : Math.max(0, value - (lower[index] ?? 0))));
}
