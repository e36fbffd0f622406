// Every page there is: its name in the address, its code and its words (loaded when it is opened), its place in the navigation.

import type { Component } from 'svelte';
import { loadAreas, type Area, type Key } from './i18n';
import type { About } from './lib/api/lingshao';

export interface Page {
  name: string;
  title: Key;
  load: () => Promise<{ default: Component }>;
  /** The texts it shows, beside those of the frame. */
  areas: readonly Area[];
  /** Whether it stands in the navigation; `undefined` is always. */
  shown?: (facts: About) => boolean;
}

export const PAGES: readonly Page[] = [
  { name: 'board', title: 'nav.board', load: () => import('./pages/Board.svelte'), areas: ['alerts', 'board', 'demo', 'units'] },
  { name: 'dashboards', title: 'nav.dashboards', load: () => import('./pages/Dashboards.svelte'), areas: ['dashboards', 'panels', 'range', 'units', 'why'] },
  { name: 'explore', title: 'nav.explore', load: () => import('./pages/Explore.svelte'), areas: ['explore', 'range', 'units', 'why'] },
  { name: 'logs', title: 'nav.logs', load: () => import('./pages/Logs.svelte'), areas: ['logs', 'range', 'units'], shown: (facts) => facts.logs },
  { name: 'shop', title: 'nav.shop', load: () => import('./pages/Shop.svelte'), areas: ['shop', 'units'] },
  { name: 'alerts', title: 'nav.alerts', load: () => import('./pages/Alerts.svelte'), areas: ['alerts', 'silences', 'units'] },
  { name: 'silences', title: 'nav.silences', load: () => import('./pages/Silences.svelte'), areas: ['alerts', 'silences', 'units'] },
  { name: 'rules', title: 'nav.rules', load: () => import('./pages/Rules.svelte'), areas: ['alerts', 'rules', 'units'] },
  { name: 'targets', title: 'nav.targets', load: () => import('./pages/Targets.svelte'), areas: ['explore', 'targets', 'units'] },
  { name: 'inbox', title: 'nav.inbox', load: () => import('./pages/Inbox.svelte'), areas: ['alerts', 'demo'], shown: (facts) => facts.demo !== null },
];

/** The page of a name; the first one when none is named. */
export function pageOf(name: string): Page | undefined {
  return name === '' ? PAGES[0] : PAGES.find((page) => page.name === name);
}

/** The code of a page, once its words are there too. */
export async function openPage(page: Page): Promise<Component> {
  const [code] = await Promise.all([page.load(), loadAreas(page.areas)]);
  return code.default;
}
