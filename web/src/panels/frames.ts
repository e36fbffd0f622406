// Answers of the server as frames, with the names and units that the panel wants.

import type { Labels, MatrixSeries, QueryData } from '../lib/api/prometheus';
import { inferUnit } from '../lib/format/unit';
import { applyOptions, fieldVariable, type FieldOptions, type Fill } from '../lib/grafana/fields';
import { TIME, VALUE, frameOf, type Field, type Frame } from '../lib/grafana/frame';
import { interpolateText, type Scope } from '../lib/grafana/interpolate';
import type { Panel } from '../lib/grafana/model';
import { compactNames, fillLegend } from '../lib/grafana/names';
import { transform } from '../lib/grafana/transform';
import type { Question } from './ask';

export interface Answered {
  question: Question;
  data: QueryData;
}

/** The frames that a panel draws. */
export function framesOf(panel: Panel, answers: Answered[], scope: Scope): Frame[] {
  const tables = answers.filter(({ question }) => question.target.format === 'table').length;
  const frames = answers.flatMap(({ question, data }) => framesOfAnswer(panel, question, data, tables > 1));
  const transformed = transform(frames, panel.transformations, (text) => interpolateText(text, scope));
  const { defaults, overrides } = panel.fields;
  const fill: Fill = (template, field, frame) => {
    const own = template.replace(/\$\{(__(?:field|series)[^}]*)\}/g, (all, path: string) => {
      return fieldVariable(path, field, frame, transformed) ?? all;
    });
    return interpolateText(own, scope);
  };
  return applyOptions(transformed, defaults, overrides, fill).map(withZeros);
}

/** `null as zero` of old graphs. */
function withZeros(frame: Frame): Frame {
  const asZero = ({ type, config }: Field) => type === 'number' && config.custom.nullAsZero === true;
  if (!frame.fields.some(asZero)) {
    return frame;
  }
  const fields = frame.fields.map((field) => (asZero(field) ? { ...field, values: field.values.map((value) => value ?? 0) } : field));
  return { ...frame, fields };
}

/** Numbers as Prometheus writes them: `Number` knows no `+Inf`. */
function sampleValue(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function framesOfAnswer(panel: Panel, question: Question, data: QueryData, several: boolean): Frame[] {
  const unit = panel.hasUnit ? undefined : inferUnit(question.expr) || undefined;
  const { format, refId } = question.target;
  switch (data.resultType) {
    case 'scalar':
      return [single(question, [data.result[0]], [sampleValue(data.result[1])], {}, VALUE, unit)];
    case 'string':
      return [frameOf([column(TIME, 'time', [data.result[0] * 1000]), column(VALUE, 'string', [data.result[1]])], { refId })];
    case 'vector': {
      if (format === 'table') {
        const samples = data.result.map(({ metric, value }) => ({ metric, values: [value] }));
        return [tableOf(samples, question, several, unit)];
      }
      const names = namesOf(data.result.map(({ metric }) => metric), question);
      return data.result.map(({ metric, value }, index) => {
        return single(question, [value[0]], [sampleValue(value[1])], metric, names[index] ?? VALUE, unit);
      });
    }
    case 'matrix':
      if (format === 'table') return [tableOf(data.result, question, several, unit)];
      return format === 'heatmap' ? [buckets(data.result, question)] : lines(data.result, question, unit);
  }
}

function column(name: string, type: Field['type'], values: unknown[], rest: Partial<Field> = {}): Field {
  return { name, type, values, config: { custom: {} }, ...rest };
}

function single(question: Question, times: number[], values: (number | null)[], labels: Labels, name: string, unit?: string): Frame {
  const time = column(TIME, 'time', times.map((one) => one * 1000));
  return series(question, time, values, labels, name, unit);
}

function series(question: Question, time: Field, values: (number | null)[], labels: Labels, name: string, unit?: string): Frame {
  const config: FieldOptions = { custom: {}, sourceName: name, unit };
  const value = column(VALUE, 'number', values, { labels, config });
  return frameOf([time, value], { refId: question.target.refId, name });
}

/** A frame for each series, all on the same row of times: where the server had no value there is a gap. */
function lines(result: MatrixSeries[], question: Question, unit: string | undefined): Frame[] {
  const names = namesOf(result.map(({ metric }) => metric), question);
  const grid = gridOf(result, question);
  return result.map(({ metric, values }, index) => {
    return series(question, grid.time, grid.spread(values), metric, names[index] ?? VALUE, unit);
  });
}

interface TimeGrid {
  time: Field;
  spread: (points: MatrixSeries['values']) => (number | null)[];
}

function gridOf(result: MatrixSeries[], { query }: Question): TimeGrid {
  if (!('start' in query)) {
    const times = [...new Set(result.flatMap(({ values }) => values.map(([time]) => time)))].sort((a, b) => a - b);
    const place = new Map(times.map((time, index) => [time, index]));
    return gridWith(times, (time) => place.get(time) ?? -1);
  }
  const { start, end, step } = query;
  const length = Math.max(0, Math.floor((end - start) / step + 1e-6) + 1);
  const times = Array.from({ length }, (_, index) => start + index * step);
  return gridWith(times, (time) => Math.round((time - start) / step));
}

function gridWith(times: number[], place: (time: number) => number): TimeGrid {
  return {
    time: column(TIME, 'time', times.map((time) => time * 1000)),
    spread: (points) => {
      const values = new Array<number | null>(times.length).fill(null);
      for (const [time, value] of points) {
        const at = place(time);
        if (at >= 0 && at < values.length) values[at] = sampleValue(value);
      }
      return values;
    },
  };
}

function namesOf(labels: Labels[], { legend, expr }: Question): string[] {
  if (legend === '' || legend === '__auto') {
    return compactNames(labels, expr);
  }
  return labels.map((one) => (legend.includes('{{') ? fillLegend(legend, one) : legend));
}

/** One table: a row for each value, a column for each label. */
function tableOf(result: MatrixSeries[], { target }: Question, several: boolean, unit: string | undefined): Frame {
  const rows = result.flatMap(({ metric, values }) => values.map(([time, value]) => ({ metric, time, value })));
  const names = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const value = several ? `${VALUE} #${target.refId}` : VALUE;
  return frameOf(
    [
      column(TIME, 'time', rows.map(({ time }) => time * 1000)),
      ...names.map((name) => column(name, 'string', rows.map(({ metric }) => metric[name] ?? ''), { config: { custom: {}, filterable: true } })),
      column(value, 'number', rows.map((row) => sampleValue(row.value)), { config: { custom: {}, unit } }),
    ],
    { refId: target.refId },
  );
}

/** The buckets of a histogram, each counting what the smaller ones do not. */
function buckets(result: MatrixSeries[], question: Question): Frame {
  const bound = ({ le }: Labels) => (le === undefined ? NaN : le === '+Inf' ? Infinity : Number(le));
  const sorted = [...result].sort((a, b) => bound(a.metric) - bound(b.metric));
  const grid = gridOf(sorted, question);
  const names = namesOf(sorted.map(({ metric }) => metric), question);
  let below: (number | null)[] = [];
  const fields = sorted.map(({ metric, values }, index) => {
    const total = grid.spread(values);
    const own = Number.isNaN(bound(metric)) ? total : total.map((one, at) => (one === null ? null : Math.max(0, one - (below[at] ?? 0))));
    below = total;
    const name = metric.le ?? names[index] ?? VALUE;
    return column(name, 'number', own, { labels: metric, config: { custom: {}, sourceName: name } });
  });
  return frameOf([grid.time, ...fields], { refId: question.target.refId });
}
