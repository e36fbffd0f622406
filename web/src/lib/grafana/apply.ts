// Gives each field its own options: the panel's defaults, then its overrides in order.

import { setProperty, type FieldOptions, type Override } from './fields';
import { labelsText, type Field, type Frame } from './frame';
import { clone } from './json';
import { fieldMatcher } from './matchers';
import { displayName } from './names';

/** Puts in the values of variables: `$name`, `${__field.labels.instance}`. */
export type Fill = (template: string, field: Field, frame: Frame) => string;

/** The frames with each field's own options; the fields are copies. */
export function applyOptions(frames: Frame[], defaults: FieldOptions, overrides: Override[], fill: Fill): Frame[] {
  const rules = overrides.map(({ matcher, properties }) => ({ matches: fieldMatcher(matcher), properties }));
  return frames.map((old) => {
    const frame = { ...old, fields: old.fields.map((field) => ({ ...field, config: merged(field.config, defaults) })) };
    for (const field of frame.fields) {
      fillName(field, frame, fill);
      for (const { matches, properties } of rules) {
        // A rule sees the name that those before it have given.
        if (!matches(field, frame, frames)) continue;
        properties.forEach(({ id, value }) => setProperty(field.config, id, value));
        if (properties.some(({ id }) => id === 'displayName')) fillName(field, frame, fill);
      }
      settle(field.config);
    }
    return frame;
  });
}

function fillName(field: Field, frame: Frame, fill: Fill): void {
  const template = field.config.displayName;
  if (template !== undefined) {
    field.config.displayName = fill(template, field, frame);
  }
}

/** What the field already says wins over the defaults. */
function merged(field: FieldOptions, defaults: FieldOptions): FieldOptions {
  const config: FieldOptions = { ...defaults };
  for (const [key, value] of Object.entries(field)) {
    if (value !== undefined && key !== 'custom') {
      Object.assign(config, { [key]: value });
    }
  }
  config.custom = { ...clone(defaults.custom), ...clone(field.custom) };
  return config;
}

function settle(config: FieldOptions): void {
  if (config.color === undefined && config.thresholds !== undefined) {
    config.color = { mode: 'thresholds', by: 'last' };
  }
  if (config.min !== undefined && config.max !== undefined && config.min > config.max) {
    [config.min, config.max] = [config.max, config.min];
  }
}

/** `${__field.name}`, `${__field.labels.instance}`, `${__field.displayName}`, `${__series.name}`; others are left alone. */
export function fieldVariable(path: string, field: Field, frame: Frame, frames: Frame[]): string | undefined {
  const label = /^__field\.labels(?:\.([\w]+)|\[["']?([^\]"']+)["']?\])?$/.exec(path);
  if (label !== null) {
    const name = label[1] ?? label[2];
    return name === undefined ? labelsText(field.labels ?? {}).replace(/^\{|\}$/g, '') : (field.labels?.[name] ?? '');
  }
  switch (path) {
    case '__field.name': return field.name;
    case '__field.displayName':
    case '__series.name': return displayName({ ...field, config: { ...field.config, displayName: undefined } }, frame, frames);
    default: return undefined;
  }
}

