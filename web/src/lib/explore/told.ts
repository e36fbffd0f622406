// Why a query is empty and what the check found are often one fault: it is told once, where it was found.

import type { Finding } from '../api/lingshao';
import { offsetOfByte } from '../promql/place';
import type { Cause } from './emptiness';

/** The causes that no finding tells already. */
export function untold(causes: Cause[], findings: readonly Finding[]): Cause[] {
  return causes.filter((cause) => !findings.some((finding) => tells(finding, cause)));
}

/** Lints that speak of a name that no metric has. */
const OF_NAMES = ['unknown-metric', 'quantile-needs-buckets'];

function tells(finding: Finding, cause: Cause): boolean {
  const { suggestion } = finding;
  if (suggestion !== null && 'offers' in cause && cause.offers.some(({ expr }) => plain(expr) === plain(suggestion))) {
    return true;
  }
  const isOfName = cause.kind === 'unknown' || cause.kind === 'base';
  return isOfName && OF_NAMES.includes(finding.lint ?? '') && part(finding).includes(cause.metric);
}

const plain = (expr: string) => expr.replace(/\s+/g, '');

/** What of the expression the finding is about. */
function part({ expr, span }: Finding): string {
  return expr === null || span === null ? (expr ?? '') : expr.slice(offsetOfByte(expr, span[0]), offsetOfByte(expr, span[1]));
}
