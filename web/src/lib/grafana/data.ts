// From a panel to its queries, and from the answers to what it shows: the one place where answers become frames. Pure:
// whoever draws sends the queries.

import type { BatchQuery, Labels, Point, QueryAnswer, QueryData } from '../api/prometheus';
import { inferUnit } from '../format/unit';
import { applyOptions, fieldVariable, type Fill } from './apply';
import { withFilters } from './filters';
import { frameOf, TIME, timeField, VALUE, type Field, type Frame } from './frame';
import { heatmapFrame } from './heatmap';
import { interpolateQuery, interpolateText, type Scope } from './interpolate';
import { parseDuration, stepsFor, type Steps } from './interval';
import type { Panel, Target } from './model';
import { compactNames, fillLegend } from './names';
import { transform, type Transformers } from './transform';
import type { Filter } from './variables';

/** A target's question to the server. Times in seconds. */
export interface PanelQuery {
  target: Target;
  expr: string;
  /** With variables filled in, labels still to come. */
  legend: string;
  instant: boolean;
  start: number;
  end: number;
  step: number;
  steps: Steps;
}

export interface Asking {
  scope: Scope;
  /** Of the panel, in pixels. */
  width: number;
  /** Milliseconds: the server's scrape interval. */
  scrape: number;
  filters: Filter[];
}

/** The range that a panel shows: the board's, or its own (`timeFrom`), moved back by `timeShift`. Milliseconds. */
export function panelRange(panel: Panel, scope: Scope): { from: number; to: number } {
  const { range } = scope;
  const own = parseDuration(interpolateText(panel.timeFrom, scope).replace(/^now-/, ''));
  const shift = parseDuration(interpolateText(panel.timeShift, scope)) ?? 0;
  const from = own === undefined ? range.from : range.to - own;
  return { from: from - shift, to: range.to - shift };
}

/** What a panel asks; hidden and empty targets ask nothing. */
export function queriesOf(panel: Panel, { scope, width, scrape, filters }: Asking): PanelQuery[] {
  const range = panelRange(panel, scope);
  const here: Scope = { ...scope, range, scoped: { ...scope.scoped, ...panel.scoped } };
  const asked = panel.targets.filter(({ hidden, expr }) => !hidden && expr.trim() !== '');
  return asked.map((target) => {
    const minStep = [target.minStep, panel.minStep].map((text) => parseDuration(interpolateText(text, here))).find((one) => one !== undefined);
    const points = panel.maxDataPoints ?? width;
    const steps = stepsFor({ range: range.to - range.from, points, minStep, scrape, factor: target.stepFactor });
    const expr = withFilters(interpolateQuery(target.expr, { ...here, steps }).trim(), filters);
    const legend = interpolateText(target.legend, here);
    const instant = target.instant && (!target.range || !isOverTime(panel));
    const step = steps.step / 1000;
    // Points lie where they lay a moment ago, so that a chart does not shiver when it refreshes.
    const onGrid = (milliseconds: number) => (instant ? milliseconds / 1000 : Math.floor(milliseconds / steps.step) * step);
    return { target, expr, legend, instant, start: onGrid(range.from), end: onGrid(range.to), step, steps };
  });
}

/** Kinds that want the course of a value where a query offers both. */
function isOverTime({ kind }: Panel): boolean {
  return ['timeseries', 'heatmap', 'state-timeline', 'status-history', 'histogram'].includes(kind);
}

/** The queries for the server's batch. */
export function batchOf(panel: Panel, queries: PanelQuery[]): BatchQuery[] {
  return queries.map(({ target, expr, instant, start, end, step }) => {
    const id = queryId(panel, target);
    return instant ? { id, query: expr, time: end } : { id, query: expr, start, end, step };
  });
}

/** Repetitions of a panel share its id, so their values are part of the name. */
export function queryId(panel: Panel, { refId }: Target): string {
  const scoped = Object.entries(panel.scoped).map(([name, { value }]) => `${name}=${value}`);
  return [panel.id, ...scoped, refId].join('/');
}

/** The frames of the answers, before transformations and options. */
export function framesOf(panel: Panel, queries: PanelQuery[], answers: ReadonlyMap<string, QueryAnswer>): Frame[] {
  const answered = queries.flatMap((query) => {
    const data = answers.get(queryId(panel, query.target))?.data;
    return data === undefined ? [] : [{ query, data }];
  });
  const tables = answered.filter(({ query }) => query.target.format === 'table').length;
  return answered.flatMap(({ query, data }) => {
    const frames = framesOfAnswer(query, data, tables);
    return query.target.format === 'table' ? frames : named(frames, query);
  });
}

function framesOfAnswer(query: PanelQuery, data: QueryData, tables: number): Frame[] {
  const { refId, format } = query.target;
  switch (data.resultType) {
    case 'scalar': return [seriesFrame(refId, {}, [data.result])];
    case 'string': return [frameOf([column(TIME, 'time', [data.result[0] * 1000]), column(VALUE, 'string', [data.result[1]])], { refId })];
    case 'vector': {
      const rows = data.result.map(({ metric, value }) => ({ metric, values: [value] }));
      return format === 'table' ? [tableFrame(refId, rows, tables)] : rows.map(({ metric, values }) => seriesFrame(refId, metric, values));
    }
    case 'matrix': {
      if (format === 'table') return [tableFrame(refId, data.result, tables)];
      const frames = data.result.map(({ metric, values }) => gridFrame(query, metric, values));
      return format === 'heatmap' ? heatmapFrame(refId, frames) : frames;
    }
  }
}

function column(name: string, type: Field['type'], values: unknown[], labels?: Labels): Field {
  return { name, type, values, labels, config: { custom: {} } };
}

/** `NaN` and `+Inf` are texts that `Number` reads but for the infinities. */
function sampleValue(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function seriesFrame(refId: string, labels: Labels, points: Point[]): Frame {
  const times = points.map(([time]) => time * 1000);
  const values = points.map(([, value]) => sampleValue(value));
  return frameOf([column(TIME, 'time', times), column(VALUE, 'number', values, labels)], { refId });
}

/** A series on the grid of its query's steps, from its first to its last point; what is missing between is null. */
function gridFrame({ target, start, step }: PanelQuery, labels: Labels, points: Point[]): Frame {
  const place = (time: number) => Math.round((time - start) / step);
  const [first, last] = [place(points[0]?.[0] ?? start + step), place(points[points.length - 1]?.[0] ?? start)];
  const values = new Array<number | null>(last - first + 1).fill(null);
  for (const [time, value] of points) {
    values[place(time) - first] = sampleValue(value);
  }
  return frameOf([column(TIME, 'time', gridTimes(start, step, first, last)), column(VALUE, 'number', values, labels)], { refId: target.refId });
}

let lastTimes: { key: string; times: number[] } = { key: '', times: [] };

/** Series of one query mostly span the same steps: they share the array, which charts know by identity. */
function gridTimes(start: number, step: number, first: number, last: number): number[] {
  const key = `${start}/${step}/${first}/${last}`;
  if (lastTimes.key !== key) {
    const times = Array.from({ length: last - first + 1 }, (_, index) => Math.round((start + (first + index) * step) * 1000));
    lastTimes = { key, times };
  }
  return lastTimes.times;
}

/** All samples as rows: time, one column for each label, the value. */
function tableFrame(refId: string, series: { metric: Labels; values: Point[] }[], tables: number): Frame {
  const names = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const rows = series.flatMap(({ metric, values }) => values.map((point) => ({ metric, point })));
  const labels = names.map((name) => {
    // The one label that is a number to Grafana.
    if (name === 'quantile') return column(name, 'number', rows.map(({ metric }) => sampleValue(metric[name] ?? 'NaN')));
    return column(name, 'string', rows.map(({ metric }) => metric[name] ?? ''));
  });
  const time = column(TIME, 'time', rows.map(({ point }) => point[0] * 1000));
  const value = column(tables > 1 ? `${VALUE} #${refId}` : VALUE, 'number', rows.map(({ point }) => sampleValue(point[1])));
  return frameOf([time, ...labels, value], { refId });
}

/** Gives each series the legend its target asks for; without one they are told apart by what differs. */
function named(frames: Frame[], { legend, expr }: PanelQuery): Frame[] {
  const fields = frames.flatMap((frame) => frame.fields.filter(({ type, labels }) => type === 'number' && labels !== undefined));
  const labels = fields.map((field) => field.labels ?? {});
  const automatic = legend === '' || legend === '__auto';
  const names = automatic ? compactNames(labels, expr) : labels.map((one) => fillLegend(legend, one));
  fields.forEach((field, index) => (field.config.sourceName = field.config.sourceName ?? names[index]));
  return frames;
}

/** What a panel shows of its frames: transformed, and each field with its options. `null` does for a panel that transforms nothing. */
export function shown(panel: Panel, frames: Frame[], scope: Scope, transformers: Transformers | null): Frame[] {
  const here: Scope = { ...scope, scoped: { ...scope.scoped, ...panel.scoped } };
  const guessed = panel.hasUnit ? frames : withUnits(panel, frames);
  const transformed = transform(guessed, panel.transformations, transformers, (text) => interpolateText(text, here));
  const { defaults, overrides } = panel.fields;
  return applyOptions(transformed, defaults, overrides, filling(transformed, here)).map(withZeros);
}

/** What a panel whose author gave no unit is most likely counted in. */
function withUnits(panel: Panel, frames: Frame[]): Frame[] {
  const units = new Map(panel.targets.map(({ refId, expr }) => [refId, inferUnit(expr)]));
  return frames.map((frame) => {
    const unit = units.get(frame.refId ?? '') || undefined;
    if (unit === undefined) return frame;
    const fields = frame.fields.map((field) => {
      return field.type === 'number' && field.name.startsWith(VALUE) ? { ...field, config: { unit, ...field.config } } : field;
    });
    return { ...frame, fields };
  });
}

function filling(frames: Frame[], scope: Scope): Fill {
  return (template, field, frame) => {
    const own = template.replace(/\$\{(__field\.[^}]+|__series\.name)\}/g, (all, path: string) => fieldVariable(path, field, frame, frames) ?? all);
    return interpolateText(own, scope);
  };
}

/** `null as zero` of old graphs. */
function withZeros(frame: Frame): Frame {
  const zeros = frame.fields.some(({ config }) => config.custom.nullAsZero === true);
  if (!zeros || timeField(frame) === undefined) {
    return frame;
  }
  const fields = frame.fields.map((field) => {
    const wanted = field.config.custom.nullAsZero === true && field.type === 'number';
    return wanted ? { ...field, values: field.values.map((value) => value ?? 0) } : field;
  });
  return { ...frame, fields };
}
