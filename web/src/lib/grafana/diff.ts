// What differs between two versions of a board, in terms of its panels rather than of lines.

import { isObject, objects, text, type Json, type JsonObject } from './json';

export interface Difference {
  /** `QPS · targets[0].expr`: the panel's title, then the place in it. */
  place: string;
  /** `undefined` where there is nothing. */
  before: Json | undefined;
  after: Json | undefined;
}

/** What every save changes by itself. */
const IGNORED = new Set(['version', 'id', 'iteration']);

/** More differences are a different board. */
export const DIFFERENCES_MAX = 300;

export function differences(before: JsonObject, after: JsonObject): Difference[] {
  const { panels: panelsBefore, ...restBefore } = before;
  const { panels: panelsAfter, ...restAfter } = after;
  const found: Difference[] = [];
  const strip = (json: JsonObject) => Object.fromEntries(Object.entries(json).filter(([key]) => !IGNORED.has(key)));
  compare(strip(restBefore), strip(restAfter), '', found);
  const [old, fresh] = [byId(panelsBefore), byId(panelsAfter)];
  for (const id of new Set([...old.keys(), ...fresh.keys()])) {
    comparePanels(old.get(id), fresh.get(id), found);
  }
  return found.slice(0, DIFFERENCES_MAX);
}

function byId(panels: Json | undefined): Map<Json | undefined, JsonObject> {
  const all = objects(panels).flatMap(({ panels: inner, ...panel }) => [panel as JsonObject, ...objects(inner)]);
  return new Map(all.map((panel) => [panel.id, panel]));
}

function comparePanels(before: JsonObject | undefined, after: JsonObject | undefined, found: Difference[]): void {
  const name = text(after?.title) || text(before?.title) || `#${text((after ?? before)?.id) ?? ''}`;
  if (before === undefined || after === undefined) {
    found.push({ place: name, before: before?.type, after: after?.type });
  } else {
    compare(before, after, `${name} ·`, found);
  }
}

function compare(before: Json | undefined, after: Json | undefined, place: string, found: Difference[]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return;
  }
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[key], after[key], place === '' ? key : `${place}${place.endsWith('·') ? ' ' : '.'}${key}`, found);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      compare(before[index], after[index], `${place}[${index}]`, found);
    }
  } else {
    found.push({ place, before, after });
  }
}
