// What is scraped, and how that went (Prometheus' API).

import { instant, type Labels } from './prometheus';
import { request } from './http';

export interface Target {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: 'up' | 'down' | 'unknown';
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface Targets {
  activeTargets: Target[];
  droppedTargets: { discoveredLabels: Labels; scrapePool: string }[];
  droppedTargetCounts: Record<string, number>;
}

export async function targets(signal?: AbortSignal): Promise<Targets> {
  return (await request<{ data: Targets }>('api/v1/targets', { signal })).data;
}

/** Samples of each target's last page, by [`labelsKey`] of its labels. */
export async function sampleCounts(signal?: AbortSignal): Promise<Map<string, number>> {
  const { data } = await instant('scrape_samples_scraped', undefined, signal);
  const samples = data.resultType === 'vector' ? data.result : [];
  return new Map(samples.map(({ metric, value }) => [labelsKey(metric), Number(value[1])]));
}

/** One text for one set of labels, the metric's name left out. */
export function labelsKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).filter(([name]) => name !== '__name__').sort());
}
