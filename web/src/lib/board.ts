// What the tiles of the board show: made of answers of the server, without asking it.

import type { BatchQuery, QueryAnswer } from './api/prometheus';
import { severityRank, type Row } from './alerts/rows';
import { metricsOf } from './alerts/condition';
import { queryFor, unlessBlind, type Tile, type Windows } from './tiles';

export type Answers = ReadonlyMap<string, QueryAnswer>;

const DAY = 86_400;
const HOUR = 3600;
const STEP = 60;
/** Before that many seconds without a sample nothing is called stale: a scrape may be late. */
const STALE_SECONDS_MIN = 10;

export const staleAfter = (scrapeIntervalSeconds: number): number => Math.max(3 * scrapeIntervalSeconds, STALE_SECONDS_MIN);

const valueId = (tile: Tile, index: number) => `${tile.id}.${index}`;
const freshId = (tile: Tile) => `fresh ${tile.freshness}`;

/** Values of this moment, how old they are, and where they were found: one batch. */
export function valueQueries(tiles: readonly Tile[], windows: Windows, now: number): BatchQuery[] {
  const queries = new Map<string, BatchQuery>();
  const add = (id: string, query: string) => queries.set(id, { id, query, time: now });
  for (const tile of tiles) {
    tile.measures.forEach((measure, index) => add(valueId(tile, index), queryFor(tile, measure, windows)));
    const sources = [tile.freshness, ...(tile.otherwise ?? [])];
    add(freshId(tile), unlessBlind(tile, sources.map((source) => `max(timestamp(${source}))`).join(' or ')));
    if (tile.where !== undefined) add(`${tile.id} where`, tile.where.query);
  }
  return [...queries.values()];
}

export interface Reading {
  /** `quiet`: there are samples, and no value follows from them. */
  state: 'value' | 'missing' | 'quiet' | 'error';
  /** One for each measure. */
  values: (number | null)[];
  where: string | null;
  /** Age of the newest sample in seconds. */
  age: number | null;
  error: string;
}

export function readValues(tile: Tile, answers: Answers, now: number): Reading {
  const values = tile.measures.map((_, index) => single(answers.get(valueId(tile, index))));
  const newest = single(answers.get(freshId(tile)));
  const failed = tile.measures.map((_, index) => answers.get(valueId(tile, index))).find((one) => one?.status === 'error');
  const main = values[tile.main] ?? null;
  const state = failed !== undefined ? 'error' : main !== null ? 'value' : newest === null ? 'missing' : 'quiet';
  const age = newest === null ? null : Math.max(0, now - newest);
  return { state, values, where: labelOf(tile, answers), age, error: failed?.error ?? '' };
}

function single(answer: QueryAnswer | undefined): number | null {
  const data = answer?.data;
  if (data?.resultType !== 'vector') return null;
  const text = data.result[0]?.value[1];
  return text === undefined ? null : finite(text);
}

function finite(text: string): number | null {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function labelOf(tile: Tile, answers: Answers): string | null {
  const data = answers.get(`${tile.id} where`)?.data;
  if (tile.where === undefined || data?.resultType !== 'vector') return null;
  return data.result[0]?.metric[tile.where.label] ?? null;
}

/** The last hour, and the same hour of yesterday with the half hour behind it. */
export function trendQueries(tiles: readonly Tile[], windows: Windows, now: number): BatchQuery[] {
  return tiles.flatMap((tile) =>
    tile.measures.flatMap((measure, index) => {
      const { start, end, step } = hourBefore(tile, now);
      const query = queryFor(tile, measure, windows);
      const id = valueId(tile, index);
      const today = { id, query, start, end, step };
      // Only the main measure is compared.
      return index !== tile.main ? [today] : [today, { id: `${id} before`, query, start: start - DAY, end: end - DAY + HOUR / 2, step }];
    }),
  );
}

function hourBefore(tile: Tile, now: number): { start: number; end: number; step: number } {
  const step = tile.step ?? STEP;
  // On a fixed grid points keep their values from one look to the next.
  const end = Math.floor(now / step) * step;
  return { start: end - HOUR, end, step };
}

export interface Trend {
  times: number[];
  /** One line for each measure. */
  lines: (number | null)[][];
  /** The main measure a day earlier, at the same places. */
  before: (number | null)[];
  /** What the main measure is compared with. */
  yesterday: number | null;
}

export function readTrend(tile: Tile, answers: Answers, now: number): Trend {
  const { start, end, step } = hourBefore(tile, now);
  const times = Array.from({ length: Math.round((end - start) / step) + 1 }, (_, index) => start + index * step);
  const lines = tile.measures.map((_, index) => onGrid(points(answers.get(valueId(tile, index))), times));
  const earlier = points(answers.get(`${valueId(tile, tile.main)} before`));
  return { times, lines, before: onGrid(earlier, times.map((time) => time - DAY)), yesterday: compared(tile, earlier, now - DAY) };
}

/** The last point of the main line, for a tile whose samples have ceased. */
export function lastOf(tile: Tile, trend: Trend): { value: number; time: number } | null {
  const line = trend.lines[tile.main] ?? [];
  for (let at = line.length - 1; at >= 0; at -= 1) {
    const [value, time] = [line[at], trend.times[at]];
    if (value !== null && value !== undefined && time !== undefined) return { value, time };
  }
  return null;
}

/** Whether a tile's samples have ceased: there is no newer value, and none can be waited for. */
export function hasCeased(state: Reading['state'] | undefined, isStale: boolean): boolean {
  // A rate of samples that no longer come is nothing, long before the last sample is out of sight.
  return state === 'missing' || (state === 'quiet' && isStale);
}

type Points = Map<number, number>;

function points(answer: QueryAnswer | undefined): Points {
  const data = answer?.data;
  if (data?.resultType !== 'matrix') return new Map();
  const all = (data.result[0]?.values ?? []).map(([time, text]) => [Math.round(time), finite(text)] as const);
  return new Map(all.filter((one): one is readonly [number, number] => one[1] !== null));
}

const onGrid = (found: Points, times: number[]) => times.map((time) => found.get(time) ?? null);

function compared(tile: Tile, found: Points, moment: number): number | null {
  if (tile.yesterday === 'moment') {
    const times = [...found.keys()].filter((time) => time <= moment && moment - time < 2 * (tile.step ?? STEP));
    return times.length === 0 ? null : (found.get(Math.max(...times)) ?? null);
  }
  const values = [...found].filter(([time]) => Math.abs(time - moment) <= HOUR / 2).map(([, value]) => value);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export interface Change {
  direction: 'up' | 'down' | 'same';
  mood: 'good' | 'bad' | 'neutral';
  /** Of a share: difference in points of a hundred. Otherwise in percent; infinite when there was nothing yesterday. */
  amount: number;
}

/** Differences too small to be talked about, */
const SAME_POINTS = 0.1;
const SAME_PERCENT = 1;
/** and those too small to be good or bad news: a board on which everything is coloured says nothing. */
const NEWS_POINTS = 0.5;
const NEWS_PERCENT = 5;

export function changeOf(tile: Tile, value: number, yesterday: number): Change {
  const inPoints = tile.change === 'points';
  const difference = value - yesterday;
  const amount = inPoints ? 100 * difference : difference === 0 ? 0 : (100 * difference) / Math.abs(yesterday);
  if (Math.abs(amount) < (inPoints ? SAME_POINTS : SAME_PERCENT)) {
    return { direction: 'same', mood: 'neutral', amount: 0 };
  }
  const direction = amount > 0 ? 'up' : 'down';
  const isNews = tile.better !== 'neither' && Math.abs(amount) >= (inPoints ? NEWS_POINTS : NEWS_PERCENT);
  const isGood = (direction === 'up') === (tile.better === 'more');
  return { direction, mood: !isNews ? 'neutral' : isGood ? 'good' : 'bad', amount };
}

const metricsKnown = new Map<string, ReadonlySet<string>>();
/** Rules change seldom; a few thousand of them are a few hundred kilobytes. */
const METRICS_KNOWN_MAX = 5000;

function metricsIn(expr: string): ReadonlySet<string> {
  let found = metricsKnown.get(expr);
  if (found === undefined) {
    if (metricsKnown.size >= METRICS_KNOWN_MAX) metricsKnown.clear();
    found = metricsOf(expr);
    metricsKnown.set(expr, found);
  }
  return found;
}

/** The worst alert about what a tile shows: one that fires before one that is about to. */
export function alarmOf(tile: Tile, rows: readonly Row[]): Row | null {
  const own = rows.filter(
    ({ rule, state }) =>
      rule !== null && (state === 'firing' || state === 'pending') && tile.concerns(rule.rule.query, metricsIn(rule.rule.query)),
  );
  const rank = (row: Row) => severityRank(row.severity) + (row.state === 'pending' ? 10 : 0);
  return own.sort((a, b) => rank(a) - rank(b))[0] ?? null;
}
