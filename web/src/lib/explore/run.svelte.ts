// One query of the explorer: asked, answered, explained. Holds no component; a page may have several.

import { ApiError, isAbort } from '../api/http';
import { check, type Finding } from '../api/lingshao';
import { instant, range, type MatrixSeries, type QueryData } from '../api/prometheus';
import { whyEmpty, type Cause } from './emptiness';

export type Tab = 'graph' | 'table';

/** What is asked: an expression over a range, or at its end. */
export interface Asked {
  expr: string;
  tab: Tab;
  from: number;
  to: number;
  step: number;
}

export interface Answer {
  asked: Asked;
  data: QueryData;
  warnings: string[];
  infos: string[];
  milliseconds: number;
}

/** A quicker answer needs no sign of being waited for: a refresh every two seconds would blink. */
const BUSY_AFTER_MS = 400;

export class QueryRun {
  answer = $state.raw<Answer | null>(null);
  refusal = $state.raw<{ expr: string; error: string } | null>(null);
  busy = $state(false);
  /** Why there is nothing; `null` while that is looked for or nobody asked. */
  causes = $state.raw<Cause[] | null>(null);
  findings = $state.raw<Finding[]>([]);

  private running: { asked: Asked; ended: AbortController } | null = null;
  /** Expressions that were looked at, so that a refresh does not look again. */
  private checked = '';
  private explained = '';

  /**
   * Asks. The same question again (a refresh) waits for the one on its way; another one takes its place.
   */
  async ask(asked: Asked): Promise<void> {
    if (this.running !== null && same(this.running.asked, asked)) {
      return;
    }
    this.stop();
    const ended = new AbortController();
    this.running = { asked, ended };
    const slow = setTimeout(() => (this.busy = true), BUSY_AFTER_MS);
    try {
      await this.answerTo(asked, ended.signal);
    } finally {
      clearTimeout(slow);
      if (this.running?.ended === ended) {
        this.running = null;
        this.busy = false;
      }
    }
    if (!ended.signal.aborted) {
      void this.lint(asked.expr);
      void this.explain(asked);
    }
  }

  private async answerTo(asked: Asked, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    try {
      const { data, warnings = [], infos = [] } = await question(asked, signal);
      if (signal.aborted) return;
      this.answer = { asked, data, warnings, infos, milliseconds: performance.now() - began };
      this.refusal = null;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.answer = null;
      this.refusal = { expr: asked.expr, error: error instanceof ApiError ? error.message : String(error) };
    }
  }

  stop(): void {
    this.running?.ended.abort();
    this.running = null;
    this.busy = false;
  }

  clear(): void {
    this.stop();
    this.answer = null;
    this.refusal = null;
    this.causes = null;
    this.findings = [];
    this.checked = '';
    this.explained = '';
  }

  /** Once for each expression. Findings are an extra: without them the answer stands. */
  private async lint(expr: string): Promise<void> {
    if (this.refusal !== null) {
      this.findings = [];
      this.checked = '';
      return;
    }
    if (expr === this.checked) {
      return;
    }
    this.checked = expr;
    this.findings = [];
    try {
      const found = await check(JSON.stringify({ expr }));
      if (this.checked === expr) this.findings = found;
    } catch {
      if (this.checked === expr) this.checked = '';
    }
  }

  private async explain(asked: Asked): Promise<void> {
    if (this.answer === null || sizeOf(this.answer.data) > 0) {
      this.causes = null;
      this.explained = '';
      return;
    }
    if (this.explained === asked.expr) {
      return;
    }
    this.explained = asked.expr;
    this.causes = null;
    let causes: Cause[] = [];
    try {
      causes = await whyEmpty(asked.expr, asked.to);
    } catch {
      // No reason is told as no reason.
    }
    if (this.explained === asked.expr) this.causes = causes;
  }
}

function same(a: Asked, b: Asked): boolean {
  return a.expr === b.expr && a.tab === b.tab && a.to - a.from === b.to - b.from;
}

async function question(asked: Asked, signal: AbortSignal) {
  const { expr, tab, from, to, step } = asked;
  return tab === 'table' ? instant(expr, to, signal) : range(expr, from, to, step, signal);
}

/** How many series, or 1 for a single value. */
export function sizeOf(data: QueryData): number {
  return data.resultType === 'vector' || data.resultType === 'matrix' ? data.result.length : 1;
}

/** The series of a range answer. */
export function seriesOf(answer: Answer | null): MatrixSeries[] {
  return answer?.data.resultType === 'matrix' ? answer.data.result : [];
}
