// The list of metrics: what each is, how many series it has, found while one types.

import { request } from '../api/http';
import type { MetricMetadata } from '../api/prometheus';
import { metadataOf, metricMetadata, metricNames } from '../promql/catalog';

export interface Metric {
  name: string;
  type: string;
  help: string;
  /** In memory at the moment; `null` where the server did not count it. */
  series: number | null;
  /** What is searched, in small letters. */
  text: string;
}

/** The server counts no more names at once. */
const COUNTS_MAX = 10_000;

interface Counted {
  data: { seriesCountByMetricName: { name: string; value: number }[] };
}

/** All metrics, by name. Help and counts are extras: without them the names still come. */
export async function loadMetrics(): Promise<Metric[]> {
  const counted = request<Counted>(`api/v1/status/tsdb?limit=${COUNTS_MAX}`);
  const [names, said, counts] = await Promise.all([
    metricNames(),
    metricMetadata().catch(() => ({})),
    counted.then((answer) => answer.data.seriesCountByMetricName).catch(() => []),
  ]);
  return metricsOf(names, said, new Map(counts.map((one) => [one.name, one.value])));
}

export function metricsOf(
  names: readonly string[],
  said: Record<string, MetricMetadata[]>,
  counts: ReadonlyMap<string, number>,
): Metric[] {
  return names.map((name) => {
    const about = metadataOf(said, name);
    const help = about?.help ?? '';
    const type = about?.type ?? '';
    return { name, type, help, series: counts.get(name) ?? null, text: `${name} ${help}`.toLowerCase() };
  });
}

/** Metrics in which every word occurs: first where the name begins so, then where it contains it, then by help alone. */
export function search(metrics: readonly Metric[], text: string, type = ''): Metric[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const places: [Metric[], Metric[], Metric[]] = [[], [], []];
  const [first] = words;
  for (const metric of metrics) {
    if ((type !== '' && metric.type !== type) || !words.every((word) => metric.text.includes(word))) {
      continue;
    }
    const name = metric.text.slice(0, metric.name.length);
    const rank = first === undefined || name.startsWith(first) ? 0 : words.every((word) => name.includes(word)) ? 1 : 2;
    places[rank].push(metric);
  }
  return places.flat();
}
