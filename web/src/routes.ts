// Every page there is: its name in the address, its code (loaded when it is opened), its place in the navigation.

import type { Component } from 'svelte';
import type { Key } from './i18n';
import type { About } from './lib/api/lingshao';

export interface Page {
  name: string;
  title: Key;
  load: () => Promise<{ default: Component }>;
  /** Whether it stands in the navigation; `undefined` is always. */
  shown?: (facts: About) => boolean;
}

export const PAGES: readonly Page[] = [
  { name: 'board', title: 'nav.board', load: () => import('./pages/Board.svelte') },
  { name: 'dashboards', title: 'nav.dashboards', load: () => import('./pages/Dashboards.svelte') },
  { name: 'explore', title: 'nav.explore', load: () => import('./pages/Explore.svelte') },
  { name: 'alerts', title: 'nav.alerts', load: () => import('./pages/Alerts.svelte') },
  { name: 'silences', title: 'nav.silences', load: () => import('./pages/Silences.svelte') },
  { name: 'rules', title: 'nav.rules', load: () => import('./pages/Rules.svelte') },
  { name: 'targets', title: 'nav.targets', load: () => import('./pages/Targets.svelte') },
  { name: 'inbox', title: 'nav.inbox', load: () => import('./pages/Inbox.svelte'), shown: (facts) => facts.demo !== null },
];

/** The page of a name; the first one when none is named. */
export function pageOf(name: string): Page | undefined {
  return name === '' ? PAGES[0] : PAGES.find((page) => page.name === name);
}
