// Which steps an axis may take, so that its ticks are round in the unit that people read.

const BINARY = new Set(['bytes', 'bits', 'kbytes', 'mbytes', 'gbytes', 'tbytes', 'pbytes', 'binBps', 'binbps', 'KiBs', 'MiBs', 'GiBs']);

/** Seconds in units that hold whole numbers of seconds. */
const SECONDS: Record<string, number> = { ns: 1e-9, 'µs': 1e-6, ms: 1e-3, s: 1, dtdurations: 1, clocks: 1, m: 60 };

const powersOfTwo = Array.from({ length: 80 }, (_, place) => 2 ** (place - 10));

const decimal = Array.from({ length: 27 }, (_, place) => [1, 2, 2.5, 5].map((digit) => digit * 10 ** (place - 12))).flat();

const clockSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
const daySteps = [1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365, 730, 1825, 3650].map((days) => days * 86_400);

/** Steps in the unit, ascending; `undefined` where the usual decimal ones do. */
export function incrementsOf(unit: string): number[] | undefined {
  if (BINARY.has(unit)) {
    return powersOfTwo;
  }
  const second = SECONDS[unit];
  if (second === undefined) {
    return undefined;
  }
  const fine = decimal.filter((step) => step < 1);
  return [...fine, ...clockSteps, ...daySteps].map((step) => Number((step / second).toPrecision(12)));
}
