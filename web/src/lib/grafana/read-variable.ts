// A variable of a board's JSON, as any Grafana since 4 wrote it.

import { at, boolean, list, number, object, objects, oneOf, text, texts, type JsonObject } from './json';
import type { Variable } from './variables';

const KINDS = ['query', 'custom', 'interval', 'textbox', 'constant', 'datasource', 'adhoc'] as const;

export function readVariable(json: JsonObject): Variable {
  const kind = KINDS.find((one) => one === json.type) ?? 'unsupported';
  return {
    name: text(json.name) ?? '',
    label: text(json.label) || (text(json.name) ?? ''),
    description: text(json.description) ?? '',
    kind,
    hide: json.hide === 2 || json.hide === 'hideVariable' || kind === 'constant' ? 'variable' : json.hide === 1 || json.hide === 'hideLabel' ? 'label' : 'no',
    multi: json.multi === true,
    includeAll: json.includeAll === true,
    allValue: text(json.allValue) ?? '',
    query: queryText(json),
    regex: text(json.regex) ?? '',
    sort: number(json.sort) ?? 0,
    refresh: json.refresh === 2 ? 'range' : json.refresh === 1 || json.refresh === true ? 'load' : 'never',
    options: objects(json.options).map((one) => ({ text: flat(one.text).join(' + '), value: text(one.value) ?? '' })),
    current: { text: flat(at(json, 'current.text')), value: flat(at(json, 'current.value')) },
    auto: boolean(json.auto) ?? false,
    autoCount: number(json.auto_count) ?? 30,
    autoMin: text(json.auto_min) ?? '10s',
    filters: objects(json.filters).map((one) => ({
      key: text(one.key) ?? '',
      operator: oneOf(one.operator, ['=', '!=', '=~', '!~', '<', '>'], '='),
      value: text(one.value) ?? '',
    })),
    source: text(at(json, 'datasource.type')) ?? '',
    json,
  };
}

function flat(value: unknown): string[] {
  return Array.isArray(value) ? texts(list(value)) : [text(value) ?? []].flat();
}

/** Old boards write the query as a text, later ones as an object that also has its parts. */
function queryText(json: JsonObject): string {
  const query = json.query;
  if (typeof query === 'string') {
    return query;
  }
  return text(object(query).query) ?? text(object(query).expr) ?? text(json.definition) ?? '';
}
