// Why a panel is empty or cannot be right, and what would be: from the server's check of the board, and, for what is empty,
// from what the server has at the moment.

import { SvelteMap } from 'svelte/reactivity';
import { localized, t } from '../i18n';
import { server } from '../lib/about.svelte';
import { check, type Finding } from '../lib/api/lingshao';
import { isAbort } from '../lib/api/http';
import type { Cause, Offer } from '../lib/explore/emptiness';
import type { JsonObject } from '../lib/grafana/json';
import type { Panel } from '../lib/grafana/model';
import { dateTime } from '../lib/time/format';
import type { PanelState } from './run.svelte';

/** What is told under a panel's title. */
export interface Advice {
  /** The query it is about; nothing when it is about the panel. */
  refId: string | null;
  text: string;
  /** What to do about it. */
  remedy?: string;
  suggestion: string | null;
}

/** What is there is drawn first. */
const WONDER_PAUSE_MS = 200;
/** A board with hundreds of empty panels is not asked about all at once. */
const AT_ONCE = 2;

export class Doctor {
  private findings = $state.raw<Finding[]>([]);
  private readonly causes = new SvelteMap<string, Cause[]>();
  private readonly asked = new Set<string>();
  private waiting: (() => Promise<void>)[] = [];
  private working = 0;
  private pause: ReturnType<typeof setTimeout> | undefined;

  /** Checks a board. A server that cannot check says nothing, and the board is shown without notes. */
  async examine(json: JsonObject, signal: AbortSignal): Promise<void> {
    try {
      const found = await check(JSON.stringify(json), signal);
      if (!signal.aborted) this.findings = found;
    } catch (error) {
      if (!isAbort(error)) this.findings = [];
    }
  }

  /** Looks for the reason why an expression gives nothing; once for each. */
  wonder(expr: string, time: number): void {
    if (this.asked.has(expr)) {
      return;
    }
    this.asked.add(expr);
    this.waiting.push(async () => {
      // An expression that the server cannot read has its error in place already.
      const causes = await reasons(expr, time).catch(() => []);
      this.causes.set(expr, causes);
    });
    this.pause ??= setTimeout(() => {
      this.pause = undefined;
      this.work();
    }, WONDER_PAUSE_MS);
  }

  /** What is to be told of a panel in its state of the moment. */
  adviceOn(panel: Panel, state: PanelState | undefined): Advice[] {
    const found = this.findings.filter((finding) => concerns(finding, panel));
    const checked = found.map((finding): Advice => ({
      refId: panel.targets.find(({ expr }) => isOf(finding, expr))?.refId ?? null,
      text: localized(finding.message),
      remedy: finding.remedy === null ? undefined : localized(finding.remedy),
      suggestion: finding.suggestion,
    }));
    const told = new Set(checked.map(({ refId }) => refId));
    const empty = emptyQueries(state).filter(({ refId }) => !told.has(refId));
    const why = empty.flatMap(({ refId, expr }) => (this.causes.get(expr) ?? []).map((cause) => ({ refId, ...words(cause) })));
    return [...checked, ...why];
  }

  private work(): void {
    while (this.working < AT_ONCE) {
      const next = this.waiting.shift();
      if (next === undefined) {
        return;
      }
      this.working += 1;
      void next().finally(() => {
        this.working -= 1;
        this.work();
      });
    }
  }
}

/** Most boards have no empty panel, and then need no code to explain one. */
async function reasons(expr: string, time: number): Promise<Cause[]> {
  return (await import('../lib/explore/emptiness')).whyEmpty(expr, time);
}

/** A finding names its panel by the title, as a person would. */
function concerns(finding: Finding, panel: Panel): boolean {
  const exprs = panel.targets.map(({ expr }) => expr);
  return finding.subject === panel.title && (finding.expr === null || exprs.some((expr) => isOf(finding, expr)));
}

function isOf({ expr }: Finding, target: string): boolean {
  return expr !== null && expr.trim() !== '' && target.includes(expr.trim());
}

/** Queries of a panel that were answered with nothing, where all of it is nothing. */
export function emptyQueries(state: PanelState | undefined): { refId: string; expr: string }[] {
  if (state === undefined || state.loading || state.asked === null || state.errors.length > 0 || state.frames.some(({ length }) => length > 0)) {
    return [];
  }
  return state.asked.queries.map(({ target, expr }) => ({ refId: target.refId, expr }));
}

function words(cause: Cause): { text: string; suggestion: string | null } {
  const first = (offers: Offer[]) => offers[0]?.expr ?? null;
  switch (cause.kind) {
    case 'unknown':
      return { text: t('why.whyUnknown', { metric: cause.metric }), suggestion: first(cause.offers) };
    case 'base':
      return { text: t('why.whyBase', { metric: cause.metric }), suggestion: first(cause.offers) };
    case 'stale':
      return cause.last === null
        ? { text: t('why.whyStaleLong', { metric: cause.metric }), suggestion: null }
        : { text: t('why.whyStale', { metric: cause.metric, at: dateTime(cause.last, server.timeZone) }), suggestion: null };
    case 'excluded':
      return { text: t('why.whyExcluded', { matcher: cause.matcher, n: cause.left }), suggestion: first(cause.offers) };
    case 'label': {
      const { metric, label, labels } = cause;
      return { text: t('why.whyLabel', { metric, label, labels: labels.join(', ') }), suggestion: first(cause.offers) };
    }
    case 'together':
      return { text: t('why.whyTogether'), suggestion: cause.without[0]?.expr ?? null };
    case 'window':
      return { text: t('why.whyWindow', { selector: cause.selector, interval: server.facts?.scrape_interval_seconds ?? 15 }), suggestion: null };
    case 'filtered':
      return { text: t('why.whyFiltered', { comparison: cause.comparison, n: cause.total }), suggestion: cause.expr };
    case 'selfDivision':
      return { text: t('why.whySelf', { metric: cause.metric }), suggestion: first(cause.offers) };
    case 'mismatch':
      return { text: t('why.whyMismatch', { op: cause.op }), suggestion: first(cause.offers) };
    case 'unless':
      return { text: t('why.whyUnless'), suggestion: null };
    case 'absent':
      return { text: t('why.whyAbsent', { selector: cause.selector, n: cause.total }), suggestion: null };
    case 'buckets':
      return { text: t('why.whyBuckets', { expr: cause.expr }), suggestion: null };
  }
}
