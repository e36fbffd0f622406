// @vitest-environment jsdom
// Field options against Grafana's: names, texts, colours and scales of every cell, for made-up defaults and overrides.

import type { DisplayValue, Field } from '@grafana/data';
import { expect, test } from 'vitest';
import { preferences } from '../preferences.svelte';
import { applyOptions } from './apply';
import { cssColor } from './colors';
import { displayer, displayText, rangeOfFrames, type Display } from './display';
import { readFieldOptions, readOverrides } from './fields';
import type { Frame } from './frame';
import { displayName } from './names';
import { grafana, theirs } from './oracle';
import { LABELS, Random } from './random';

preferences.language = 'en';
grafana.standardFieldConfigEditorRegistry.setInit(() => registry as never);

// Grafana keeps its list of properties in a package of its own; these are their ids, where they lie, and how they are read.
const same = (value: unknown) => value;
const decimal = (value: unknown) => (value === undefined || value === null ? undefined : Number.parseFloat(String(value)));
type Process = (value: unknown, context: { field: { state: { displayName?: string } } }) => unknown;
const property = (id: string, process: Process = same) => ({ id, path: id, name: id, process, shouldApply: () => true });
const registry = [
  property('displayName', (value, context) => {
    delete context.field.state.displayName;
    return value === undefined || value === null ? value : String(value);
  }),
  ...['unit', 'noValue', 'color', 'thresholds', 'mappings', 'description', 'fieldMinMax'].map((id) => property(id)),
  ...['decimals', 'min', 'max'].map((id) => property(id, decimal)),
];

const UNITS = ['short', 'percent', 'percentunit', 's', 'ms', 'bytes', 'reqps', 'none', 'celsius', 'bool', 'string', 'orders', 'currencyUSD', 'dtdurations'];
const COLORS = ['red', 'semi-dark-orange', 'super-light-blue', 'dark-green', '#abcdef', 'rgb(1, 2, 3)'];
const NAMES = ['Value', 'Value #A', 'job', 'api', '{job="api"}', 'legend 1', 'Time', 'renamed'];

function mappings(random: Random): object[] {
  const result = { text: random.pick(['up', 'down', 'x', undefined]), color: random.pick([...COLORS, undefined]) };
  return Array.from({ length: 1 + random.below(2) }, () => random.pick([
    { type: 'value', options: { 0: result, 1: { text: 'one' }, api: { text: 'API' } } },
    { type: 'range', options: { from: random.pick([-10, 0, null]), to: random.pick([5, 1000, null]), result } },
    { type: 'special', options: { match: random.pick(['null', 'nan', 'null+nan', 'true', 'empty']), result } },
    { type: 'regex', options: { pattern: random.pick(['/^a(.*)/', 'db']), result: { text: '<$1>', color: 'red' } } },
  ]));
}

function thresholds(random: Random): object {
  const borders = [5, 80, 500].filter(() => random.chance(0.6));
  const steps = [null, ...borders].map((value) => ({ value: value ?? -Infinity, color: random.pick(COLORS) }));
  return { mode: random.pick(['absolute', 'percentage']), steps };
}

const MODES = ['thresholds', 'thresholds', 'fixed', 'continuous-GrYlRd', 'continuous-BlPu', 'continuous-reds'];

function values(random: Random): Record<string, unknown> {
  const all: Record<string, unknown> = {
    unit: random.pick(UNITS),
    decimals: random.pick([0, 1, 3]),
    min: random.pick([-5, 0]),
    max: random.pick([1, 100]),
    displayName: random.pick(['renamed', 'other']),
    noValue: 'nothing',
    color: { mode: random.pick(MODES), fixedColor: random.pick(COLORS) },
    thresholds: thresholds(random),
    mappings: mappings(random),
    fieldMinMax: true,
  };
  return Object.fromEntries(Object.entries(all).filter(([id]) => random.chance(id === 'color' || id === 'thresholds' ? 0.7 : 0.35)));
}

function matcher(random: Random): { id: string; options?: unknown } {
  return random.pick([
    { id: 'byName', options: random.pick(NAMES) },
    { id: 'byRegexp', options: random.pick(['/Value/', '/^leg.*1$/', 'api', '/no such/']) },
    { id: 'byNames', options: { mode: random.pick(['include', 'exclude']), names: NAMES.filter(() => random.chance(0.3)) } },
    { id: 'byFrameRefID', options: random.pick(['A', 'B']) },
    { id: 'byType', options: random.pick(['number', 'string', 'time']) },
    { id: 'byValue', options: { reducer: random.pick(['max', 'allIsZero', 'lastNotNull', 'count']), op: random.pick(['gte', 'lt', 'eq']), value: random.pick([0, 10]) } },
    { id: 'byRegexpOrNames', options: { pattern: '/#A/', names: ['job'] } },
  ]);
}

function frames(random: Random): Frame[] {
  if (random.chance(0.5)) {
    return ['A', 'B'].map((refId) => random.table(refId, 3));
  }
  return LABELS.map((labels, index) => random.series(index === 1 ? 'legend 1' : '', labels, 4));
}

// One theme: Grafana keeps the scales of the first that it meets.
const ZONE = 'Asia/Shanghai';
const theme = grafana.createTheme({ colors: { mode: 'dark' } });

test('what a field looks like', () => {
  const random = new Random(5);
  const wrong: unknown[] = [];
  let cells = 0;
  for (let round = 0; round < 400; round++) {
    const data = frames(random);
    const defaults = values(random);
    const overrides = Array.from({ length: random.below(4) }, () => ({
      matcher: matcher(random),
      properties: Object.entries(values(random)).map(([id, value]) => ({ id, value })),
    }));
    const fieldConfig = { defaults, overrides };
    const options = { data: theirs(data), fieldConfig: fieldConfig as never, replaceVariables: (text: string) => text, theme, timeZone: ZONE };
    const expected = grafana.applyFieldOverrides(options);
    const ours = applyOptions(data, readFieldOptions(defaults), readOverrides(overrides), (text) => text);
    const someBounded = expected.some((frame) => frame.fields.some(isBounded));
    expected.forEach((frame, at) => frame.fields.forEach((field, index) => {
      const [mine, myFrame] = [ours[at]!.fields[index]!, ours[at]!];
      const told = (kind: string, value: unknown, got: unknown, wanted: unknown) => wrong.push({ kind, value, got, wanted, fieldConfig, field: data[at]!.fields[index] });
      const [name, theirName] = [displayName(mine, myFrame, ours), grafana.getFieldDisplayName(field, frame, expected)];
      if (name !== theirName) told('name', '', name, theirName);
      const show = displayer(mine, { zone: ZONE, theme: 'dark' }, rangeOfFrames(data));
      for (const value of field.values) {
        cells++;
        // Grafana takes the bounds of the first field that has both for the range of all; ours looks at the data.
        const scaled = isBounded(field) || !someBounded;
        compare(show(value), field.display!(value), field, scaled, (kind, got, wanted) => told(kind, value, got, wanted));
      }
    }));
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(cells).toBeGreaterThan(5000);
});

function isBounded({ config }: Field): boolean {
  return typeof config.min === 'number' && typeof config.max === 'number';
}

function compare(ours: Display, their: DisplayValue, field: Field, scaled: boolean, wrong: (kind: string, got: unknown, wanted: unknown) => void): void {
  const { prefix = '', text, suffix = '', numeric, color = '', percent } = their;
  // Rows less than a minute apart show milliseconds in Grafana, which for an instant are all zeros.
  const wanted = prefix + (field.type === 'time' ? text.replace(/\.\d{3}$/, '') : text) + suffix;
  if (displayText(ours) !== wanted) wrong('text', displayText(ours), wanted);
  if (!Object.is(ours.numeric, numeric)) wrong('number', ours.numeric, numeric);
  // A panel's background is our own, so the scale that starts from it differs near to it.
  const mode = field.config.color?.mode ?? '';
  if (scaled && mode !== '' && !mode.endsWith('reds') && tint(ours.color ?? '') !== tint(color)) wrong('color', ours.color, color);
  if (scaled && field.type === 'number' && percent !== undefined && Number.isFinite(numeric) && Math.abs(ours.share - percent) > 1e-9) {
    wrong('share', ours.share, percent);
  }
}

test.each(['dark', 'light'] as const)('the colours of the %s theme', (mode) => {
  const { visualization } = grafana.createTheme({ colors: { mode } });
  for (const name of visualization.hues.flatMap(({ shades }) => shades.map((shade) => shade.name))) {
    expect(cssColor(name, mode), name).toBe(visualization.getColorByName(name));
  }
});

/** `#RRGGBB` of either way to write a colour. */
function tint(color: string): string {
  const rgb = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(color);
  return (rgb === null ? color : `#${rgb.slice(1).map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`).toLowerCase();
}
