// A value as the reader sees it: mapped to a word, or formatted in its unit, with its colour.

import { formatValue } from '../format/unit';
import type { Theme } from '../preferences.svelte';
import { colorAt, cssColor, NO_COLOR, scaleColors } from './colors';
import type { Mapping, MappingResult, Thresholds } from './fields';
import type { Field, Frame } from './frame';
import { reduce } from './reduce';
import { toReplacing } from './regexp';

export interface Display {
  prefix: string;
  text: string;
  suffix: string;
  /** NaN for what is no number. */
  numeric: number;
  /** Nothing when the palette decides. */
  color?: string;
  icon?: string;
  /** Where the value lies between min and max, 0 to 1 and beyond. */
  share: number;
}

export interface Range {
  min: number;
  max: number;
}

export interface Look {
  zone: string;
  theme: Theme;
}

export const displayText = ({ prefix, text, suffix }: Display) => prefix + text + suffix;

/** How values of this field are shown. `range` is that of all fields, for scales without min and max. */
export function displayer(field: Field, look: Look, range?: Range): (value: unknown) => Display {
  const config = field.config;
  const unit = unitOf(field);
  const bounds = rangeOf(field, range);
  return (value) => {
    const mapped = config.mappings && mapValue(config.mappings, value);
    const moment = isMoment(unit) && typeof value === 'string' ? Date.parse(value) : value;
    const numeric = unit === 'string' ? NaN : toNumber(moment);
    const share = Number.isNaN(numeric) ? 0 : shareOf(numeric, bounds);
    const color = mapped?.color ?? colorOf(field, numeric, share, look.theme);
    const shown = wording(field, moment, numeric, unit, mapped, look.zone);
    return { ...shown, numeric, share, icon: mapped?.icon, color: color && cssColor(color, look.theme) };
  };
}

function wording(
  field: Field,
  value: unknown,
  numeric: number,
  unit: string,
  mapped: MappingResult | undefined,
  zone: string,
): { prefix: string; text: string; suffix: string } {
  const plain = (text: string) => ({ prefix: '', text, suffix: '' });
  if (mapped?.text !== undefined) return plain(mapped.text);
  if (!Number.isNaN(numeric) && typeof value !== 'boolean') {
    return formatValue(numeric, unit, field.config.decimals, zone);
  }
  if (Array.isArray(value)) return plain(value.join(', '));
  const text = value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return plain(text || (field.config.noValue ?? ''));
}

const isMoment = (unit: string) => unit.startsWith('dateTime') || unit.startsWith('time:');

function unitOf({ type, config }: Field): string {
  const unit = config.unit ?? '';
  if (type === 'time' && !isMoment(unit)) return 'dateTimeAsSystem';
  if (type === 'boolean') return unit.startsWith('bool') ? unit : 'bool';
  return unit === '' && type === 'string' ? 'string' : unit;
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value === '' || value === null || value === undefined || Array.isArray(value)) return NaN;
  return typeof value === 'object' ? NaN : Number(value);
}

/** The smallest and the largest number of all fields. */
export function rangeOfFrames(frames: Frame[]): Range | undefined {
  let [min, max] = [Infinity, -Infinity];
  for (const field of frames.flatMap(({ fields }) => fields)) {
    if (field.type !== 'number') continue;
    for (const value of field.values as (number | null)[]) {
      if (value !== null && value !== undefined && !Number.isNaN(value)) {
        if (value < min) min = value;
        if (value > max) max = value;
      }
    }
  }
  return min === Infinity ? undefined : { min, max };
}

/** Between what a field's scale runs: its min and max, else those of the data. */
export function rangeOf(field: Field, all?: Range): Range {
  const { min, max, ownRange } = field.config;
  if (min !== undefined && max !== undefined) {
    return { min, max };
  }
  if (field.type !== 'number') {
    return { min: 0, max: 100 };
  }
  const own = ownRange || all === undefined;
  const data = own ? { min: reduce(field, 'min') as number | null, max: reduce(field, 'max') as number | null } : all;
  return { min: min ?? data.min ?? 0, max: max ?? data.max ?? 100 };
}

function shareOf(value: number, { min, max }: Range): number {
  const share = (value - min) / (max - min);
  return Number.isNaN(share) || value === -Infinity ? 0 : share;
}

/** The colour by which a value shows, as a board names it; nothing for a palette. */
export function colorOf(field: Field, value: number, share: number, theme: Theme): string | undefined {
  const mode = field.config.color?.mode ?? '';
  if (mode === 'fixed' || mode === 'shades' || mode === 'gradient') {
    return field.config.color?.fixed ?? NO_COLOR;
  }
  if (field.type === 'boolean' && mode !== '') {
    return value ? 'green' : 'red';
  }
  if (mode === 'thresholds' || mode === '') {
    return threshold(field.config.thresholds, Number.isNaN(value) ? -Infinity : value, share)?.color ?? NO_COLOR;
  }
  const scale = scaleColors(mode, theme);
  return scale && colorAt(scale, share);
}

/** The step in which a value lies. */
export function threshold(thresholds: Thresholds | undefined, value: number, share: number): Thresholds['steps'][number] | undefined {
  const steps = thresholds?.steps ?? [];
  const measured = thresholds?.mode === 'percentage' ? share * 100 : value;
  let active = steps[0];
  for (const step of steps) {
    if (measured >= step.value) active = step;
  }
  return active;
}

/** The colour of a whole series: fixed, or by one of its values. Nothing when the palette decides. */
export function seriesColor(field: Field, look: Look, range?: Range): string | undefined {
  const value = reduce(field, field.config.color?.by ?? 'last');
  const numeric = typeof value === 'number' ? value : 0;
  const color = colorOf(field, numeric, shareOf(numeric, rangeOf(field, range)), look.theme);
  return color && cssColor(color, look.theme);
}

/** The first mapping that takes the value. */
function mapValue(mappings: Mapping[], value: unknown): MappingResult | undefined {
  for (const mapping of mappings) {
    const result = mapped(mapping, value);
    if (result !== undefined) return result;
  }
  return undefined;
}

function mapped(mapping: Mapping, value: unknown): MappingResult | undefined {
  const missing = value === null || value === undefined;
  switch (mapping.type) {
    case 'value':
      return !missing && Object.prototype.hasOwnProperty.call(mapping.options, String(value)) ? mapping.options[String(value)] : undefined;
    case 'range': {
      const number = missing ? NaN : Number.parseFloat(String(value));
      return number >= mapping.from && number <= mapping.to ? mapping.result : undefined;
    }
    case 'regex': return typeof value === 'string' ? mappedByPattern(mapping, value) : undefined;
    case 'special': return isSpecial(mapping.match, value) ? mapping.result : undefined;
  }
}

function mappedByPattern(mapping: Extract<Mapping, { type: 'regex' }>, value: string): MappingResult | undefined {
  const regexp = toReplacing(mapping.pattern);
  if (regexp === undefined || value.search(regexp) < 0) {
    return undefined;
  }
  const { text } = mapping.result;
  return { ...mapping.result, text: text === undefined ? undefined : value.replace(regexp, text) };
}

function isSpecial(match: Extract<Mapping, { type: 'special' }>['match'], value: unknown): boolean {
  const [missing, nan] = [value === null || value === undefined, Number.isNaN(value)];
  switch (match) {
    case 'null': return missing;
    case 'nan': return nan;
    case 'null+nan': return missing || nan;
    case 'true': return value === true || value === 'true';
    case 'false': return value === false || value === 'false';
    case 'empty': return value === '';
  }
}
