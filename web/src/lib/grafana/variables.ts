// Variables of a board: the order in which they are asked for, and what is chosen. The address has the last word (`var-job=api`),
// then what the board was saved with, then the first option.

import { t } from '../../i18n';
import type { Scope, VariableValue } from './interpolate';
import { interpolateQuery, interpolateText, references } from './interpolate';
import { durationText, parseDuration, roundStep, stepsFor } from './interval';
import type { JsonObject } from './json';
import { customOptions, filtered, intervalOptions, queried, sorted, type Option, type VariableSource } from './options';

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

/** The variables so that each comes after those it speaks of. A circle is cut where it closes. */
export function inOrder(variables: Variable[]): Variable[] {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const done = new Set<string>();
  const order: Variable[] = [];
  const visit = (variable: Variable): void => {
    if (done.has(variable.name)) return;
    done.add(variable.name);
    for (const name of references(`${variable.query} ${variable.regex}`)) {
      const other = byName.get(name);
      if (other !== undefined) visit(other);
    }
    order.push(variable);
  };
  variables.forEach(visit);
  return order;
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

/**
 * Finds the options of all variables and what is chosen, in the order in which they depend on each other. A variable whose
 * query fails keeps what it was saved with, and says why.
 */
export async function resolve(
  variables: Variable[],
  chosen: Map<string, string[]>,
  source: VariableSource,
  scope: Scope,
  signal?: AbortSignal,
): Promise<VariableState[]> {
  const states = new Map<string, VariableState>();
  // A query of a variable has no panel whose width would give a step.
  const range = scope.range.to - scope.range.from;
  const steps = scope.steps ?? stepsFor({ range, points: 100, minStep: undefined, scrape: 15_000, factor: 1 });
  for (const variable of inOrder(variables)) {
    const here = { ...scope, steps, values: valuesOf([...states.values()], scope.range) };
    const state = await resolveOne(variable, chosen.get(variable.name), source, here, signal);
    states.set(variable.name, state);
  }
  return variables.flatMap(({ name }) => states.get(name) ?? []);
}

async function resolveOne(
  variable: Variable,
  wanted: string[] | undefined,
  source: VariableSource,
  scope: Scope,
  signal?: AbortSignal,
): Promise<VariableState> {
  let options: Option[] = variable.options.filter(({ value }) => value !== ALL);
  let error: string | null = null;
  try {
    options = await optionsOf(variable, source, scope, signal);
  } catch (caught) {
    if (signal?.aborted) throw caught;
    error = caught instanceof Error ? caught.message : String(caught);
  }
  if (variable.includeAll) {
    options = [{ text: t('dashboards.variableAll'), value: ALL }, ...options];
  }
  return { variable, options, chosen: choose(variable, options, wanted), error };
}

async function optionsOf(variable: Variable, source: VariableSource, scope: Scope, signal?: AbortSignal): Promise<Option[]> {
  switch (variable.kind) {
    case 'query': {
      if (variable.source !== '' && !isPrometheus(variable.source)) return variable.options;
      const found = await queried(interpolateQuery(variable.query, scope), source, scope, signal);
      return sorted(filtered(found, variable.regex, scope), variable.sort);
    }
    case 'custom': return customOptions(interpolateText(variable.query, scope));
    case 'interval': return intervalOptions(variable.query, variable.auto ? variable.name : null);
    // There is one source; whichever name a board asks for, it is this one.
    case 'datasource': return [{ text: 'Prometheus', value: 'default' }];
    case 'textbox':
    case 'constant': {
      const value = interpolateText(variable.query, scope);
      return [{ text: value, value }];
    }
    case 'adhoc':
    case 'unsupported': return variable.options;
  }
}

/** Sources whose queries we answer. */
export function isPrometheus(type: string): boolean {
  return type === 'prometheus' || /^\$/.test(type) || /prometheus|mimir|thanos|victoriametrics/i.test(type);
}

function choose(variable: Variable, options: Option[], wanted: string[] | undefined): string[] {
  if (variable.kind === 'datasource') {
    return ['default'];
  }
  if (variable.kind === 'constant') {
    return [options[0]?.value ?? ''];
  }
  if (wanted !== undefined && wanted.length > 0) {
    return variable.multi ? wanted : wanted.slice(0, 1);
  }
  if (variable.kind === 'textbox') {
    return [variable.current.value[0] ?? options[0]?.value ?? ''];
  }
  const known = new Set(options.map(({ value }) => value));
  const saved = variable.current.value.map((value) => (value === 'All' && known.has(ALL) ? ALL : autoOf(variable, value)));
  const kept = saved.filter((value) => known.has(value));
  if (kept.length > 0) {
    return variable.multi ? kept : kept.slice(0, 1);
  }
  return options.length > 0 ? [options[0]?.value ?? ''] : [];
}

/** `auto` was written in three ways. */
function autoOf(variable: Variable, value: string): string {
  const automatic = variable.kind === 'interval' && (value === 'auto' || value === '$__auto' || value.startsWith('$__auto_interval'));
  return automatic ? `$__auto_interval_${variable.name}` : value;
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
