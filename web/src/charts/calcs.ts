// What a legend may say of a series in one number, under the names that boards use for it.

import type { Key } from '../i18n';

type Values = readonly (number | null)[];

interface Calc {
  title: Key;
  of: (values: Values) => number | null;
  /** Whether the number is a count, not a value with the series' unit. */
  count?: boolean;
}

function fold(values: Values, step: (total: number, value: number) => number): number | null {
  let total: number | null = null;
  for (const value of values) {
    if (value !== null && !Number.isNaN(value)) {
      total = total === null ? value : step(total, value);
    }
  }
  return total;
}

const known = (values: Values) => values.filter((value) => value !== null && !Number.isNaN(value)) as number[];
const lowest = (values: Values) => fold(values, Math.min);
const highest = (values: Values) => fold(values, Math.max);
const sum = (values: Values) => fold(values, (total, value) => total + value);
const first = (values: Values) => known(values)[0] ?? null;

function last(values: Values): number | null {
  for (let i = values.length - 1; i >= 0; i -= 1) {
    const value = values[i];
    if (value !== null && value !== undefined && !Number.isNaN(value)) {
      return value;
    }
  }
  return null;
}

function mean(values: Values): number | null {
  const [total, count] = [sum(values), known(values).length];
  return total === null ? null : total / count;
}

function between(late: number | null, early: number | null): number | null {
  return late === null || early === null ? null : late - early;
}

export const CALCS: Record<string, Calc> = {
  last: { title: 'charts.calcLast', of: (values) => values[values.length - 1] ?? null },
  lastNotNull: { title: 'charts.calcLast', of: last },
  min: { title: 'charts.calcMin', of: lowest },
  max: { title: 'charts.calcMax', of: highest },
  mean: { title: 'charts.calcMean', of: mean },
  sum: { title: 'charts.calcSum', of: sum },
  count: { title: 'charts.calcCount', of: (values) => values.length, count: true },
  first: { title: 'charts.calcFirst', of: first },
  firstNotNull: { title: 'charts.calcFirst', of: first },
  range: { title: 'charts.calcRange', of: (values) => between(highest(values), lowest(values)) },
  diff: { title: 'charts.calcDiff', of: (values) => between(last(values), first(values)) },
};
