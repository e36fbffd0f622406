// Would the rule have fired? Its expression over the past, with `for` and `keep_firing_for` applied to each series.

import { queries, range, type Labels, type MatrixSeries } from '../api/prometheus';
import { parseQuery, printSelector, selectors } from '../promql/ast';
import { stepFor } from '../time/range';

export const DAYS = 7;
const SPAN = DAYS * 86_400;
/** A little under what a range query may give back. */
const POINTS = 10_000;
/** Pieces of the strip: half an hour each. */
export const PIECES = DAYS * 48;
/** Alerts that are listed by name. */
const LISTED_MAX = 5;

export interface Firing {
  labels: Labels;
  from: number;
  to: number;
  /** Whether it would fire still. */
  open: boolean;
}

export interface Stretch {
  from: number;
  to: number;
}

export interface Verdict {
  firings: Firing[];
  /** True, but not for long enough; or before it was so. */
  pending: Stretch[];
}

export interface Timing {
  from: number;
  to: number;
  step: number;
  /** Seconds. */
  for: number;
  keepFiringFor: number;
}

/** Each series by itself, as the rule does. Where steps are longer than `for`, one point is long enough. */
export function judge(series: readonly MatrixSeries[], timing: Timing): Verdict {
  const verdict: Verdict = { firings: [], pending: [] };
  for (const { metric, values } of series) {
    judgeSeries(metric, runsOf((values ?? []).map(([time]) => time), timing), timing, verdict);
  }
  verdict.firings.sort((a, b) => a.from - b.from);
  return verdict;
}

/** Points that follow each other without a gap. A run ends one step behind its last point: then it was looked at again. */
function runsOf(times: readonly number[], { step, to }: Timing): Stretch[] {
  const runs: Stretch[] = [];
  for (const time of times) {
    const last = runs.at(-1);
    if (last !== undefined && time <= last.to + step / 2) {
      last.to = time + step;
    } else {
      runs.push({ from: time, to: time + step });
    }
  }
  return runs.map((run) => ({ from: run.from, to: Math.min(run.to, to) }));
}

function judgeSeries(labels: Labels, runs: readonly Stretch[], timing: Timing, verdict: Verdict): void {
  const { step, to } = timing;
  let current: Firing | undefined;
  for (const run of runs) {
    if (current !== undefined && run.from <= current.to) {
      current.to = run.to; // Kept firing until it was true again.
    } else {
      const seen = run.to - run.from - (timing.for < step ? 0 : step);
      if (seen < timing.for) {
        verdict.pending.push(run);
        continue;
      }
      if (timing.for > 0) verdict.pending.push({ from: run.from, to: run.from + timing.for });
      current = { labels, from: run.from + timing.for, to: run.to, open: false };
      verdict.firings.push(current);
    }
    current.to = Math.min(to, current.to + timing.keepFiringFor);
    current.open = current.to >= to - step / 2;
  }
}

export interface Backtest extends Verdict {
  timing: Timing;
  longest: number;
  /** Seconds in which at least one alert would have fired. */
  firingSeconds: number;
  /** Alerts with the most firings, and how many they had. */
  most: { labels: Labels; count: number; seconds: number }[];
  /** Where the data begins, when that is later than the span; `null` when it covers it all. */
  dataFrom: number | null;
  /** Whether there was no data at all. */
  noData: boolean;
}

export interface Judged {
  query: string;
  for: number;
  keepFiringFor: number;
  interval: number;
}

/** Asks the server for the last seven days and judges them here. */
export async function backtest(rule: Judged, now: number, signal?: AbortSignal): Promise<Backtest> {
  const step = stepFor(SPAN, POINTS, Math.max(1, rule.interval));
  const to = Math.floor(now / step) * step;
  const timing = { from: to - SPAN, to, step, for: rule.for, keepFiringFor: rule.keepFiringFor };
  const [{ data }, begin] = await Promise.all([
    range(rule.query, timing.from, to, step, signal),
    dataBegins(rule.query, timing, signal),
  ]);
  const verdict = judge(data.resultType === 'matrix' ? data.result : [], timing);
  return {
    ...verdict,
    timing,
    longest: Math.max(0, ...verdict.firings.map((one) => one.to - one.from)),
    firingSeconds: covered(verdict.firings),
    most: mostFiring(verdict.firings),
    dataFrom: begin === null || begin <= timing.from + BEGIN_STEP ? null : begin,
    noData: begin === null,
  };
}

/** How exactly the beginning of data is told, in seconds. */
const BEGIN_STEP = 600;

/** When the last of the expression's metrics began; `null` when one of them never did. */
async function dataBegins(query: string, { from, to }: Timing, signal?: AbortSignal): Promise<number | null> {
  const names = [...new Set(selectors(await parseQuery(query, signal)).map((one) => printSelector(one.name, one.name === '' ? one.matchers : [])))];
  const batch = names.map((name) => ({ id: name, query: `count(${name})`, start: from, end: to, step: BEGIN_STEP }));
  // Between the last two steps may lie the only data there is.
  const latest = names.map((name) => ({ id: `now ${name}`, query: `count(${name})`, time: to }));
  const answers = await queries([...batch, ...latest], signal);
  const begins = names.map((name) => {
    const data = answers.get(name)?.data;
    const first = data?.resultType === 'matrix' ? data.result[0]?.values[0]?.[0] : undefined;
    const recent = answers.get(`now ${name}`)?.data;
    return first ?? (recent?.resultType === 'vector' && recent.result.length > 0 ? to - BEGIN_STEP : undefined);
  });
  if (begins.some((one) => one === undefined)) {
    return null;
  }
  return Math.max(from, ...begins.map((one) => one ?? from));
}

/** Seconds that at least one stretch covers. */
export function covered(stretches: readonly Stretch[]): number {
  let total = 0;
  let end = -Infinity;
  for (const { from, to } of [...stretches].sort((a, b) => a.from - b.from)) {
    total += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return total;
}

function mostFiring(firings: readonly Firing[]): Backtest['most'] {
  const byAlert = new Map<string, { labels: Labels; count: number; seconds: number }>();
  for (const { labels, from, to } of firings) {
    const key = JSON.stringify(Object.entries(labels).sort());
    const entry = byAlert.get(key) ?? { labels, count: 0, seconds: 0 };
    entry.count += 1;
    entry.seconds += to - from;
    byAlert.set(key, entry);
  }
  return [...byAlert.values()].sort((a, b) => b.seconds - a.seconds).slice(0, LISTED_MAX);
}

export interface Piece {
  /** Which pieces of the strip, from and up to. */
  start: number;
  end: number;
  state: 'firing' | 'pending';
}

/** The strip: where something fired or was pending, in whole pieces, neighbours joined. */
export function strip({ firings, pending }: Verdict, { from, to }: Stretch, pieces = PIECES): Piece[] {
  const states: (Piece['state'] | undefined)[] = new Array(pieces).fill(undefined);
  const mark = (stretch: Stretch, state: Piece['state']) => {
    const place = (time: number) => ((time - from) / (to - from)) * pieces;
    const last = Math.min(pieces - 1, Math.ceil(place(stretch.to)) - 1);
    for (let index = Math.max(0, Math.floor(place(stretch.from))); index <= last; index += 1) {
      states[index] = state;
    }
  };
  for (const one of pending) mark(one, 'pending');
  for (const one of firings) mark(one, 'firing');
  const joined: Piece[] = [];
  states.forEach((state, index) => {
    if (state === undefined) return;
    const last = joined.at(-1);
    if (last?.end === index && last.state === state) last.end = index + 1;
    else joined.push({ start: index, end: index + 1, state });
  });
  return joined;
}
