// Transformations of columns: which there are, in what order, under what names.

import type { Transformer } from '.';
import type { Field, Frame } from '../frame';
import { number, object, objects, text, texts, type JsonObject } from '../json';
import { fieldMatcher, type FieldTest } from '../matchers';
import { displayName } from '../names';
import { toReplacing } from '../regexp';

/** Leaves out, orders and renames, in this sequence. */
export const organize: Transformer = (frames, options) => {
  const named = (key: string) => Object.entries(object(options[key])).flatMap(([name, on]) => (on === true ? [name] : []));
  const include = options.includeByName === undefined ? [] : named('includeByName');
  const kept = filter(frames, namesTest(include), namesTest(named('excludeByName')));
  return kept.map((frame) => renamed(ordered(frame, kept, options), object(options.renameByName)));
};

function ordered(frame: Frame, frames: Frame[], options: JsonObject): Frame {
  const places = object(options.indexByName);
  if (options.orderByMode === 'auto') {
    return { ...frame, fields: sortedFields(frame, frames, objects(options.orderBy)) };
  }
  const place = (field: Field) => {
    const index = places[displayName(field, frame, frames)];
    return Number.isInteger(index) ? Number(index) : Number.MAX_SAFE_INTEGER;
  };
  return { ...frame, fields: [...frame.fields].sort((a, b) => place(a) - place(b)) };
}

/** By name or by a label; the first time column stays in front. */
function sortedFields(frame: Frame, frames: Frame[], orders: JsonObject[]): Field[] {
  const { compare } = new Intl.Collator(undefined, { sensitivity: 'base', numeric: true });
  const time = frame.fields.find(({ type }) => type === 'time');
  const key = (field: Field, order: JsonObject) => {
    return order.type === 'label' ? (field.labels?.[text(order.name) ?? ''] ?? '') : displayName(field, frame, frames);
  };
  return [...frame.fields].sort((a, b) => {
    if (a === time || b === time) return a === time ? -1 : 1;
    for (const order of orders) {
      const found = compare(key(a, order), key(b, order)) * (order.desc === true ? -1 : 1);
      if (found !== 0) return found;
    }
    return 0;
  });
}

function renamed(frame: Frame, names: JsonObject): Frame {
  const fields = frame.fields.map((field) => {
    const name = text(names[displayName(field, frame)]);
    return name ? withName(field, name) : field;
  });
  return { ...frame, fields };
}

function withName(field: Field, name: string): Field {
  return { ...field, config: { ...field.config, displayName: name } };
}

export const filterFieldsByName: Transformer = (frames, options) => {
  const variable = options.byVariable === true;
  return filter(frames, testOf(options.include, variable), testOf(options.exclude, variable));
};

/** Names, a pattern, or either; with a variable, its values. */
function testOf(json: unknown, byVariable: boolean): FieldTest | undefined {
  const { names, pattern, variable } = object(json);
  const name = text(variable);
  if (byVariable && name) {
    return namesTest(name.replace(/^\{|\}$/g, '').split(','));
  }
  const expression = text(pattern);
  if (!expression) {
    return namesTest(texts(names));
  }
  return fieldMatcher({ id: 'byRegexpOrNames', options: { pattern: expression, names: texts(names) } });
}

function namesTest(names: string[]): FieldTest | undefined {
  return names.length === 0 ? undefined : fieldMatcher({ id: 'byNames', options: { names } });
}

/** Frames that lose all their columns go as well. */
function filter(frames: Frame[], include: FieldTest | undefined, exclude: FieldTest | undefined): Frame[] {
  if (include === undefined && exclude === undefined) {
    return frames;
  }
  return frames.flatMap((frame) => {
    const fields = frame.fields.filter((field) => {
      return exclude?.(field, frame, frames) !== true && (include === undefined || include(field, frame, frames));
    });
    return fields.length === 0 ? [] : [{ ...frame, fields }];
  });
}

export const renameByRegex: Transformer = (frames, options) => {
  const regexp = toReplacing(text(options.regex) ?? '(.*)');
  const replacement = text(options.renamePattern) ?? '$1';
  if (regexp === undefined) {
    return frames;
  }
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => {
      const name = displayName(field, frame);
      return name.search(regexp) < 0 ? field : withName(field, name.replace(regexp, replacement));
    }),
  }));
};

/** Reads columns as numbers, texts, moments or truth values. */
export const convertFieldType: Transformer = (frames, options) => {
  const conversions = objects(options.conversions).flatMap(({ targetField, destinationType }) => {
    const [name, type] = [text(targetField), text(destinationType)];
    return name && type ? [{ matches: fieldMatcher({ id: 'byName', options: name }), type }] : [];
  });
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => {
      return conversions.reduce((one, { matches, type }) => (matches(field, frame, frames) ? converted(one, type) : one), field);
    }),
  }));
};

function converted(field: Field, type: string): Field {
  switch (type) {
    case 'number': return { ...field, type, values: field.values.map(asNumber) };
    case 'boolean': return { ...field, type, values: field.values.map(Boolean) };
    case 'string': return { ...field, type, values: field.values.map((value) => (value === null || value === undefined ? '' : String(value))) };
    case 'time': return { ...field, type, values: field.values.map(asMoment) };
    default: return field;
  }
}

function asNumber(value: unknown): number | null {
  const found = typeof value === 'string' ? number(value.replace(/,/g, '')) : typeof value === 'boolean' ? Number(value) : number(value);
  return found ?? null;
}

function asMoment(value: unknown): number | null {
  const moment = typeof value === 'number' ? value : Date.parse(String(value));
  return Number.isFinite(moment) ? moment : null;
}
