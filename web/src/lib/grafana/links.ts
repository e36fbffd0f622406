// Links of values: `${__value.text}`, `${__field.labels.job}`, `${__data.fields.host}` filled in with what the cell shows.

import { fieldVariable } from './apply';
import { displayer, displayText, type Look } from './display';
import type { Field, Frame } from './frame';
import { interpolateText, interpolateUrl, type Scope } from './interpolate';
import { displayName } from './names';

export interface ValueLink {
  title: string;
  url: string;
  blank: boolean;
}

/** The links of one cell; `row` is its place in the columns. Addresses are as the board says: the caller lets in what is safe. */
export function linksOf(field: Field, frame: Frame, row: number, frames: Frame[], scope: Scope, look: Look): ValueLink[] {
  const cell: Cell = { field, frame, row, frames, look };
  return (field.config.links ?? []).map(({ title, url, blank }) => ({
    title: interpolateText(filled(title, cell, (text) => text), scope),
    url: interpolateUrl(withRange(filled(url, cell, encodeURIComponent), scope), scope),
    blank,
  }));
}

interface Cell {
  field: Field;
  frame: Frame;
  row: number;
  frames: Frame[];
  look: Look;
}

/** `raw` says that the value goes in as it is. */
const PLACE = /\$\{(__(?:value|field|data|series)[^}:]*)(?::(\w+))?\}/g;

function filled(template: string, cell: Cell, escape: (text: string) => string): string {
  return template.replace(PLACE, (all, path: string, format?: string) => {
    const value = valueAt(path, cell);
    return value === undefined ? all : format === 'raw' ? value : escape(value);
  });
}

function valueAt(path: string, cell: Cell): string | undefined {
  const { field, frame, row, frames } = cell;
  const data = /^__data\.fields(?:\.(\w+)|\[["']?([^\]"']+)["']?\])(?:\.(text|numeric))?$/.exec(path);
  if (data !== null) {
    const name = data[1] ?? data[2] ?? '';
    const other = frame.fields.find((one) => displayName(one, frame, frames) === name || one.name === name) ?? frame.fields[Number(name)];
    return other && shownAs(data[3] ?? 'text', { ...cell, field: other });
  }
  const [, part] = /^__value(?:\.(\w+))?$/.exec(path) ?? [];
  if (part === 'time') {
    return String(frame.fields.find(({ type }) => type === 'time')?.values[row] ?? '');
  }
  return path.startsWith('__value') ? shownAs(part ?? 'raw', cell) : fieldVariable(path, field, frame, frames);
}

function shownAs(part: string, { field, row, look }: Cell): string {
  const value = field.values[row];
  const display = displayer(field, look)(value);
  switch (part) {
    case 'text': return displayText(display);
    case 'numeric': return String(display.numeric);
    default: return value === null || value === undefined ? '' : String(value);
  }
}

function withRange(url: string, { range }: Scope): string {
  return url.replace(/\$\{?__url_time_range\}?/g, `from=${range.from}&to=${range.to}`);
}
