// What an import has to tell of a panel: why it cannot be drawn, or what of it is left out.

import { isObject, objects, text } from './json';
import { isKnownMatcher } from './matchers';
import type { Panel } from './model';
import { isKnownReducer } from './reduce';
import { note, type Note } from './report';
import { isKnownTransformation } from './transform';
import { isPrometheus } from './variables';

/** Kinds that show no query. */
const WITHOUT_DATA = new Set(['text', 'dashlist', 'alertlist']);

/** Whether the panel's source is one that we ask. */
export function isAsked(panel: Panel): boolean {
  return panel.source === '' || isPrometheus(panel.source);
}

export function notesOn(panel: Panel): { unsupported: boolean; notes: Note[] } {
  if (panel.kind === 'unsupported') {
    return { unsupported: true, notes: [note('dashboards.noteKind', { kind: panel.options.kind })] };
  }
  if (!WITHOUT_DATA.has(panel.kind) && !isAsked(panel)) {
    return { unsupported: true, notes: [note('dashboards.noteSource', { source: panel.source })] };
  }
  return { unsupported: false, notes: [...unknownParts(panel), ...unanswered(panel)] };
}

function unknownParts(panel: Panel): Note[] {
  const transformations = panel.transformations.filter(({ id, disabled }) => !disabled && !isKnownTransformation(id));
  const matchers = panel.fields.overrides.filter(({ matcher }) => !isKnownMatcher(matcher.id));
  const calcs = 'reduce' in panel.options ? panel.options.reduce.calcs.filter((calc) => !isKnownReducer(calc)) : [];
  return [
    ...transformations.map(({ id }) => note('dashboards.noteTransformation', { id })),
    ...matchers.map(({ matcher }) => note('dashboards.noteMatcher', { id: matcher.id })),
    ...calcs.map((id) => note('dashboards.noteReducer', { id })),
  ];
}

/** Queries in another language: Grafana's own expressions, or those of a mixed panel. An empty one says nothing. */
function unanswered(panel: Panel): Note[] {
  const others = objects(panel.json.targets).filter((target) => {
    return target.hide !== true && !text(target.expr) && OTHER_QUERIES.some((key) => text(target[key]) || isObject(target[key]));
  });
  const refs = others.map(({ refId }) => text(refId) ?? '').join(', ');
  return WITHOUT_DATA.has(panel.kind) || others.length === 0 ? [] : [note('dashboards.noteEmptyQuery', { refs })];
}

const OTHER_QUERIES = ['expression', 'query', 'rawSql', 'rawQuery', 'target'];
