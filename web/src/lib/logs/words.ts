// What the log store says of a query, in the reader's language. Its words are English; a code that we do not know is told
// in them.

import { preferences } from '../preferences.svelte';
import { faults } from '../../i18n/zh/logFaults';

/** Where the query is read as whoever typed it means it, and only Lucene would read it otherwise, there is nothing to tell. */
const AS_MEANT = new Set(['path-literal', 'slash-in-word', 'colon-in-value', 'spaced-comparison']);

export const isWorthTelling = (code: string): boolean => !AS_MEANT.has(code);

export function faultWords(code: string, message: string, given: Record<string, string | number>): string {
  const words = preferences.language === 'zh' ? faults[code] : undefined;
  return words === undefined ? message : words.replace(/\{(\w+)\}/g, (all, name: string) => String(given[name] ?? all));
}
