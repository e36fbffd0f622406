// Which indices a person may choose among: shippers make one a day, and nobody wants to pick from a hundred days.

import type { Indices } from '../api/logs';

export interface Choices {
  /** Other names of indices. */
  aliases: string[];
  /** `shop-*` for what is the same but for a date. */
  patterns: string[];
  indices: string[];
  /** What the address says, if it is none of these. */
  own: string | null;
}

/** Filebeat's `-2025.06.15`, Logstash's `-2025.06`, and the same with other separators. */
const DATE = /[-_.]\d{4}([-_.]?)\d{2}(\1\d{2})?$/;
/** More are a list that nobody reads; the address takes any name. */
const INDICES_MAX = 100;

export function choices(known: Indices, chosen: string | undefined): Choices {
  const days = new Map<string, number>();
  for (const name of known.indices) {
    const family = name.replace(DATE, '');
    if (family !== name) days.set(family, (days.get(family) ?? 0) + 1);
  }
  const patterns = [...days].filter(([, count]) => count > 1).map(([family]) => `${family}-*`);
  const aliases = known.aliases.map(({ name }) => name);
  // Newest days first: names end with the date.
  const dated = known.indices.filter((name) => DATE.test(name)).reverse();
  const indices = [...known.indices.filter((name) => !DATE.test(name)), ...dated].slice(0, INDICES_MAX);
  const isListed = chosen === undefined || [...aliases, ...patterns, ...indices].includes(chosen);
  return { aliases, patterns, indices, own: isListed ? null : chosen };
}

/** Whether there is anything to choose. */
export function isChoice({ aliases, indices, own }: Choices): boolean {
  return indices.length > 1 || aliases.length > 0 || own !== null;
}
