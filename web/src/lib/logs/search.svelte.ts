// A search at work: the lines, page by page; the histogram and the fields beside them, each of which may fail alone.

import { ApiError, isAbort } from '../api/http';
import { fields, search, type Field, type Found, type Histogram, type Hit, type Notice, type Scope, type Search } from '../api/logs';

/** The first page is what one screen and a turn of the wheel show; the others come while one scrolls. */
const FIRST_PAGE = 200;
const NEXT_PAGE = 500;
/** Lines held at once: some tens of megabytes. Whoever has read so many wants another query. */
export const LINES_MAX = 20_000;
/** Bars of the histogram: about ten pixels each on a desk's screen. */
const BUCKETS = 90;
/** A quicker answer needs no sign of being waited for. */
const BUSY_AFTER_MS = 300;

export interface Question extends Scope {
  order: 'asc' | 'desc';
}

export class LogSearch {
  /** What the lines answer. */
  asked = $state.raw<Question | null>(null);
  hits = $state.raw<readonly Hit[]>([]);
  total = $state(0);
  tookMs = $state(0);
  notices = $state.raw<Notice[]>([]);
  damaged = $state(false);
  refusal = $state.raw<ApiError | null>(null);
  busy = $state(false);
  /** Whether there are lines behind the last one held. */
  more = $state(false);
  loadingMore = $state(false);
  moreProblem = $state('');
  histogram = $state.raw<Histogram | null>(null);
  histogramProblem = $state('');
  fields = $state.raw<Field[]>([]);
  fieldsProblem = $state('');
  /** The newest record that the answer knows of: from there on others are new. */
  lastSeq = 0;

  private cursor: string | undefined;
  private ended = new AbortController();

  /** Asks; what was asked before is given up, and its lines stay until the others are there. */
  async ask(question: Question): Promise<void> {
    this.ended.abort();
    this.ended = new AbortController();
    const { signal } = this.ended;
    const slow = setTimeout(() => (this.busy = true), BUSY_AFTER_MS);
    const aside = Promise.all([this.count(question, signal), this.look(question, signal)]);
    try {
      this.take(question, await search({ ...question, size: FIRST_PAGE }, signal));
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.refuse(error);
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) this.busy = false;
    }
    await aside;
  }

  /** The next page, unless it is on its way. */
  async next(): Promise<void> {
    const { signal } = this.ended;
    if (this.asked === null || !this.more || this.loadingMore || this.hits.length >= LINES_MAX) {
      return;
    }
    this.loadingMore = true;
    this.moreProblem = '';
    try {
      const found = await search({ ...this.asked, size: NEXT_PAGE, after: this.cursor }, signal);
      if (signal.aborted) return;
      this.hits = [...this.hits, ...found.hits];
      this.page(found);
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) this.moreProblem = words(error);
    } finally {
      this.loadingMore = false;
    }
  }

  /** Counts anew, up to another moment: while lines come, bars grow. */
  async recount(scope: Scope): Promise<void> {
    if (this.asked !== null) await this.count({ ...this.asked, ...scope }, this.ended.signal);
  }

  /** New lines of a live view go in front; as many as may be held stay. */
  prepend(newer: readonly Hit[]): void {
    const hits = [...newer, ...this.hits];
    if (hits.length > LINES_MAX) this.more = false;
    this.hits = hits.slice(0, LINES_MAX);
    this.total += newer.length;
  }

  stop(): void {
    this.ended.abort();
  }

  private take(question: Question, found: Found): void {
    this.asked = question;
    this.hits = found.hits;
    this.total = found.total;
    this.tookMs = found.took_ms;
    this.notices = found.notices;
    this.damaged = found.damage.length > 0;
    this.lastSeq = found.last_seq;
    this.refusal = null;
    this.moreProblem = '';
    this.page(found);
  }

  private page(found: Found): void {
    this.cursor = found.cursor;
    this.more = found.more && found.cursor !== undefined;
  }

  private refuse(error: unknown): void {
    this.asked = null;
    this.hits = [];
    this.total = 0;
    this.notices = [];
    this.more = false;
    this.histogram = null;
    this.refusal = error instanceof ApiError ? error : new ApiError(words(error), 0);
  }

  private async count(question: Question, signal: AbortSignal): Promise<void> {
    try {
      const counted: Search = { ...question, size: 0, histogram: { buckets: BUCKETS } };
      const { histogram } = await search(counted, signal);
      if (signal.aborted) return;
      this.histogram = histogram ?? null;
      this.histogramProblem = '';
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.histogram = null;
      this.histogramProblem = words(error);
    }
  }

  private async look({ order: _, ...scope }: Question, signal: AbortSignal): Promise<void> {
    try {
      // A query that is wrong has no fields, and whoever puts it right needs their names.
      const found = await fields(scope, signal).catch(() => fields({ ...scope, query: '' }, signal));
      if (signal.aborted) return;
      this.fields = found;
      this.fieldsProblem = '';
    } catch (error) {
      // The names of before still help who types a query.
      if (!isAbort(error) && !signal.aborted) this.fieldsProblem = words(error);
    }
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
