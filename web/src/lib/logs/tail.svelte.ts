// Lines as they arrive. They are shown at once while one looks at the newest, and kept back while one reads further down.

import { isAbort } from '../api/http';
import { follow, type Hit } from '../api/logs';

/** Lines of one answer. */
const SIZE = 1000;
/** Kept back at most; of more only the number is told, and whoever comes back asks anew. */
const WAITING_MAX = 5000;
/** Between two answers: a list that changes more often than some times a second cannot be read, and each change is drawn. */
const PAUSE_MS = 250;
const RETRY_MS = 2000;

export class Tail {
  running = $state(false);
  problem = $state('');
  /** Newest first. */
  waiting = $state.raw<readonly Hit[]>([]);
  /** How many have come that are not shown, those included that are not kept. */
  unseen = $state(0);
  /** Arrived since the beginning. */
  arrived = $state(0);

  private ended = new AbortController();

  /** Follows from a record on; `show` takes new lines, newest first, and says whether they are shown. */
  start(query: string, index: string | undefined, seq: number, show: (hits: readonly Hit[]) => boolean): void {
    this.stop();
    this.ended = new AbortController();
    this.running = true;
    this.arrived = 0;
    void this.run(query, index, seq, show, this.ended.signal);
  }

  stop(): void {
    this.ended.abort();
    this.running = false;
    this.problem = '';
    this.forget();
  }

  /** What was kept back, which is shown now. */
  release(): { hits: readonly Hit[]; isWhole: boolean } {
    const released = { hits: this.waiting, isWhole: this.unseen === this.waiting.length };
    this.forget();
    return released;
  }

  private forget(): void {
    this.waiting = [];
    this.unseen = 0;
  }

  private async run(query: string, index: string | undefined, seq: number, show: (hits: readonly Hit[]) => boolean, signal: AbortSignal) {
    let last = seq;
    while (!signal.aborted) {
      let pause = PAUSE_MS;
      try {
        const found = await follow(query, index, last, SIZE, signal);
        if (signal.aborted) return;
        last = Math.max(last, found.last_seq);
        this.problem = '';
        this.take([...found.hits].reverse(), show);
      } catch (error) {
        if (isAbort(error) || signal.aborted) return;
        this.problem = error instanceof Error ? error.message : String(error);
        pause = RETRY_MS;
      }
      await new Promise((done) => setTimeout(done, pause));
    }
  }

  private take(hits: readonly Hit[], show: (hits: readonly Hit[]) => boolean): void {
    this.arrived += hits.length;
    if (hits.length === 0 || show(hits)) {
      return;
    }
    this.waiting = [...hits, ...this.waiting].slice(0, WAITING_MAX);
    this.unseen += hits.length;
  }
}
