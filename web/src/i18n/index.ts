// Every word that a person reads: `t('area.key', { name })`. Both languages hold the same keys; a test sees to it.
//
// Texts come in the reader's language alone, and area by area: a page names those it speaks of (`src/routes.ts`, held to what
// its code says by a test), and they come together with its code.

import { preferences, type Language } from '../lib/preferences.svelte';

type Dictionaries = typeof import('./zh');
export type Area = keyof Dictionaries;
type Areas = { [Name in Area]: keyof Dictionaries[Name] };
/** `area.key` of each text. */
export type Key = { [Name in Area]: `${Name & string}.${Areas[Name] & string}` }[Area];
export type Parameters = Record<string, string | number>;

type Texts = Record<string, string>;
type Dictionary = Partial<Record<Area, Texts>>;

const FILES = import.meta.glob<Record<string, Texts>>(['./{zh,en}/*.ts', '!**/index.ts', '!**/{frame,charts,common,nav,session}.ts', '!**/{promql,logFaults,shopSaid}*.ts']);
/** What every page stands in comes in one piece. */
const FRAMES: Record<Language, () => Promise<Dictionary>> = { zh: () => import('./zh/frame'), en: () => import('./en/frame') };

/** What is there, by language. */
export const dictionaries: Record<Language, Dictionary> = { zh: {}, en: {} };
/** What was asked for, and so is wanted in another language too. */
const wanted = new Set<Area>();

/** Fetches the texts of areas, unless they are there. */
export async function loadAreas(areas: readonly Area[], language = preferences.language): Promise<void> {
  areas.forEach((area) => wanted.add(area));
  const own = dictionaries[language];
  const frame = own.common === undefined ? FRAMES[language]().then((texts) => Object.assign(own, texts)) : undefined;
  const missing = areas.filter((area) => own[area] === undefined);
  await Promise.all([frame, ...missing.map(async (area) => (own[area] = (await FILES[`./${language}/${area}.ts`]?.())?.[area]))]);
}

/** Changes what the page speaks. */
export async function speak(language: Language): Promise<void> {
  await loadAreas([...wanted], language);
  preferences.setLanguage(language);
}

/** The text of a key in the language of the moment, `{name}` filled in. Reading it follows a change of language. */
export function t(key: Key, parameters: Parameters = {}): string {
  return translate(preferences.language, key, parameters);
}

/** The text in a given language. */
export function translate(language: Language, key: Key, parameters: Parameters = {}): string {
  const dot = key.indexOf('.');
  const text = dictionaries[language][key.slice(0, dot) as Area]?.[key.slice(dot + 1)] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name: string) => String(parameters[name] ?? all));
}

/** Of a text that the server sends in both languages. */
export function localized(text: { zh: string; en: string }): string {
  return text[preferences.language];
}
