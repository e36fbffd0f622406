// Piling series up: what is drawn, from what was measured.

import type { ChartSeries } from './types';

type Column = (number | null | undefined)[];

export interface Stacked {
  /** One column for each series, in their order: where its upper edge lies. */
  columns: Column[];
  /** Pairs of upper and lower edge between which an area is filled. */
  bands: [upper: number, lower: number][];
}

type Visible = (index: number) => boolean;

/** Columns to draw. Invisible series keep their own values and do not count in a pile. */
export function stack(series: readonly ChartSeries[], visible: Visible): Stacked {
  const columns = series.map((one) => (one.negate ? negated(one.values) : one.values));
  const bands: [number, number][] = [];
  for (const members of piles(series, visible).values()) {
    const share = series[members[0]!]!.percent === true ? sums(columns, members) : null;
    pile(columns, members, share);
    for (let place = 1; place < members.length; place += 1) {
      bands.push([members[place]!, members[place - 1]!]);
    }
  }
  return { columns, bands };
}

function negated(values: Column): Column {
  return values.map((value) => (value === null || value === undefined ? value : -value));
}

/** Members of each pile; what goes below zero is piled apart from what goes above. */
function piles(series: readonly ChartSeries[], visible: Visible): Map<string, number[]> {
  const found = new Map<string, number[]>();
  series.forEach((one, index) => {
    if (one.stack === undefined || !visible(index)) {
      return;
    }
    const key = `${one.negate === true ? '-' : '+'}${one.stack}`;
    found.set(key, [...(found.get(key) ?? []), index]);
  });
  return found;
}

function sums(columns: Column[], members: number[]): number[] {
  const length = columns[members[0]!]!.length;
  const totals = new Array<number>(length).fill(0);
  for (const member of members) {
    const column = columns[member]!;
    for (let i = 0; i < length; i += 1) {
      totals[i]! += Math.abs(column[i] ?? 0);
    }
  }
  return totals;
}

/** Replaces the members' columns by running sums. Where one has no value it is as high as the one below it. */
function pile(columns: Column[], members: number[], totals: number[] | null): void {
  const length = columns[members[0]!]!.length;
  const heights = new Array<number>(length).fill(0);
  for (const member of members) {
    const column = columns[member]!;
    const piled = new Array<number | null>(length);
    for (let i = 0; i < length; i += 1) {
      const value = column[i] ?? null;
      const total = totals === null ? 1 : totals[i]!;
      if (value !== null && total !== 0) {
        heights[i]! += value / total;
      }
      const nothing = totals === null ? value === null && heights[i] === 0 : total === 0;
      piled[i] = nothing ? null : heights[i]!;
    }
    columns[member] = piled;
  }
}
