import { expect, test } from 'vitest';
import type { Finding } from '../api/lingshao';
import type { Cause } from './emptiness';
import { untold } from './told';

const EXPR = 'histogram_quantile(0.95, latency) / other';

function finding(lint: string, span: [number, number] | null, suggestion: string | null = null): Finding {
  const words = { zh: '', en: '' };
  return { file: '', line: 1, column: 1, severity: 'warning', lint, subject: null, message: words, remedy: null, expr: EXPR, suggestion, span };
}

const unknown = (metric: string): Cause => ({ kind: 'unknown', metric, offers: [] });
const base: Cause = { kind: 'base', metric: 'latency', offers: [{ name: 'latency_bucket', expr: 'sum by (le) (x)' }] };

test.each<[string, Cause, Finding, boolean]>([
  ['a name that the check does not know', unknown('other'), finding('unknown-metric', [36, 41]), false],
  ['another name', unknown('latency'), finding('unknown-metric', [36, 41]), true],
  ['a histogram without buckets', base, finding('quantile-needs-buckets', [25, 32]), false],
  ['another fault at that place', base, finding('flood', [25, 32]), true],
  ['the same correction', base, finding('ratio', null, 'sum by(le)(x)'), false],
  ['another correction', base, finding('ratio', null, 'sum(x)'), true],
])('%s', (_, cause, found, remains) => {
  expect(untold([cause], [found])).toEqual(remains ? [cause] : []);
});
