// Variables of a board: the order in which they are asked for, and what is chosen. The address has the last word (`var-job=api`),
// then what the board was saved with, then the first option.

import { t } from '../../i18n';
import type { VariableValue } from './interpolate';
import { durationText, parseDuration, roundStep } from './interval';
import type { JsonObject } from './json';
import type { Option } from './options';

export type VariableKind = 'query' | 'custom' | 'interval' | 'textbox' | 'constant' | 'datasource' | 'adhoc' | 'unsupported';

export interface Filter {
  key: string;
  operator: string;
  value: string;
}

export interface Variable {
  name: string;
  label: string;
  description: string;
  kind: VariableKind;
  /** What the board shows of it: all, the choice without its name, or nothing. */
  hide: 'no' | 'label' | 'variable';
  multi: boolean;
  includeAll: boolean;
  /** What all means, put in as it is; empty means every option. */
  allValue: string;
  /** Of a query: its text. Of others: what is written in their definition. */
  query: string;
  /** Cuts its options out of the answers. */
  regex: string;
  /** Grafana's number for an order. */
  sort: number;
  /** When it is asked for again. */
  refresh: 'never' | 'load' | 'range';
  options: Option[];
  current: { text: string[]; value: string[] };
  auto: boolean;
  autoCount: number;
  autoMin: string;
  filters: Filter[];
  /** Kind of the source it asks: empty for the default one. */
  source: string;
  json: JsonObject;
}

/** What stands for all options, here and in addresses. */
export const ALL = '$__all';

/** A variable with its options and what is chosen. */
export interface VariableState {
  variable: Variable;
  /** Of a list: what can be chosen, all included where it may be. */
  options: Option[];
  /** What is chosen; `[ALL]` for all. */
  chosen: string[];
  /** Why the options could not be had. */
  error: string | null;
}

/** What the address chooses: `var-job=a&var-job=b`. */
export function chosenIn(address: URLSearchParams): Map<string, string[]> {
  const chosen = new Map<string, string[]>();
  for (const [key, value] of address) {
    if (key.startsWith('var-')) {
      const name = key.slice('var-'.length);
      chosen.set(name, [...(chosen.get(name) ?? []), value === 'All' ? ALL : value]);
    }
  }
  return chosen;
}

/** The choices as parameters of an address; constants and the like are left out. */
export function addressOf(states: VariableState[]): [string, string][] {
  return states.flatMap(({ variable, chosen }) => {
    if (variable.kind === 'constant' || variable.kind === 'unsupported') return [];
    return chosen.map((value): [string, string] => [`var-${variable.name}`, value]);
  });
}

/** Sources whose queries we answer. */
export function isPrometheus(type: string): boolean {
  return type === 'prometheus' || /^\$/.test(type) || /prometheus|mimir|thanos|victoriametrics/i.test(type);
}

/** What texts are filled with. */
export function valuesOf(states: VariableState[], range: { from: number; to: number }): Map<string, VariableValue> {
  const values = new Map<string, VariableValue>();
  for (const state of states) {
    if (state.variable.kind !== 'adhoc') {
      values.set(state.variable.name, valueOf(state, range));
    }
  }
  return values;
}

function valueOf({ variable, options, chosen }: VariableState, range: { from: number; to: number }): VariableValue {
  const pattern = variable.multi || variable.includeAll;
  if (chosen.includes(ALL)) {
    const text = t('dashboards.variableAll');
    if (variable.allValue !== '') {
      return { value: variable.allValue, text, pattern, raw: true };
    }
    return { value: options.map(({ value }) => value).filter((value) => value !== ALL), text, pattern };
  }
  const [first = ''] = chosen;
  if (variable.kind === 'interval' && first.startsWith('$__auto')) {
    const step = durationText(autoStep(variable, range));
    return { value: step, text: step, pattern: false };
  }
  const words = chosen.map((value) => options.find((option) => option.value === value)?.text ?? value);
  return { value: variable.multi ? chosen : first, text: words.join(' + '), pattern };
}

/** The range cut into as many steps as the variable asks for. */
function autoStep({ autoCount, autoMin }: Variable, { from, to }: { from: number; to: number }): number {
  return Math.max(roundStep((to - from) / Math.max(1, autoCount)), parseDuration(autoMin) ?? 10_000);
}

/** Filters of all ad hoc variables, which go into every selector. */
export function filtersOf(states: VariableState[]): Filter[] {
  return states.flatMap(({ variable }) => (variable.kind === 'adhoc' ? variable.filters : []));
}
