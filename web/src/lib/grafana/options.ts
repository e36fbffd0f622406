// Where the options of a variable come from.

import type { Labels, QueryData } from '../api/prometheus';
import { interpolatePattern, type Scope } from './interpolate';
import { labelsText } from './frame';
import { toReplacing } from './regexp';

export interface Option {
  text: string;
  value: string;
}

/** What variables ask the server. Times in seconds. */
export interface VariableSource {
  labelNames(matchers: string[], signal?: AbortSignal): Promise<string[]>;
  labelValues(label: string, matchers: string[], signal?: AbortSignal): Promise<string[]>;
  series(matchers: string[], start: number, end: number, signal?: AbortSignal): Promise<Labels[]>;
  query(expr: string, time: number, signal?: AbortSignal): Promise<QueryData>;
}

const same = (values: string[]): Option[] => values.map((value) => ({ text: value, value }));

/** Asks what the query of a variable asks: `label_values(up, job)`, `query_result(…)`, …, or a selector. */
export async function queried(query: string, source: VariableSource, scope: Scope, signal?: AbortSignal): Promise<Option[]> {
  const { call, argument } = parseQuery(query);
  const [start, end] = [scope.range.from / 1000, scope.range.to / 1000];
  switch (call) {
    case 'label_names': {
      const names = await source.labelNames(argument === '' ? [] : [argument], signal);
      return same(names.filter((name) => name !== '__name__'));
    }
    case 'label_values': {
      const comma = labelComma(argument);
      const matchers = comma < 0 ? [] : [argument.slice(0, comma).trim()];
      return same(await source.labelValues(argument.slice(comma + 1).trim(), matchers, signal));
    }
    case 'metrics': {
      const pattern = new RegExp(argument);
      return same((await source.labelValues('__name__', [], signal)).filter((name) => pattern.test(name)));
    }
    case 'query_result': return same(resultTexts(await source.query(argument, end, signal)));
    case '': {
      if (argument === '') return [];
      return same((await source.series([argument], start, end, signal)).map(seriesText));
    }
  }
}

type Call = 'label_names' | 'label_values' | 'metrics' | 'query_result' | '';

function parseQuery(query: string): { call: Call; argument: string } {
  const [, call, argument] = /^\s*(label_names|label_values|metrics|query_result)\(([\s\S]*)\)\s*$/.exec(query) ?? [];
  return call === undefined ? { call: '', argument: query.trim() } : { call: call as Call, argument: (argument ?? '').trim() };
}

/** The comma before the last argument, where that is a label's name; -1 when it is the only one. */
function labelComma(argument: string): number {
  const found = /,\s*[a-zA-Z_][a-zA-Z0-9_]*\s*$/.exec(argument);
  return found === null ? -1 : found.index;
}

function seriesText(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  return name + labelsText(rest).replace(/", /g, '",');
}

/** `up{job="a"} 1 1700000000000`, from which patterns cut what they want. */
function resultTexts(data: QueryData): string[] {
  switch (data.resultType) {
    case 'scalar':
    case 'string': return [data.result[1]];
    case 'vector': return data.result.map(({ metric, value }) => `${seriesText(metric)} ${value[1]} ${value[0] * 1000}`);
    case 'matrix': return data.result.map(({ metric }) => seriesText(metric));
  }
}

/** Keeps what the pattern matches: its groups `text` and `value`, its first group, or all. */
export function filtered(options: Option[], regex: string, scope: Scope): Option[] {
  const regexp = regex === '' ? undefined : toReplacing(interpolatePattern(regex, scope));
  const kept = regexp === undefined ? options : options.flatMap((option) => cut(option, regexp));
  const seen = new Set<string>();
  return kept.filter(({ value }) => !seen.has(value) && seen.add(value));
}

function cut(option: Option, regexp: RegExp): Option[] {
  const first = regexp.global ? null : regexp.exec(option.value);
  const matches = regexp.global ? [...option.value.matchAll(regexp)] : first === null ? [] : [first];
  if (matches.length === 0) {
    return [];
  }
  const value = matches.find(({ groups }) => groups?.value)?.groups?.value;
  const text = matches.find(({ groups }) => groups?.text)?.groups?.text;
  if (value !== undefined || text !== undefined) {
    return [{ value: value ?? text ?? '', text: text ?? value ?? '' }];
  }
  const groups = matches.flatMap((match) => (match.length > 1 ? [match[1] ?? ''] : []));
  return groups.length === 0 ? [option] : same(matches.length > 1 ? groups : groups.slice(0, 1));
}

/** Grafana's numbers: 1–2 by letters, 3–4 by the first number, 5–6 by letters of either case, 7–8 as people count. */
export function sorted(options: Option[], sort: number): Option[] {
  if (sort === 0) {
    return options;
  }
  const number = ({ text }: Option) => Number(/\d+/.exec(text)?.[0] ?? -1);
  const by = (key: (option: Option) => string) => (a: Option, b: Option) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
  const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
  const orders: ((a: Option, b: Option) => number)[] = [
    by(({ text }) => text),
    (a, b) => number(a) - number(b),
    by(({ text }) => text.toLowerCase()),
    (a, b) => natural.compare(a.text, b.text),
  ];
  const ordered = [...options].sort(orders[Math.ceil(sort / 2) - 1]);
  return sort % 2 === 0 ? ordered.reverse() : ordered;
}

/** `a,b, name : value`; a comma after a backslash is a comma. */
export function customOptions(query: string): Option[] {
  return (query.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const whole = part.replace(/\\,/g, ',').trim();
    const [, text, value] = /^(.+?)\s+:\s+(.+)$/.exec(whole) ?? [];
    return text !== undefined && value !== undefined ? { text, value } : { text: whole, value: whole };
  });
}

/** `1m,10m,1h`; quotes keep spaces together. `auto` carries the variable's name, as saved boards do. */
export function intervalOptions(query: string, auto: string | null): Option[] {
  const steps = (query.match(/(["'])(.*?)\1|[^\s,]+/g) ?? []).map((part) => part.replace(/^["']|["']$/g, '').trim());
  const options = same(steps.filter((step) => step !== '' && step !== 'auto'));
  return auto === null ? options : [{ text: 'auto', value: `$__auto_interval_${auto}` }, ...options];
}
