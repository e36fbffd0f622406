// The variables of a board are asked for in the order in which they depend on each other. What is chosen: the address has the
// last word (`var-job=a`), then what the board was saved with, then the first option.

import { t } from '../../i18n';
import { interpolateQuery, interpolateText, references, type Scope } from './interpolate';
import { stepsFor } from './interval';
import { customOptions, filtered, intervalOptions, queried, sorted, type Option, type VariableSource } from './options';
import { ALL, isPrometheus, valuesOf, type Variable, type VariableState } from './variables';

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
