// The editor's own words in the language of the page. The package behind it speaks English only.

import type { Completion } from '@codemirror/autocomplete';
import { complaints, kinds, sorts, terms } from '../../i18n/zh/promqlTerms';
import type { Language } from '../preferences.svelte';

/** A completion with its help in the page's language; help of metrics stays as their pages wrote it. */
export function completionWords(option: Completion, language: Language): Completion {
  if (language === 'en') {
    return option;
  }
  const { label, detail, info, type } = option;
  const sort = detail === undefined ? undefined : (sorts[detail] ?? detail);
  // Metrics are constants as these two are, and may have the name of a function.
  const isName = type === 'text' || (type === 'constant' && label !== 'nan' && label !== 'inf');
  const help = isName ? info : (terms[label] ?? info);
  return { ...option, detail: sort, info: help };
}

/** A complaint of the grammar in the page's language. */
export function complaintWords(message: string, language: Language): string {
  if (language === 'en') {
    return message;
  }
  for (const [pattern, words] of complaints) {
    const found = pattern.exec(message);
    if (found !== null) {
      return words.replace(/\$(\d)/g, (_, n: string) => kinds[found[Number(n)] ?? ''] ?? found[Number(n)] ?? '');
    }
  }
  return message;
}
