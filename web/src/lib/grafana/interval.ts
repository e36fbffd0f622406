// Steps of queries: how far apart the points of a panel lie, and what `$__rate_interval` then is.

/** Prometheus refuses more points in a series. */
const POINTS_MAX = 11_000;

// A step below the first number becomes the second: round numbers that people know.
const ROUND: [below: number, milliseconds: number][] = [
  [10, 1], [15, 10], [35, 20], [75, 50], [150, 100], [350, 200], [750, 500], [1500, 1000], [3500, 2000], [7500, 5000],
  [12_500, 10_000], [17_500, 15_000], [25_000, 20_000], [45_000, 30_000], [90_000, 60_000], [210_000, 120_000],
  [450_000, 300_000], [750_000, 600_000], [1_050_000, 900_000], [1_500_000, 1_200_000], [2_700_000, 1_800_000],
  [5_400_000, 3_600_000], [9_000_000, 7_200_000], [16_200_000, 10_800_000], [32_400_000, 21_600_000],
  [86_400_000, 43_200_000], [604_800_000, 86_400_000], [1_814_400_000, 604_800_000], [3_628_800_000, 2_592_000_000],
];
const YEAR = 31_536_000_000;

/** The round step nearest to a step in milliseconds. */
export function roundStep(milliseconds: number): number {
  return ROUND.find(([below]) => milliseconds < below)?.[1] ?? YEAR;
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_592_000_000, y: YEAR };

/** `1m30s`, `15s`, `>10s`, or bare seconds, in milliseconds; nothing for what is no duration. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim().replace(/^>=?\s*/, '');
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    return Number(trimmed) * 1000;
  }
  if (!/^(\d+(\.\d+)?(ms|[smhdwMy]))+$/.test(trimmed)) {
    return undefined;
  }
  let sum = 0;
  for (const [, count, unit = ''] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMy])/g)) {
    sum += Number(count) * (UNITS[unit] ?? 0);
  }
  return sum;
}

/** The shortest text of one unit: `15s`, `2m`, `1h`, `90s`. */
export function durationText(milliseconds: number): string {
  const units: [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]];
  const found = units.find(([, length]) => milliseconds >= length && milliseconds % length === 0);
  return found === undefined ? `${milliseconds}ms` : `${milliseconds / found[1]}${found[0]}`;
}

export interface StepRequest {
  /** Milliseconds. */
  range: number;
  /** As many as the panel has pixels, unless it says otherwise. */
  points: number;
  /** The least step, and the scrape interval in its place where nobody asks for one. Milliseconds. */
  minStep: number | undefined;
  scrape: number;
  factor: number;
}

export interface Steps {
  /** Between points. Milliseconds. */
  step: number;
  interval: number;
  rateInterval: number;
}

/** The step of a query, and its `$__interval` and `$__rate_interval`. */
export function stepsFor({ range, points, minStep, scrape, factor }: StepRequest): Steps {
  const least = minStep ?? scrape;
  const interval = Math.max(roundStep(range / Math.max(1, points)), least);
  const safe = range / POINTS_MAX;
  const step = Math.max(interval * Math.max(1, factor), safe > 1000 ? Math.ceil(safe / 1000) * 1000 : safe);
  return { step, interval: step, rateInterval: Math.max(step + least, 4 * least) };
}
