// Variables put into texts: `$x`, `${x}`, `${x:format}`, `[[x]]`. What nobody knows stays as it stands.

import { formatDate } from '../format/date';
import { durationText, type Steps } from './interval';
import type { Scoped } from './model';
import { escapeRegExp } from './regexp';

/** What a variable stands for at the moment. */
export interface VariableValue {
  value: string | string[];
  text: string;
  /** Of a variable of which several may be chosen: it goes into a pattern. */
  pattern: boolean;
  /** Put in as it is (`allValue`). */
  raw?: boolean;
}

export interface Scope {
  values: ReadonlyMap<string, VariableValue>;
  /** Of a repetition. */
  scoped?: Scoped;
  /** Milliseconds since 1970. */
  range: { from: number; to: number };
  steps?: Steps;
  zone: string;
  board?: { title: string; uid: string };
}

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

/** Names of the variables that a text speaks of. */
export function references(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map((found) => found[1] ?? found[2] ?? found[4] ?? '');
}

/** A text, such as a title: several values are told with ` + `. */
export function interpolateText(text: string, scope: Scope): string {
  return replace(text, scope, (value) => value.text);
}

/** A PromQL expression. What may be several values becomes a pattern, its points and brackets escaped. */
export function interpolateQuery(text: string, scope: Scope): string {
  return replace(text, scope, inQuery);
}

/** A pattern, as in the `regex` of a variable. */
export function interpolatePattern(text: string, scope: Scope): string {
  return replace(text, scope, ({ value, raw }) => (raw ? String(value) : (FORMATS.regex?.(value, '', scope) ?? '')));
}

/** An address: values are escaped. */
export function interpolateUrl(text: string, scope: Scope): string {
  return replace(text, scope, ({ value }) => [value].flat().map(encodeURIComponent).join(','));
}

function replace(text: string, scope: Scope, usual: (value: VariableValue) => string): string {
  if (!/[$[]/.test(text)) {
    return text;
  }
  return text.replace(REFERENCE, (all: string, a?: string, b?: string, bFormat?: string, c?: string, path?: string, cFormat?: string) => {
    const name = a ?? b ?? c ?? '';
    const format = bFormat ?? cFormat;
    const found = lookUp(name, format, scope);
    if (found === undefined || (path !== undefined && !['text', 'value'].includes(path))) {
      return all;
    }
    if (path === 'text' || format === 'text') return found.text;
    if (format === undefined) return usual(found);
    if (found.raw && format !== 'queryparam') return String(found.value);
    return formatted(found, name, format, scope);
  });
}

function formatted(found: VariableValue, name: string, format: string, scope: Scope): string {
  const [id = '', argument] = split(format);
  if (id === 'date') {
    return dateFormat(Number(found.value), argument ?? 'iso', scope.zone);
  }
  const apply = Object.prototype.hasOwnProperty.call(FORMATS, id) ? FORMATS[id] : undefined;
  return apply?.(found.value, name, scope) ?? (FORMATS.glob?.(found.value, name, scope) as string);
}

function split(format: string): [string, string?] {
  const colon = format.indexOf(':');
  return colon < 0 ? [format] : [format.slice(0, colon), format.slice(colon + 1)];
}

function lookUp(name: string, format: string | undefined, scope: Scope): VariableValue | undefined {
  const scoped = scope.scoped?.[name];
  if (scoped !== undefined) {
    return { value: scoped.value, text: scoped.text, pattern: scope.values.get(name)?.pattern ?? true };
  }
  const own = scope.values.get(name);
  if (own !== undefined) {
    return own;
  }
  const builtIn = builtIns(name, format, scope);
  return builtIn === undefined ? undefined : { value: builtIn, text: builtIn, pattern: false };
}

function builtIns(name: string, format: string | undefined, { range, steps, board, zone }: Scope): string | undefined {
  const milliseconds = range.to - range.from;
  switch (name) {
    case '__from': return String(range.from);
    case '__to': return String(range.to);
    case '__range': return `${Math.round(milliseconds / 1000)}s`;
    case '__range_s': return String(Math.round(milliseconds / 1000));
    case '__range_ms': return String(milliseconds);
    case '__interval': return steps && durationText(steps.interval);
    case '__interval_ms': return steps && String(steps.interval);
    case '__rate_interval': return steps && durationText(steps.rateInterval);
    case '__rate_interval_ms': return steps && String(steps.rateInterval);
    case '__dashboard': return board && (format === 'uid' ? board.uid : board.title);
    case '__timezone': return zone;
    // SQL's, which means nothing to PromQL: harmless wherever it was left.
    case 'timeFilter':
    case '__timeFilter': return '';
    default: return undefined;
  }
}

/** In PromQL a pattern stands between quotes, so that each backslash is written twice. */
function inQuery({ value, pattern, raw }: VariableValue): string {
  if (raw) {
    return String(value);
  }
  if (!pattern) {
    return [value].flat().join(',').replace(/'/g, "\\\\'");
  }
  const escaped = [value].flat().map((one) => one.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&'));
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
}

type Format = (value: string | string[], name: string, scope: Scope) => string;

const all = (value: string | string[]) => [value].flat();
const joined = (between: string): Format => (value) => all(value).join(between);

const FORMATS: Record<string, Format> = {
  raw: joined(','),
  csv: joined(','),
  pipe: joined('|'),
  glob: (value) => (Array.isArray(value) && value.length > 1 ? `{${value.join(',')}}` : String(value)),
  regex: (value) => {
    const escaped = all(value).map(escapeRegExp);
    return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
  },
  json: (value) => JSON.stringify(value),
  quote: (value) => quoted(value, '"', '\\"'),
  doublequote: (value) => quoted(value, '"', '\\"'),
  singlequote: (value) => quoted(value, "'", "\\'"),
  sqlstring: (value) => quoted(value, "'", "''"),
  percentencode: (value) => strictly(Array.isArray(value) && value.length > 1 ? `{${value.join(',')}}` : String(value)),
  uriencode: (value) => encodeURI(String(value)),
  queryparam: (value, name) => all(value).map((one) => `var-${encodeURIComponent(name)}=${strictly(one)}`).join('&'),
  lucene: (value) => (Array.isArray(value) ? `(${value.map((one) => JSON.stringify(one)).join(' OR ')})` : value),
  html: (value) => all(value).join(', ').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
  uid: joined(','),
};

function quoted(value: string | string[], quote: string, escaped: string): string {
  return all(value).map((one) => quote + one.split(quote).join(escaped) + quote).join(',');
}

/** Also the signs that `encodeURIComponent` leaves. */
function strictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function dateFormat(milliseconds: number, format: string, zone: string): string {
  switch (format) {
    case 'iso': return new Date(milliseconds).toISOString();
    case 'seconds': return String(Math.round(milliseconds / 1000));
    default: return formatDate(milliseconds, format, zone);
  }
}
