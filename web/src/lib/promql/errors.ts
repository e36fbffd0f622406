// What the server says of a query, in the reader's language.

import { errors, words } from '../../i18n/zh/promqlErrors';
import { preferences, type Language } from '../preferences.svelte';

/** The text in the language of the page; as it came where we have no words for it. */
export function serverWords(message: string, language: Language = preferences.language): string {
  if (language === 'en') {
    return message;
  }
  const text = message.replace(/^invalid parameter "[^"]*": /, '').replace(/^(\d+:\d+: )?parse error: /, '');
  for (const [pattern, chinese] of errors) {
    const found = pattern.exec(text);
    if (found !== null) {
      return chinese.replace(/\$(\d)/g, (_, n: string) => words[found[Number(n)] ?? ''] ?? found[Number(n)] ?? '');
    }
  }
  return message;
}
