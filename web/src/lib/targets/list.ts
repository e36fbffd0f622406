// Targets as the page lists them: what is down first, by pool, a page at a time.

import type { Target } from '../api/targets';

export type Health = Target['health'];

/** What stands on one page: more take too long to build at each letter of a filter. */
export const TARGETS_A_PAGE = 50;

const RANK: Record<Health, number> = { down: 0, unknown: 1, up: 2 };

/** Every word in address, labels, pool or error. */
export function wanted(target: Target, words: readonly string[], health: Health | ''): boolean {
  if (health !== '' && target.health !== health) {
    return false;
  }
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const text = `${target.scrapePool} ${target.scrapeUrl} ${labels.join(' ')} ${target.lastError}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export interface Pool {
  name: string;
  targets: Target[];
  /** Of all of the pool, not only of those shown. */
  up: number;
  all: number;
}

/** Pools with something down first, then by name; inside of each the same. */
export function ordered(targets: readonly Target[]): Target[] {
  const worst = new Map<string, number>();
  for (const { scrapePool, health } of targets) {
    worst.set(scrapePool, Math.min(worst.get(scrapePool) ?? RANK.up, RANK[health]));
  }
  const text = new Intl.Collator(undefined, { numeric: true });
  return [...targets].sort(
    (a, b) =>
      (worst.get(a.scrapePool) ?? 0) - (worst.get(b.scrapePool) ?? 0) ||
      text.compare(a.scrapePool, b.scrapePool) ||
      RANK[a.health] - RANK[b.health] ||
      text.compare(a.scrapeUrl, b.scrapeUrl),
  );
}

/** The pools of one page, from targets in order. */
export function poolsOf(shown: readonly Target[], all: readonly Target[]): Pool[] {
  const pools = new Map<string, Pool>();
  for (const target of shown) {
    const pool = pools.get(target.scrapePool) ?? { name: target.scrapePool, targets: [], up: 0, all: 0 };
    pool.targets.push(target);
    pools.set(target.scrapePool, pool);
  }
  for (const { scrapePool, health } of all) {
    const pool = pools.get(scrapePool);
    if (pool !== undefined) {
      pool.all += 1;
      if (health === 'up') pool.up += 1;
    }
  }
  return [...pools.values()];
}

/** Read inside the process rather than over HTTP: the host's figures, our own. */
export function isBuiltIn(target: Target): boolean {
  return target.scrapeUrl.startsWith('process:');
}

/** Whether it was ever scraped; Go's zero time says no. */
export function lastScrape(target: Target): number | null {
  const time = Date.parse(target.lastScrape) / 1000;
  return Number.isNaN(time) || time < 0 ? null : time;
}

export type Advice = 'refused' | 'timeout' | 'dns' | 'auth' | 'missing' | 'server' | 'tls' | 'format' | 'unreachable' | 'tooLarge';

const ADVICE: readonly [RegExp, Advice][] = [
  [/connection refused/i, 'refused'],
  [/no route to host|network is unreachable|host unreachable/i, 'unreachable'],
  [/tim(ed|e) ?out|deadline/i, 'timeout'],
  [/dns|resolve|name or service not known|lookup/i, 'dns'],
  [/\b(401|403)\b/, 'auth'],
  [/\b404\b/, 'missing'],
  [/\b5\d\d\b/, 'server'],
  [/certificate|tls|handshake/i, 'tls'],
  [/too large|body.*limit|exceeds|sample.*limit/i, 'tooLarge'],
  [/parse|invalid|unexpected|content.type|expected/i, 'format'],
];

/** What to look at first, from the error's text. */
export function adviceOf(error: string): Advice | null {
  return ADVICE.find(([pattern]) => pattern.test(error))?.[1] ?? null;
}
