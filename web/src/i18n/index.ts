// Every word that a person reads: `t('area.key', { name })`. Both dictionaries hold the same keys; a test sees to it.

import { preferences, type Language } from '../lib/preferences.svelte';
import * as en from './en';
import * as zh from './zh';

type Dictionaries = typeof zh;
type Areas = { [Area in keyof Dictionaries]: keyof Dictionaries[Area] };
/** `area.key` of each text. */
export type Key = { [Area in keyof Areas]: `${Area & string}.${Areas[Area] & string}` }[keyof Areas];
export type Parameters = Record<string, string | number>;

export const dictionaries: Record<Language, Record<string, Record<string, string>>> = { zh: { ...zh }, en: { ...en } };

/** The text of a key in the language of the moment, `{name}` filled in. Reading it follows a change of language. */
export function t(key: Key, parameters: Parameters = {}): string {
  return translate(preferences.language, key, parameters);
}

/** The text in a given language. */
export function translate(language: Language, key: Key, parameters: Parameters = {}): string {
  const dot = key.indexOf('.');
  const text = dictionaries[language][key.slice(0, dot)]?.[key.slice(dot + 1)] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name: string) => String(parameters[name] ?? all));
}

/** Of a text that the server sends in both languages. */
export function localized(text: { zh: string; en: string }): string {
  return text[preferences.language];
}
