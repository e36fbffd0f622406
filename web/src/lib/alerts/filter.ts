// Which alerts a page shows: what stands in its address, read once.

import { compile, formatMatcher, matchesAll, parseMatchers, type Matcher } from './matchers';
import { containsWords, type Row, type Severity, type State } from './rows';

export const STATES: readonly State[] = ['firing', 'pending', 'silenced', 'inhibited', 'muted', 'quiet'];
/** What somebody may have to do something about. */
export const STATES_FIRST: readonly State[] = ['firing', 'pending'];
export const SEVERITIES: readonly Severity[] = ['critical', 'warning', 'info', 'none'];

export interface Search {
  matches: (row: Row) => boolean;
  /** The part that looks like a condition and is none. */
  wrong: string;
}

/** Words, or conditions as soon as there is an operator: half a condition is still typed, and hides nothing. */
export function searchOf(text: string): Search {
  const plain = text.trim();
  if (plain === '') {
    return { matches: () => true, wrong: '' };
  }
  if (!/[=~{]/.test(plain)) {
    return { matches: (row) => containsWords(row, plain), wrong: '' };
  }
  const parsed = parseMatchers(plain);
  const wrong = 'wrong' in parsed ? parsed.wrong || plain : (firstBad(parsed.matchers)?.value ?? '');
  if ('wrong' in parsed || wrong !== '') {
    return { matches: () => true, wrong };
  }
  const matches = matchesAll(parsed.matchers);
  return { matches: (row) => matches(row.labels), wrong: '' };
}

const firstBad = (matchers: readonly Matcher[]): Matcher | undefined => matchers.find((one) => compile(one) === null);

/**
 * The states to show: those of the address. Without any, what may need doing; but somebody who came for certain alerts
 * sees them also when all of them are quiet.
 */
export function statesOf(text: string | null, candidates: readonly Row[], isNarrowed: boolean): readonly State[] {
  const someFirst = candidates.some((row) => STATES_FIRST.includes(row.state));
  return listed(text, STATES, isNarrowed && !someFirst ? STATES : STATES_FIRST);
}

/** Values of a list in the address, `a,b`; those that it does not know are left out. */
export function listed<T extends string>(text: string | null, known: readonly T[], otherwise: readonly T[]): readonly T[] {
  if (text === null) return otherwise;
  const wanted = text.split(',');
  return known.filter((one) => wanted.includes(one));
}

/** Puts `name="value"` to a search that may hold words. */
export function withCondition(text: string, name: string, value: string): string {
  const parsed = parseMatchers(text);
  const before = 'matchers' in parsed ? parsed.matchers.filter((one) => one.name !== name) : [];
  const all = [...before, { name, operator: '=' as const, value }];
  return all.map(formatMatcher).join(', ');
}
