// Panels of a board as the page lays them out: repeated, keyed, in sections.

import { packed } from '../../panels/layout';
import { interpolateText, type Scope } from '../../lib/grafana/interpolate';
import type { Board, Grid, Panel, Row, Scoped } from '../../lib/grafana/model';
import { repeated } from '../../lib/grafana/repeat';
import type { VariableState } from '../../lib/grafana/variables';

export interface SlotItem {
  key: string;
  panel: Panel;
  grid: Grid;
}

export interface SectionView {
  key: string;
  row: Row | null;
  title: string;
  items: SlotItem[];
}

const scopedText = (scoped: Scoped) => Object.entries(scoped).map(([name, { value }]) => `${name}=${value}`).join(',');

/** Names a panel apart from its other repetitions, in addresses too. */
export function slotKey(panel: Panel): string {
  const scoped = scopedText(panel.scoped);
  return scoped === '' ? String(panel.id) : `${panel.id}:${scoped}`;
}

export function sectionViews(board: Board, states: VariableState[], scope: Scope): SectionView[] {
  return repeated(board, states).map((section, index) => ({
    key: section.row === null ? `top-${index}` : `${section.row.id}:${scopedText(section.row.scoped)}`,
    row: section.row,
    title: section.row === null ? '' : interpolateText(section.row.title, { ...scope, scoped: section.row.scoped }),
    items: packed(section.panels.map((panel, id) => ({ ...panel.grid, id, panel }))).map(({ x, y, w, h, panel }) => {
      return { key: slotKey(panel), panel, grid: { x, y, w, h } };
    }),
  }));
}
