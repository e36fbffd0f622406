// The server's clock. Phones and laptops are minutes off at times, and "how old is this sample" must not depend on that.

import { instant } from '../api/prometheus';

let offset = 0;
let measuredAt = -Infinity;
/** Clocks drift by some milliseconds in that time. */
const MEASURE_EVERY_MS = 10 * 60_000;

/** Seconds since 1970 as the server counts them; our own clock until it was asked. */
export function serverNow(): number {
  return Date.now() / 1000 + offset;
}

/** Asks the server for its time, unless it was asked a short while ago. */
export async function syncClock(signal?: AbortSignal): Promise<void> {
  if (performance.now() - measuredAt < MEASURE_EVERY_MS) {
    return;
  }
  const asked = Date.now();
  const { data } = await instant('time()', undefined, signal);
  const answered = Date.now();
  if (data.resultType === 'scalar') {
    // Half of the way there and back lies behind the answer.
    offset = Number(data.result[1]) - (asked + answered) / 2000;
    measuredAt = performance.now();
  }
}
