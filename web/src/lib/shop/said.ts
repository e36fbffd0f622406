// What the monitors wrote of something, in the reader's language.

import { said } from '../../i18n/zh/shopSaid';
import { preferences, type Language } from '../preferences.svelte';

/** The text in the language of the page, and what is said within it; as it came where we have no words for it. */
export function saidText(text: string, language: Language = preferences.language): string {
  if (language === 'en') return text;
  for (const [pattern, chinese] of said) {
    const found = pattern.exec(text);
    if (found === null) continue;
    // What a provider said is a text of its own; a table's name is none.
    const within = (part: string) => (pattern.source.includes('it says') ? saidText(part, language) : part);
    return chinese.replace(/\$(\d)/g, (_, n: string) => within(found[Number(n)] ?? ''));
  }
  return text;
}

/** `place: message`, as a refusal tells a finding. */
export function findingText(detail: string): string {
  const [, place = '', message = ''] = /^([^\s:]+): (.+)$/s.exec(detail) ?? [];
  return place === '' ? saidText(detail) : `${place}: ${saidText(message)}`;
}
