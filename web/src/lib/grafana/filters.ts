// Ad hoc filters: labels that a reader wants in every selector of a board.

import { tokens, type Token } from '../promql/tokens';
import type { Filter } from './variables';

/** The expression with the filters in each of its selectors. */
export function withFilters(expr: string, filters: Filter[]): string {
  const matchers = filters.flatMap(matcherOf).join(',');
  if (matchers === '') {
    return expr;
  }
  const all = tokens(expr);
  return all.map((token, index) => placed(token, all.slice(index + 1), matchers, isInside(all, index))).join('');
}

function matcherOf({ key, operator, value }: Filter): string[] {
  const isMatcher = ['=', '!=', '=~', '!~'].includes(operator);
  return isMatcher && /^[a-zA-Z_]\w*$/.test(key) ? [`${key}${operator}${JSON.stringify(value)}`] : [];
}

function isInside(all: Token[], index: number): boolean {
  const before = all.slice(0, index).filter(({ kind }) => kind === 'operator');
  return before.filter(({ text }) => text === '{').length > before.filter(({ text }) => text === '}').length;
}

/** A metric without braces gets them; braces get the matchers in front. */
function placed({ kind, text }: Token, rest: Token[], matchers: string, inside: boolean): string {
  const next = rest.find((token) => token.kind !== 'space' && token.kind !== 'comment');
  if (kind === 'metric' && !inside && next?.text !== '{') {
    return `${text}{${matchers}}`;
  }
  if (kind === 'operator' && text === '{') {
    return next?.text === '}' ? `{${matchers}` : `{${matchers},`;
  }
  return text;
}
