// What a panel asks the server: its queries with variables filled in, over its range, at its steps.

import type { BatchQuery } from '../lib/api/prometheus';
import { withFilters } from '../lib/grafana/filters';
import { interpolateQuery, interpolateText, type Scope } from '../lib/grafana/interpolate';
import { parseDuration, stepsFor, type Steps } from '../lib/grafana/interval';
import type { Panel, Target } from '../lib/grafana/model';
import { isAsked } from '../lib/grafana/review';
import type { Filter } from '../lib/grafana/variables';
import { aligned, type Range } from '../lib/time/range';

export interface Question {
  target: Target;
  /** The expression as it is asked. */
  expr: string;
  /** The legend with variables filled in, labels still to come. */
  legend: string;
  query: BatchQuery;
}

export interface Asked {
  questions: Question[];
  /** What the panel shows, its own override included. Seconds. */
  range: Range;
  scope: Scope;
}

export interface Circumstances {
  scope: Omit<Scope, 'range' | 'steps' | 'scoped'>;
  /** Seconds. */
  range: Range;
  /** How many points a chart has room for. */
  points: number;
  scrapeSeconds: number;
  /** Ad hoc filters, which go into every selector. */
  filters?: Filter[];
}

/** Kinds that show no query's answer. */
const SILENT = new Set<Panel['kind']>(['text', 'dashlist', 'alertlist', 'unsupported']);

/** Kinds that want the course of a value where a query offers both. */
const OVER_TIME = new Set<Panel['kind']>(['timeseries', 'heatmap', 'state-timeline', 'status-history', 'histogram']);

/** `key` tells the repetitions of one panel apart. */
export function askedBy(
  panel: Panel,
  { scope, range, points, scrapeSeconds, filters = [] }: Circumstances,
  key = String(panel.id),
): Asked {
  const own = ownRange(panel, range, scope as Scope);
  const milliseconds = { from: own.from * 1000, to: own.to * 1000 };
  const base: Scope = { ...scope, scoped: panel.scoped, range: milliseconds };
  const asks = isAsked(panel) && !SILENT.has(panel.kind);
  const targets = asks ? panel.targets.filter(({ expr, hidden }) => !hidden && expr.trim() !== '') : [];
  const questions = targets.map((target) => {
    const steps = stepsOf(panel, target, own, points, scrapeSeconds, base);
    const here = { ...base, steps };
    const expr = withFilters(interpolateQuery(target.expr, here).trim(), filters);
    return { target, expr, legend: interpolateText(target.legend, here), query: queryOf(panel, target, `${key}/${target.refId}`, expr, own, steps) };
  });
  return { questions, range: own, scope: base };
}

/** `timeFrom` shows the last stretch of that length, `timeShift` an earlier one. */
function ownRange(panel: Panel, range: Range, scope: Scope): Range {
  const seconds = (text: string) => (parseDuration(interpolateText(text, { ...scope, range: { from: 0, to: 0 } })) ?? 0) / 1000;
  const length = seconds(panel.timeFrom);
  const shift = seconds(panel.timeShift);
  const shown = length > 0 ? { from: range.to - length, to: range.to } : range;
  return { from: shown.from - shift, to: shown.to - shift };
}

function stepsOf(panel: Panel, target: Target, range: Range, points: number, scrapeSeconds: number, scope: Scope): Steps {
  const least = target.minStep || panel.minStep;
  const minStep = least === '' ? undefined : parseDuration(interpolateText(least, scope));
  return stepsFor({
    range: (range.to - range.from) * 1000,
    points: panel.maxDataPoints ?? points,
    minStep,
    scrape: scrapeSeconds * 1000,
    factor: target.stepFactor,
  });
}

function queryOf(panel: Panel, target: Target, id: string, expr: string, range: Range, steps: Steps): BatchQuery {
  const instant = target.instant && (!target.range || !OVER_TIME.has(panel.kind));
  if (instant) {
    return { id, query: expr, time: range.to };
  }
  const step = steps.step / 1000;
  const { from, to } = aligned(range, step);
  return { id, query: expr, start: from, end: to, step };
}
