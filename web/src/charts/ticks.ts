// Round moments for the axis of a drawing that is not uPlot's.

import { secondsOfDay, shortClock, shortDate } from '../lib/time/format';

const STEPS = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];

export interface Tick {
  /** Place on the axis, 0 to 1. */
  share: number;
  text: string;
}

/** At most `count` ticks, on round times of the zone's day. */
export function timeTicks(from: number, to: number, count: number, zone: string): Tick[] {
  const span = to - from;
  if (span <= 0 || count < 1) {
    return [];
  }
  const step = STEPS.find((one) => span / one <= count) ?? span;
  const intoStep = secondsOfDay(from, zone) % Math.min(step, 86_400);
  const ticks: Tick[] = [];
  for (let time = from - intoStep + (intoStep > 0 ? step : 0); time <= to; time += step) {
    const text = step >= 86_400 || secondsOfDay(time, zone) === 0 ? shortDate(time, zone) : shortClock(time, zone);
    ticks.push({ share: (time - from) / span, text });
  }
  return ticks;
}
