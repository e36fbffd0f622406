// A board at work: which panels are in view, what they asked and what was answered. One request for all that ask at once.

import { SvelteMap } from 'svelte/reactivity';
import { isAbort } from '../lib/api/http';
import { BATCH_MAX, queries, type QueryAnswer } from '../lib/api/prometheus';
import { batchOf, framesOf, panelRange, queriesOf, queryId, shown, type PanelQuery } from '../lib/grafana/data';
import type { Frame } from '../lib/grafana/frame';
import type { Scope } from '../lib/grafana/interpolate';
import type { Board, Panel } from '../lib/grafana/model';
import { isAsked } from '../lib/grafana/review';
import { server as source } from '../lib/grafana/source';
import { transformersFor, type Transformers } from '../lib/grafana/transform';
import { filtersOf, valuesOf, type VariableState } from '../lib/grafana/variables';
import { parseRange, type Range } from '../lib/time/range';

/** One refusal or remark of the server on a query. */
export interface Remark {
  refId: string;
  text: string;
}

/** A panel's queries as they were asked. */
export interface Asked {
  queries: PanelQuery[];
  scope: Scope;
}

export interface PanelState {
  frames: Frame[];
  /** What the frames show, which may be an earlier range than the board's. */
  range: Range;
  asked: Asked | null;
  /** By the `refId` of the query. */
  answers: Map<string, QueryAnswer>;
  errors: Remark[];
  loading: boolean;
}

export interface Wish {
  from: string;
  to: string;
  chosen: Map<string, string[]>;
}

interface Visible {
  panel: Panel;
  width: number;
}

/** Fewer points make a crooked line, however narrow the panel is. */
const POINTS_MIN = 100;

export class BoardRun {
  range = $state.raw<Range>({ from: 0, to: 1 });
  variables = $state.raw<VariableState[]>([]);
  /** Why the server could not be asked at all. */
  problem = $state('');
  busy = $state(false);
  readonly panels = new SvelteMap<string, PanelState>();

  private board: Board | null = null;
  private readonly visible = new Map<string, Visible>();
  private stale = new Set<string>();
  private running = new AbortController();
  private scheduled: Promise<void> | null = null;
  private resolvedFor = '';

  constructor(
    private readonly zone: () => string,
    private readonly scrapeSeconds: () => number,
  ) {}

  /** Shows a board over a range, with what is chosen. Asks for everything in view. */
  async show(board: Board, wish: Wish): Promise<void> {
    this.running.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    const range = parseRange(wish.from, wish.to, Date.now() / 1000, this.zone());
    if (range === null) {
      throw new RangeError(`${wish.from} … ${wish.to}`);
    }
    this.board = board;
    this.busy = true;
    try {
      await this.choose(board, wish, range, signal);
      this.range = range;
      this.stale = new Set(this.visible.keys());
      for (const [key, state] of this.panels) {
        if (!this.visible.has(key)) this.panels.set(key, { ...state, asked: null });
      }
      await this.ask();
    } finally {
      if (!signal.aborted) this.busy = false;
    }
  }

  /** A panel has come into view: it is asked for, together with all others that come in the same moment. */
  enter(key: string, panel: Panel, width: number): void {
    this.visible.set(key, { panel, width });
    if (this.panels.get(key)?.asked == null) {
      this.stale.add(key);
      this.schedule();
    }
  }

  leave(key: string): void {
    this.visible.delete(key);
    this.stale.delete(key);
  }

  /** Forgets a panel's answers: its queries have changed. */
  forget(key: string): void {
    const state = this.panels.get(key);
    if (state !== undefined) this.panels.set(key, { ...state, asked: null });
  }

  /** Ends everything that is under way. */
  stop(): void {
    this.running.abort();
  }

  /** What texts are filled with, beside a panel's own. */
  get scope(): Scope {
    const milliseconds = { from: this.range.from * 1000, to: this.range.to * 1000 };
    const board = this.board === null ? undefined : { title: this.board.title, uid: this.board.uid };
    return { values: valuesOf(this.variables, milliseconds), range: milliseconds, zone: this.zone(), board };
  }

  /** Variables are asked for again when the board or a choice changed, or the range of one that follows it. */
  private async choose(board: Board, wish: Wish, range: Range, signal: AbortSignal): Promise<void> {
    const follows = board.variables.some(({ refresh }) => refresh === 'range');
    const definitions = board.variables.map(({ json }) => json);
    const key = JSON.stringify([board.uid, definitions, [...wish.chosen], follows ? [wish.from, wish.to] : null]);
    if (key === this.resolvedFor) {
      return;
    }
    if (board.variables.length === 0) {
      this.variables = [];
    } else {
      const milliseconds = { from: range.from * 1000, to: range.to * 1000 };
      const scope: Scope = { values: new Map(), range: milliseconds, zone: this.zone() };
      const { resolve } = await import('../lib/grafana/resolve');
      this.variables = await resolve(board.variables, wish.chosen, source, scope, signal);
    }
    signal.throwIfAborted();
    this.resolvedFor = key;
  }

  private schedule(): void {
    if (this.board === null || this.busy) {
      return;
    }
    this.scheduled ??= new Promise((done) => requestAnimationFrame(() => done(undefined))).then(() => {
      this.scheduled = null;
      return this.ask().catch(() => undefined);
    });
  }

  private async ask(): Promise<void> {
    const { signal } = this.running;
    const keys = [...this.stale].filter((key) => this.visible.has(key));
    this.stale.clear();
    const asked = keys.map((key) => ({ key, panel: this.visible.get(key)!.panel, asked: this.askedBy(key) }));
    const code = transformersFor(asked.flatMap(({ panel }) => panel.transformations));
    for (const { key, asked: one } of asked) {
      this.panels.set(key, { ...(this.panels.get(key) ?? NOTHING), asked: one, loading: true });
    }
    try {
      for (const part of parts(asked)) {
        const batch = part.flatMap((one) => batchOf(one.panel, one.asked.queries));
        const answered = batch.length === 0 ? new Map<string, QueryAnswer>() : queries(batch, signal);
        const [answers, transformers] = await Promise.all([answered, code]);
        part.forEach((one) => this.take(one.key, one.asked, answers, transformers));
      }
      this.problem = '';
    } catch (error) {
      this.giveUp(asked.map(({ key }) => key));
      if (!isAbort(error)) {
        this.problem = error instanceof Error ? error.message : String(error);
        throw error;
      }
    }
  }

  private askedBy(key: string): Asked {
    const { panel, width } = this.visible.get(key)!;
    const { scope } = this;
    if (!isAsked(panel) || SILENT.has(panel.kind)) {
      return { queries: [], scope };
    }
    const scrape = this.scrapeSeconds() * 1000;
    const filters = filtersOf(this.variables);
    return { queries: queriesOf(panel, { scope, width: Math.max(POINTS_MIN, Math.round(width)), scrape, filters }), scope };
  }

  private take(key: string, asked: Asked, answers: Map<string, QueryAnswer>, transformers: Transformers | null): void {
    const panel = this.visible.get(key)?.panel;
    if (panel === undefined) {
      this.giveUp([key]);
      return;
    }
    const own = new Map(asked.queries.map(({ target }) => [target.refId, answers.get(queryId(panel, target)) ?? LOST]));
    const { from, to } = panelRange(panel, asked.scope);
    this.panels.set(key, {
      frames: shown(panel, framesOf(panel, asked.queries, answers), asked.scope, transformers),
      range: { from: from / 1000, to: to / 1000 },
      asked,
      answers: own,
      errors: remarks(own),
      loading: false,
    });
  }

  private giveUp(keys: string[]): void {
    for (const key of keys) {
      const state = this.panels.get(key);
      if (state !== undefined) this.panels.set(key, { ...state, asked: null, loading: false });
    }
  }
}

/** Kinds that show no answer. */
const SILENT = new Set<Panel['kind']>(['text', 'dashlist', 'alertlist', 'unsupported']);

const NOTHING: PanelState = { frames: [], range: { from: 0, to: 1 }, asked: null, answers: new Map(), errors: [], loading: false };
const LOST: QueryAnswer = { status: 'error', error: 'no answer' };

/** Panels whose queries go together: as many as one request takes. */
function parts<T extends { asked: Asked }>(all: T[]): T[][] {
  const result: T[][] = [];
  let room = 0;
  for (const one of all) {
    const size = one.asked.queries.length;
    if (result.length === 0 || size > room) {
      result.push([]);
      room = BATCH_MAX;
    }
    result[result.length - 1]!.push(one);
    room -= size;
  }
  return result;
}

function remarks(answers: Map<string, QueryAnswer>): Remark[] {
  return [...answers].flatMap(([refId, { status, error }]) => (status === 'error' ? [{ refId, text: error ?? '' }] : []));
}
