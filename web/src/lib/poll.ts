// Doing something again and again: never twice at once, not while nobody looks, slower while it fails.

import { untrack } from 'svelte';

/** Longest pause between two tries of something that fails. */
const PAUSE_MAX_MS = 15_000;

/**
 * Calls `work` at once and then `intervalMs` after each end, until the returned function is called. A hidden page
 * waits until it is seen again. `work` gets a signal that aborts when polling ends.
 */
export function poll(work: (signal: AbortSignal) => Promise<void>, intervalMs: number): () => void {
  const ended = new AbortController();
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function turn(): Promise<void> {
    if (document.visibilityState !== 'hidden') {
      try {
        await work(ended.signal);
        failures = 0;
      } catch {
        failures += 1;
      }
    }
    if (!ended.signal.aborted) {
      timer = setTimeout(turn, Math.min(intervalMs * 2 ** Math.min(failures, 4), Math.max(intervalMs, PAUSE_MAX_MS)));
    }
  }

  function seen(): void {
    if (document.visibilityState === 'visible' && timer !== undefined) {
      clearTimeout(timer);
      timer = undefined;
      void turn();
    }
  }

  document.addEventListener('visibilitychange', seen);
  // What `work` reads is not what an effect that polls depends on: else each answer would begin it anew.
  untrack(() => void turn());
  return () => {
    ended.abort();
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
  };
}
