// One value out of many: the calculations of legends, stats, tables and the `reduce` transformation.

import type { Field } from './frame';

export type Reduced = number | string | boolean | unknown[] | null;

/** The reducer `id` over a field's values. Null for what has no answer: an empty field, a reducer that nobody knows. */
export function reduce(field: Pick<Field, 'type' | 'values'>, id: string): Reduced {
  const reducer = reducerOf(id);
  const result = reducer?.(field.values, field.type === 'number' || field.type === 'time');
  return result ?? null;
}

export function isKnownReducer(id: string): boolean {
  return reducerOf(id) !== undefined;
}

/** Whether the result is in the field's own unit. */
export function keepsUnit(id: string): boolean {
  return !COUNTING.has(id);
}

/** What type a column of results has, of a field of the type `type`. */
export function reducedType(id: string, type: Field['type']): Field['type'] {
  if (id === 'allIsNull' || id === 'allIsZero') return 'boolean';
  return ['count', 'countAll', 'distinctCount', 'changeCount'].includes(id) ? 'number' : type;
}

const COUNTING = new Set(
  'count countAll allIsNull changeCount distinctCount diffperc allValues uniqueValues'.split(' '),
);

/** Today's name of a reducer. */
export function canonical(id: string): string {
  return ALIASES[id] ?? id;
}

/** What Grafana calls a column of results; boards sort and override by these names. */
export function reducerName(id: string): string {
  const percentile = /^p([1-9]\d?)$/.exec(id);
  if (percentile !== null) {
    const n = Number(percentile[1]);
    const end = n > 3 && n < 21 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
    return `${n}${end} %`;
  }
  return NAMES[canonical(id)] ?? id;
}

const NAMES: Record<string, string> = {
  lastNotNull: 'Last *', last: 'Last', firstNotNull: 'First *', first: 'First', min: 'Min', max: 'Max', mean: 'Mean',
  median: 'Median', variance: 'Variance', stdDev: 'StdDev', sum: 'Total', count: 'Count', countAll: 'Count all', range: 'Range',
  delta: 'Delta', step: 'Step', diff: 'Difference', logmin: 'Min (above zero)', allIsZero: 'All Zeros', allIsNull: 'All Nulls',
  changeCount: 'Change Count', distinctCount: 'Distinct Count', diffperc: 'Difference percent', allValues: 'All values',
  uniqueValues: 'All unique values',
};

/** Old names. */
const ALIASES: Record<string, string> = { current: 'lastNotNull', avg: 'mean', total: 'sum' };

type Reducer = (values: unknown[], numeric: boolean) => Reduced | undefined;

function reducerOf(id: string): Reducer | undefined {
  const percentile = /^p([1-9]\d?)$/.exec(id);
  if (percentile !== null) {
    return (values) => quantile(values, Number(percentile[1]) / 100);
  }
  const name = canonical(id);
  return Object.prototype.hasOwnProperty.call(REDUCERS, name) ? REDUCERS[name] : undefined;
}

const isValue = (value: unknown) => value !== null && value !== undefined && !Number.isNaN(value);
const valuesOf = (values: unknown[]) => values.filter(isValue);
const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value);
const numbersOf = (values: unknown[], numeric: boolean) => (numeric ? values.filter(isNumber) : []);
const present = (values: unknown[]) => values.filter((value) => value !== null && value !== undefined);

const total = (values: unknown[], numeric: boolean) => numbersOf(values, numeric).reduce((sum, value) => sum + value, 0);

function extreme(values: unknown[], numeric: boolean, better: (a: number, b: number) => boolean): number | null {
  let found: number | null = null;
  for (const value of numbersOf(values, numeric)) {
    if (found === null || better(value, found)) found = value;
  }
  return found;
}

const least = (values: unknown[], numeric: boolean) => extreme(values, numeric, (a, b) => a < b);
const most = (values: unknown[], numeric: boolean) => extreme(values, numeric, (a, b) => a > b);

function ends(values: unknown[]): [first: number, last: number] | null {
  const [first] = valuesOf(values);
  const last = REDUCERS.lastNotNull?.(values, true);
  return typeof first === 'number' && typeof last === 'number' ? [first, last] : null;
}

const REDUCERS: Record<string, Reducer> = {
  first: (values) => values[0] as Reduced,
  last: (values) => values[values.length - 1] as Reduced,
  firstNotNull: (values) => values.find(isValue) as Reduced,
  lastNotNull: (values) => {
    for (let at = values.length - 1; at >= 0; at--) {
      if (isValue(values[at])) return values[at] as Reduced;
    }
    return null;
  },
  min: least,
  max: most,
  logmin: (values, numeric) => least(values.filter((value) => (value as number) > 0), numeric),
  sum: total,
  mean: (values, numeric) => {
    const { length } = numbersOf(values, numeric);
    return length === 0 ? null : total(values, numeric) / length;
  },
  count: (values) => present(values).length,
  countAll: (values) => values.length,
  range: (values, numeric) => {
    const [low, high] = [least(values, numeric), most(values, numeric)];
    return low === null || high === null ? null : high - low;
  },
  diff: (values) => {
    const both = ends(values);
    return both && both[1] - both[0];
  },
  diffperc: (values) => {
    const both = ends(values);
    return both === null ? (values.length === 0 ? null : 0) : ((both[1] - both[0]) / both[0]) * 100;
  },
  delta: (values, numeric) => (values.length === 0 ? null : delta(numbersOf(values, numeric))),
  step: (values, numeric) => {
    const numbers = numbersOf(values, numeric);
    return least(numbers.slice(1).map((value, index) => value - (numbers[index] ?? 0)), true);
  },
  median: (values) => {
    const sorted = ascending(present(values));
    const middle = Math.floor(sorted.length / 2);
    const upper = sorted[middle];
    return upper !== undefined && sorted.length % 2 === 0 ? ((sorted[middle - 1] ?? 0) + upper) / 2 : upper;
  },
  variance: (values, numeric) => (values.length === 0 ? null : variance(numeric ? (present(values) as number[]) : [])),
  stdDev: (values, numeric) => {
    return values.length === 0 ? null : Math.sqrt(variance(numeric ? (present(values) as number[]) : []));
  },
  allIsNull: (values, numeric) => numbersOf(values, numeric).length === 0,
  allIsZero: (values, numeric) => {
    const numbers = numbersOf(values, numeric);
    return numbers.length > 0 && numbers.every((value) => value === 0);
  },
  changeCount: (values) => {
    const kept = values.filter((value) => value !== null);
    return values.length === 0 ? null : kept.filter((value, index) => index > 0 && value !== kept[index - 1]).length;
  },
  distinctCount: (values) => (values.length === 0 ? null : new Set(values.filter((value) => value !== null)).size),
  allValues: (values) => (values.length === 0 ? null : [...values]),
  uniqueValues: (values) => (values.length === 0 ? null : [...new Set(values)]),
};

/** The growth of a counter. As Grafana counts, the step after a reset is left out. */
function delta(numbers: number[]): number {
  let [sum, rising] = [0, true];
  for (let at = 1; at < numbers.length; at++) {
    const step = (numbers[at] ?? 0) - (numbers[at - 1] ?? 0);
    if (step >= 0 && rising) sum += step;
    rising = step >= 0;
  }
  return sum;
}

/** In one pass (Welford), as the values may be large and close together. */
function variance(numbers: number[]): number {
  let [mean, squares, count] = [0, 0, 0];
  for (const value of numbers) {
    count++;
    const before = value - mean;
    mean += before / count;
    squares += before * (value - mean);
  }
  return count === 0 ? 0 : squares / count;
}

function ascending(values: unknown[]): number[] {
  return (values as number[]).slice().sort((a, b) => a - b);
}

function quantile(values: unknown[], share: number): number | undefined {
  const sorted = ascending(values.filter((value) => value !== null));
  return sorted[Math.round((sorted.length - 1) * share)];
}
