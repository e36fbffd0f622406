// Answers as rows and as lines: sorted, named by what tells them apart, copied as a sheet.

import type { Labels, MatrixSeries, QueryData, VectorSample } from '../api/prometheus';
import { printSelector } from '../promql/ast';

/** Lines drawn at once: with more nobody can tell them apart, and the legend is a wall. */
export const LINES_MAX = 50;
/** Rows of a page of the table. */
export const ROWS_A_PAGE = 100;

export interface Row {
  labels: Labels;
  /** As the server wrote it. */
  value: string;
  time: number;
}

/** An instant answer as rows; a scalar or a text is one row without labels. */
export function rowsOf(data: QueryData): Row[] {
  switch (data.resultType) {
    case 'vector':
      return data.result.map(({ metric, value, histogram }: VectorSample & { histogram?: [number, { count: string }] }) => ({
        labels: metric,
        value: value?.[1] ?? histogram?.[1].count ?? '',
        time: value?.[0] ?? histogram?.[0] ?? 0,
      }));
    case 'matrix':
      return data.result.map(({ metric, values }) => {
        const [time, value] = values.at(-1) ?? [0, ''];
        return { labels: metric, value, time };
      });
    default:
      return [{ labels: {}, value: data.result[1], time: data.result[0] }];
  }
}

/** Every label name of some row: the metric's first, the others by name. */
export function columnsOf(rows: readonly Row[]): string[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row.labels)));
  return [...names].sort((a, b) => Number(b === '__name__') - Number(a === '__name__') || a.localeCompare(b));
}

export interface Order {
  /** A label, or `''` for the value. */
  column: string;
  descending: boolean;
}

/** Numbers by size with NaN last, texts as people count (`node2` before `node10`). Equal rows keep their places. */
export function sorted(rows: readonly Row[], { column, descending }: Order): Row[] {
  const direction = descending ? -1 : 1;
  if (column !== '') {
    const text = new Intl.Collator(undefined, { numeric: true });
    return [...rows].sort((a, b) => direction * text.compare(a.labels[column] ?? '', b.labels[column] ?? ''));
  }
  return [...rows].sort((a, b) => {
    const [x, y] = [numberOf(a.value), numberOf(b.value)];
    if (Number.isNaN(x) || Number.isNaN(y)) {
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    }
    return x === y ? 0 : direction * (x < y ? -1 : 1);
  });
}

/** Prometheus writes `+Inf`. */
export function numberOf(text: string): number {
  return /^[+-]?Inf$/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : text === '' ? NaN : Number(text);
}

/** Rows for a spreadsheet. A cell that begins like a formula is kept from being one. */
export function tabSeparated(rows: readonly Row[], columns: readonly string[], valueName: string): string {
  const cell = (text: string) => (/^[=@]|^[+-](?![\d.]|Inf)/.test(text) ? `'${text}` : text).replace(/[\t\r\n]/g, ' ');
  const lines = rows.map((row) => [...columns.map((name) => cell(row.labels[name] ?? '')), row.value].join('\t'));
  return [[...columns, valueName].join('\t'), ...lines].join('\n');
}

/** What a series is called: only the labels that differ, or all where that leaves nothing. */
export function seriesNames(series: readonly { metric: Labels }[], fallback: string): string[] {
  const [first] = series;
  if (first === undefined) {
    return [];
  }
  if (series.length === 1) {
    return [nameOf(first.metric) || fallback];
  }
  const names = new Set(series.flatMap(({ metric }) => Object.keys(metric)));
  const varying = [...names].filter((name) => series.some(({ metric }) => metric[name] !== first.metric[name]));
  return series.map(({ metric }) => {
    const told = Object.fromEntries(varying.filter((name) => metric[name] !== undefined).map((name) => [name, metric[name] ?? '']));
    const [only] = varying;
    const plain = varying.length === 1 && only !== undefined && only !== '__name__' ? (told[only] ?? '') : '';
    return plain || nameOf(told) || nameOf(metric) || fallback;
  });
}

function nameOf(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  const matchers = Object.entries(rest).map(([label, value]) => ({ name: label, type: '=' as const, value }));
  return name === '' && matchers.length === 0 ? '' : printSelector(name, matchers);
}

/** Series on one axis of times, a gap where a series has no value. */
export function linesOf(
  series: readonly MatrixSeries[],
  start: number,
  end: number,
  step: number,
): { times: number[]; values: (number | null)[][] } {
  const count = Math.max(0, Math.floor((end - start) / step + 1e-6)) + 1;
  const times = Array.from({ length: count }, (_, index) => start + index * step);
  const values = series.map((one) => {
    const line: (number | null)[] = new Array(count).fill(null);
    for (const [time, text] of one.values ?? []) {
      const value = numberOf(text);
      const index = Math.round((time - start) / step);
      if (index >= 0 && index < count) {
        line[index] = Number.isFinite(value) ? value : null;
      }
    }
    return line;
  });
  return { times, values };
}
