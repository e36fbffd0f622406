// The recent past of what an alert measures, beside its threshold.

import { queries, type QueryAnswer } from '../api/prometheus';
import type { Labels } from '../api/prometheus';
import { narrowedTo, type Condition } from './condition';
import type { Row } from './rows';

const HOUR = 3600;
const DAY = 86_400;
const POINTS = 180;
/** More lines than that say nothing about one alert. */
const LINES_MAX = 10;

export interface AlertChart {
  times: number[];
  from: number;
  to: number;
  lines: { name: string; values: (number | null)[] }[];
  /** The other side of the comparison, where it is no number. */
  limit: (number | null)[] | null;
}

/** Labels that came from the series: those of the rule itself are not on it. */
export function seriesLabels(row: Row): Labels {
  const added = row.rule?.rule.labels ?? {};
  const own = row.rule?.rule.alerts.find((one) => Object.entries(one.labels).every(([name, value]) => row.labels[name] === value));
  const all = own?.labels ?? row.labels;
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'alertname' && !(name in added)));
}

/** From half an hour before it began, at least the last hour, at most the last day. */
export function chartSpan(since: number, now: number): number {
  return Math.min(DAY, Math.max(HOUR, now - since + HOUR / 2));
}

export async function loadChart(row: Row, condition: Condition, now: number, signal: AbortSignal): Promise<AlertChart> {
  const span = chartSpan(row.since, now);
  const step = Math.max(5, Math.ceil(span / POINTS));
  const to = Math.floor(now / step) * step;
  const count = Math.floor(span / step) + 1;
  const times = Array.from({ length: count }, (_, index) => to - (count - 1 - index) * step);
  const from = times[0] ?? to;
  const labels = seriesLabels(row);
  const ask = (id: string, query: string) => ({ id, query: narrowedTo(query, labels), start: from, end: to, step });
  const batch = [ask('measured', condition.measured)];
  if (condition.threshold === null) batch.push(ask('limit', condition.limit));
  const answers = await queries(batch, signal);
  const measured = answers.get('measured');
  if (measured?.status === 'error') throw new Error(measured.error ?? '');
  const lines = linesOf(measured, times).slice(0, LINES_MAX);
  return { times, from, to, lines, limit: linesOf(answers.get('limit'), times)[0]?.values ?? null };
}

function linesOf(answer: QueryAnswer | undefined, times: number[]): AlertChart['lines'] {
  const data = answer?.data;
  if (data?.resultType !== 'matrix') return [];
  return data.result.map(({ metric, values }) => {
    const found = new Map(values.map(([time, text]) => [Math.round(time), Number(text)]));
    const on = times.map((time) => {
      const value = found.get(Math.round(time));
      return value === undefined || !Number.isFinite(value) ? null : value;
    });
    const name = Object.entries(metric).map(([label, value]) => (label === '__name__' ? value : `${label}=${value}`)).join(' ');
    return { name, values: on };
  });
}
