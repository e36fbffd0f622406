// Panels and rows that a board wants once for each value of a variable.

import type { Board, Grid, Panel, Scoped, Section } from './model';
import { ALL, type VariableState } from './variables';

const COLUMNS = 24;
/** Repetitions of one panel or row: more nobody compares by eye, and each asks the server. */
const REPEATS_MAX = 60;

/** The sections of a board, repeated as the variables stand. */
export function repeated(board: Board, states: VariableState[]): Section[] {
  return board.sections.flatMap((section) => repeatedRow(section, states)).map((section) => withPanels(section, states));
}

function valuesFor(name: string, states: VariableState[]): { text: string; value: string }[] {
  const state = states.find(({ variable }) => variable.name === name);
  if (state === undefined) {
    return [];
  }
  const words = (value: string) => ({ value, text: state.options.find((option) => option.value === value)?.text ?? value });
  const chosen = state.chosen.includes(ALL) ? state.options.map(({ value }) => value).filter((value) => value !== ALL) : state.chosen;
  return chosen.slice(0, REPEATS_MAX).map(words);
}

function repeatedRow(section: Section, states: VariableState[]): Section[] {
  const name = section.row?.repeat;
  if (section.row === null || !name) {
    return [section];
  }
  const { row } = section;
  const values = valuesFor(name, states);
  return values.length === 0 ? [section] : values.map((value) => {
    const scoped: Scoped = { ...row.scoped, [name]: value };
    const panels = section.panels.map((panel) => ({ ...panel, scoped: { ...panel.scoped, ...scoped } }) as Panel);
    return { row: { ...row, scoped }, panels };
  });
}

/** Panels below a repeated one move down by what it grew. */
function withPanels(section: Section, states: VariableState[]): Section {
  const order = [...section.panels].sort((a, b) => a.grid.y - b.grid.y || a.grid.x - b.grid.x);
  const panels: Panel[] = [];
  let [shift, floor] = [0, -1];
  for (const panel of order) {
    // A panel in the same line as the repeated one keeps its place.
    const down = panel.grid.y >= floor ? shift : 0;
    const here = { ...panel, grid: { ...panel.grid, y: panel.grid.y + down } } as Panel;
    const copies = repeatedPanel(here, states);
    panels.push(...copies);
    const bottom = Math.max(...copies.map(({ grid }) => grid.y + grid.h));
    const grown = bottom - (here.grid.y + here.grid.h);
    if (grown > 0) {
      floor = panel.grid.y + panel.grid.h;
      shift += grown;
    }
  }
  return { ...section, panels };
}

function repeatedPanel(panel: Panel, states: VariableState[]): Panel[] {
  if (panel.repeat === null || panel.scoped[panel.repeat.variable] !== undefined) {
    return [panel];
  }
  const { variable, direction, maxPerRow } = panel.repeat;
  const values = valuesFor(variable, states);
  if (values.length === 0) {
    return [panel];
  }
  return values.map((value, index) => {
    const grid = direction === 'v' ? below(panel.grid, index) : beside(panel.grid, index, values.length, maxPerRow);
    return { ...panel, grid, scoped: { ...panel.scoped, [variable]: value } } as Panel;
  });
}

function below(grid: Grid, index: number): Grid {
  return { ...grid, y: grid.y + index * grid.h };
}

/** All columns are shared out evenly among those of a line. */
function beside(grid: Grid, index: number, count: number, maxPerRow: number): Grid {
  const columns = Math.max(1, Math.min(count, maxPerRow, COLUMNS));
  const w = Math.floor(COLUMNS / columns);
  return { x: (index % columns) * w, y: grid.y + Math.floor(index / columns) * grid.h, w, h: grid.h };
}
