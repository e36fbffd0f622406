// What migrations of several kinds of panels need.

import { isObject, number, object, objects, text, texts, type Json, type JsonObject } from './json';

/** Collects overrides, one for each series that is named. */
export class Overrides {
  private readonly found = new Map<string, { matcher: JsonObject; properties: JsonObject[] }>();

  /** `/pattern/` or a name. */
  add(alias: string, id: string, value: Json): void {
    const pattern = alias.startsWith('/') && alias.lastIndexOf('/') > 0;
    this.where({ id: pattern ? 'byRegexp' : 'byName', options: alias }, id, value);
  }

  where(matcher: JsonObject, id: string, value: Json): void {
    const key = JSON.stringify(matcher);
    const rule = this.found.get(key) ?? { matcher, properties: [] };
    rule.properties.push({ id, value });
    this.found.set(key, rule);
  }

  list(): JsonObject[] {
    return [...this.found.values()].map(({ matcher, properties }) => ({ matcher, properties }));
  }
}

/** How Grafana before 7 called its reducers. */
const CALCS: Record<string, string> = { current: 'lastNotNull', avg: 'mean', total: 'sum', last: 'lastNotNull', name: 'lastNotNull' };

export function legacyCalc(name: string): string {
  return CALCS[name] ?? name;
}

/** Of a legend with `avg: true, max: true`. */
export function legacyLegendCalcs(legend: JsonObject): string[] {
  return ['min', 'max', 'avg', 'current', 'total'].filter((name) => legend[name] === true).map(legacyCalc);
}

export function legacyTooltip(json: unknown): JsonObject {
  const tooltip = object(json);
  return { mode: tooltip.shared === false ? 'single' : 'multi', sort: ['none', 'asc', 'desc'][number(tooltip.sort) ?? 0] ?? 'none' };
}

/** Thresholds `"50,80"` with their colours, one more than there are borders. */
export function legacySteps(borders: unknown, colors: unknown): JsonObject[] {
  const words = typeof borders === 'string' ? borders.split(',') : texts(borders);
  const values = words.map(number).filter((value): value is number => value !== undefined);
  const named = texts(colors);
  return [null, ...values].map((value, index) => ({ value, color: named[index] ?? named[named.length - 1] ?? 'green' }));
}

/** `valueMaps` and `rangeMaps` as today's mappings; `mappingType` says which of them hold. */
export function legacyMappings(source: JsonObject): JsonObject[] {
  const usesRanges = number(source.mappingType) === 2 || (source.mappingType === undefined && objects(source.valueMaps).length === 0);
  if (usesRanges) {
    return objects(source.rangeMaps).map(({ from, to, text: words }) => {
      const result = { text: words };
      if (from === 'null' || to === 'null') return { type: 'special', options: { match: 'null', result } };
      return { type: 'range', options: { from: number(from) ?? null, to: number(to) ?? null, result } };
    });
  }
  return objects(source.valueMaps).flatMap(({ value, text: words }): JsonObject[] => {
    if (value === undefined || value === null) return [];
    if (value === 'null') return [{ type: 'special', options: { match: 'null', result: { text: words } } }];
    return [{ type: 'value', options: { [String(value)]: { text: words } } }];
  });
}

/** Whether a panel already speaks today's language. */
export function isModern(panel: JsonObject): boolean {
  return isObject(panel.fieldConfig) && Object.keys(object(object(panel.fieldConfig).defaults)).length > 0;
}

export function omit(source: JsonObject, keys: string[]): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([key]) => !keys.includes(key)));
}

/** The unit, unless it says nothing. */
export function unitOption(format: unknown): JsonObject {
  const unit = text(format);
  return unit === undefined || unit === '' || unit === 'none' ? {} : { unit };
}

export function numberOption(key: string, value: unknown): JsonObject {
  const found = number(value);
  return found === undefined ? {} : { [key]: found };
}

