// What the server knows by name: metrics, labels, values, what pages say of their metrics. Asked once, kept for a while.

import { labelNames, labelValues, metadata, type MetricMetadata } from '../api/prometheus';

/** A new metric appears in completion this much later at most. */
const FRESH_MS = 60_000;
/** Answers kept: someone who types for an hour touches some dozens of metrics and labels. */
const ANSWERS_MAX = 100;
/** Longer lists are cut: nobody picks from more, and each costs memory for a minute. Names of metrics go up to 20,000. */
const VALUES_MAX = 20_000;

/** Keeps promises by key; the one unused for longest leaves first. A failure is not kept. */
export class Cache {
  private readonly kept = new Map<string, { at: number; answer: Promise<unknown> }>();

  constructor(
    private readonly freshMs = FRESH_MS,
    private readonly answersMax = ANSWERS_MAX,
  ) {}

  get<T>(key: string, ask: () => Promise<T>, now = Date.now()): Promise<T> {
    const old = this.kept.get(key);
    this.kept.delete(key);
    if (old !== undefined && now - old.at < this.freshMs) {
      this.kept.set(key, old);
      return old.answer as Promise<T>;
    }
    const answer = ask();
    answer.catch(() => this.kept.delete(key));
    this.kept.set(key, { at: now, answer });
    for (const first of this.kept.keys()) {
      if (this.kept.size <= this.answersMax) break;
      this.kept.delete(first);
    }
    return answer;
  }
}

const cache = new Cache();

/** Names of all metrics, sorted. */
export function metricNames(): Promise<string[]> {
  return valuesOf('__name__');
}

/** Values of a label; of the series that a selector finds, where one is given. */
export function valuesOf(label: string, selector = ''): Promise<string[]> {
  const matchers = selector === '' ? [] : [selector];
  const ask = async () => (await labelValues(label, matchers)).slice(0, VALUES_MAX);
  return cache.get(`values ${label} ${selector}`, ask);
}

/** Names of labels; of the series that a selector finds, where one is given. */
export function labelsOf(selector = ''): Promise<string[]> {
  const ask = async () => (await labelNames(selector === '' ? [] : [selector])).slice(0, VALUES_MAX);
  return cache.get(`labels ${selector}`, ask);
}

export function metricMetadata(): Promise<Record<string, MetricMetadata[]>> {
  return cache.get('metadata', metadata);
}

/** What is said of a metric; `x_bucket` is explained by its histogram `x`. */
export function metadataOf(all: Record<string, MetricMetadata[]>, name: string): MetricMetadata | undefined {
  return (all[name] ?? all[name.replace(/_(bucket|sum|count|total)$/, '')])?.[0];
}
