// How values of a field are to look, as a board says it: units, colours, thresholds, words for values, and rules for some fields.

import { NO_COLOR } from './colors';
import { at, boolean, clone, isObject, number, object, objects, oneOf, put, text, type Json, type JsonObject } from './json';
import type { Matcher } from './matchers';

export interface FieldOptions {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  /** Whether the range of a field without min or max is its own, rather than that of all. */
  ownRange?: boolean;
  displayName?: string;
  /** The legend that the query asked for. */
  sourceName?: string;
  description?: string;
  noValue?: string;
  color?: FieldColor;
  thresholds?: Thresholds;
  mappings?: Mapping[];
  links?: DataLink[];
  filterable?: boolean;
  custom: Custom;
}

export interface FieldColor {
  /** `fixed`, `shades`, `thresholds`, `palette-classic`, `palette-classic-by-name`, `continuous-…`. */
  mode: string;
  fixed?: string;
  /** Which value of a series decides its colour. */
  by: 'last' | 'min' | 'max';
}

export interface Thresholds {
  mode: 'absolute' | 'percentage';
  /** By value, ascending; the first is -Infinity. */
  steps: { value: number; color: string }[];
}

export interface MappingResult {
  text?: string;
  color?: string;
  icon?: string;
}

export type Mapping =
  | { type: 'value'; options: Record<string, MappingResult> }
  | { type: 'range'; from: number; to: number; result: MappingResult }
  | { type: 'regex'; pattern: string; result: MappingResult }
  | { type: 'special'; match: SpecialMatch; result: MappingResult };

export type SpecialMatch = 'null' | 'nan' | 'null+nan' | 'true' | 'false' | 'empty';

export interface DataLink {
  title: string;
  url: string;
  blank: boolean;
}

/** What only one kind of panel knows. All may be missing; unknown keys travel along. */
export interface Custom {
  drawStyle?: 'line' | 'bars' | 'points';
  lineInterpolation?: 'linear' | 'smooth' | 'stepBefore' | 'stepAfter';
  lineWidth?: number;
  fillOpacity?: number;
  gradientMode?: 'none' | 'opacity' | 'hue' | 'scheme';
  lineStyle?: { fill?: 'solid' | 'dash' | 'dot'; dash?: number[] };
  showPoints?: 'auto' | 'always' | 'never';
  pointSize?: number;
  /** Milliseconds when a number. */
  spanNulls?: boolean | number;
  stacking?: { mode?: 'none' | 'normal' | 'percent'; group?: string };
  axisPlacement?: 'auto' | 'left' | 'right' | 'hidden';
  axisLabel?: string;
  axisSoftMin?: number;
  axisSoftMax?: number;
  axisCenteredZero?: boolean;
  axisGridShow?: boolean;
  axisWidth?: number;
  scaleDistribution?: { type?: 'linear' | 'log' | 'symlog'; log?: number };
  thresholdsStyle?: { mode?: 'off' | 'line' | 'dashed' | 'area' | 'line+area' | 'dashed+area' | 'series' };
  transform?: 'negative-Y' | 'constant';
  fillBelowTo?: string;
  hideFrom?: { viz?: boolean; legend?: boolean; tooltip?: boolean };
  barAlignment?: number;
  barWidthFactor?: number;
  width?: number;
  minWidth?: number;
  align?: 'auto' | 'left' | 'center' | 'right';
  cellOptions?: CellOptions;
  inspect?: boolean;
  filterable?: boolean;
  hidden?: boolean;
  [other: string]: unknown;
}

export interface CellOptions {
  type?: 'auto' | 'color-text' | 'color-background' | 'gauge' | 'sparkline' | 'json-view' | 'image' | string;
  mode?: 'basic' | 'gradient' | 'lcd';
  valueDisplayMode?: 'color' | 'text' | 'hidden';
  applyToRow?: boolean;
  wrapText?: boolean;
  [other: string]: unknown;
}

export interface Override {
  matcher: Matcher;
  properties: { id: string; value: Json | undefined }[];
}

/** Reads the field options of a panel's JSON. */
export function readFieldOptions(json: unknown): FieldOptions {
  const source = object(json);
  const options: FieldOptions = { custom: readCustom(source.custom) };
  for (const id of Object.keys(PROPERTIES)) {
    if (source[id] !== undefined) {
      setProperty(options, id, source[id]);
    }
  }
  return options;
}

function readCustom(json: unknown): Custom {
  const custom = clone(object(json)) as Custom;
  // Tables before Grafana 9.2 named the cell's look by a word.
  const mode = text(custom.displayMode);
  if (mode !== undefined && custom.cellOptions === undefined) {
    custom.cellOptions = cellOptionsOf(mode);
  }
  return custom;
}

function cellOptionsOf(mode: string): CellOptions {
  const gauges: Record<string, CellOptions['mode']> = { basic: 'basic', 'gradient-gauge': 'gradient', 'lcd-gauge': 'lcd' };
  if (mode in gauges) return { type: 'gauge', mode: gauges[mode] };
  if (mode === 'color-background-solid') return { type: 'color-background', mode: 'basic' };
  if (mode === 'color-background') return { type: 'color-background', mode: 'gradient' };
  return { type: mode };
}

export function readOverrides(json: unknown): Override[] {
  return objects(json).map((one) => ({
    matcher: { id: text(at(one, 'matcher.id')) ?? '', options: at(one, 'matcher.options') },
    properties: objects(one.properties).map(({ id, value }) => ({ id: text(id) ?? '', value })),
  }));
}

/** Sets a property as an override names it; `custom.…` goes to the panel's own. Null takes it away. */
export function setProperty(options: FieldOptions, id: string, value: Json | undefined): void {
  if (id.startsWith('custom.')) {
    setCustom(options.custom, id.slice('custom.'.length), value);
    return;
  }
  const property = PROPERTIES[id];
  if (property !== undefined) {
    property(options, value ?? undefined);
  }
}

function setCustom(custom: Custom, path: string, value: Json | undefined): void {
  if (path === 'displayMode') {
    const mode = text(value);
    custom.cellOptions = mode === undefined ? undefined : cellOptionsOf(mode);
    return;
  }
  put(custom as JsonObject, path, value === null ? undefined : clone(value));
}

type Set = (options: FieldOptions, value: Json | undefined) => void;

const PROPERTIES: Record<string, Set> = {
  unit: (o, v) => (o.unit = text(v)),
  decimals: (o, v) => (o.decimals = number(v)),
  min: (o, v) => (o.min = number(v)),
  max: (o, v) => (o.max = number(v)),
  fieldMinMax: (o, v) => (o.ownRange = boolean(v)),
  displayName: (o, v) => (o.displayName = text(v)),
  description: (o, v) => (o.description = text(v)),
  noValue: (o, v) => (o.noValue = text(v)),
  color: (o, v) => (o.color = readColor(v)),
  thresholds: (o, v) => (o.thresholds = readThresholds(v)),
  // The rules of an override come before those it finds.
  mappings: (o, v) => (o.mappings = v === undefined ? undefined : [...readMappings(v), ...(o.mappings ?? [])]),
  links: (o, v) => (o.links = v === undefined ? undefined : [...readLinks(v), ...(o.links ?? [])]),
  filterable: (o, v) => (o.filterable = boolean(v)),
};

function readColor(json: unknown): FieldColor | undefined {
  if (!isObject(json) || text(json.mode) === undefined) {
    return undefined;
  }
  return { mode: text(json.mode) ?? 'fixed', fixed: text(json.fixedColor), by: oneOf(json.seriesBy, ['last', 'min', 'max'], 'last') };
}

function readThresholds(json: unknown): Thresholds | undefined {
  if (!isObject(json)) {
    return undefined;
  }
  const steps = objects(json.steps).map((step, index) => ({
    value: number(step.value) ?? (index === 0 ? -Infinity : 0),
    color: text(step.color) ?? NO_COLOR,
  }));
  return { mode: oneOf(json.mode, ['absolute', 'percentage'], 'absolute'), steps: steps.sort((a, b) => a.value - b.value) };
}

function readMappings(json: unknown): Mapping[] {
  return objects(json).flatMap((one) => readMapping(one) ?? []);
}

function readMapping(one: JsonObject): Mapping | undefined {
  const options = object(one.options);
  const result = readResult(options.result);
  switch (one.type) {
    case 'value':
      return { type: 'value', options: Object.fromEntries(Object.entries(options).map(([key, value]) => [key, readResult(value)])) };
    case 'range':
      return { type: 'range', from: number(options.from) ?? -Infinity, to: number(options.to) ?? Infinity, result };
    case 'regex':
      return { type: 'regex', pattern: text(options.pattern) ?? '', result };
    case 'special': {
      const words = ['null', 'nan', 'null+nan', 'true', 'false', 'empty'] as const;
      return { type: 'special', match: oneOf(options.match, words, 'null'), result };
    }
    // Before Grafana 8: 1 is a value, 2 a range.
    case 1:
      return one.value === 'null'
        ? { type: 'special', match: 'null', result: readResult(one) }
        : { type: 'value', options: { [text(one.value) ?? '']: readResult(one) } };
    case 2:
      return { type: 'range', from: number(one.from) ?? -Infinity, to: number(one.to) ?? Infinity, result: readResult(one) };
    default:
      return undefined;
  }
}

function readResult(json: unknown): MappingResult {
  const { text: words, color, icon } = object(json);
  return { text: text(words), color: text(color), icon: text(icon) };
}

function readLinks(json: unknown): DataLink[] {
  return objects(json).map((link) => ({
    title: text(link.title) ?? '',
    url: text(link.url) ?? '',
    blank: link.targetBlank === true,
  }));
}
