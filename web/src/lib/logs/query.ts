// Changes a query by a click: more of a value, none of it. What the query already says is neither repeated nor contradicted.

import { clause, type Scalar } from './clause';
import { tokens, type Token } from './tokens';

/** The query, and only what has the value. */
export function filterIn(query: string, field: string, value: Scalar): string {
  return withClause(query, clause(field, value), negated(clause(field, value)));
}

/** The query without what has the value. */
export function filterOut(query: string, field: string, value: Scalar): string {
  return withClause(query, negated(clause(field, value)), clause(field, value));
}

function negated(text: string): string {
  return text.startsWith('NOT ') ? text.slice('NOT '.length) : `NOT ${text}`;
}

function withClause(query: string, wanted: string, opposite: string): string {
  const plain = query.trim();
  if (plain === '' || plain === '*' || !isWhole(plain)) {
    return wanted;
  }
  const parts = conjuncts(plain);
  if (parts === null) {
    return `(${plain}) AND ${wanted}`;
  }
  const kept = parts.filter((part) => part !== wanted && part !== opposite);
  if (kept.length === parts.length) {
    return `${plain} AND ${wanted}`;
  }
  return parts.includes(wanted) && kept.length === parts.length - 1 ? plain : [...kept, wanted].join(' AND ');
}

/** Whether quotes, ranges and brackets are closed: only to such a query something can be added. */
function isWhole(query: string): boolean {
  let depth = 0;
  for (const { kind, text, closed } of tokens(query)) {
    if (!closed) return false;
    if (kind === 'bracket') depth += '(（'.includes(text) ? 1 : -1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/** The conditions that must all hold, as they are written; `null` where there is an alternative. */
export function conjuncts(query: string): string[] | null {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens(query)) {
    const outside = depth === 0;
    if (token.kind === 'bracket') depth += '(（'.includes(token.text) ? 1 : -1;
    if (outside && isWord(token, 'OR', '||')) return null;
    if (outside && isWord(token, 'AND', '&&')) parts.push([]);
    else if (outside && beginsPart(token, parts[parts.length - 1]!)) parts.push([token]);
    else parts[parts.length - 1]!.push(token);
  }
  return parts.map((part) => part.map(({ text }) => text).join('').trim()).filter((part) => part !== '');
}

/** Operators count in any case here: brackets too many do no harm, brackets too few do. */
function isWord({ kind, text }: Token, ...words: string[]): boolean {
  return (kind === 'operator' || kind === 'word') && words.includes(text.toUpperCase());
}

/** Whether a token stands behind a blank that joins two conditions: `a b` is `a AND b`. */
function beginsPart(token: Token, part: readonly Token[]): boolean {
  const last = part[part.length - 1];
  const before = [...part].reverse().find(({ kind }) => kind !== 'space');
  if (token.kind === 'space' || last?.kind !== 'space' || before === undefined) {
    return false;
  }
  const isOpen = before.kind === 'field' || before.kind === 'comparison' || isWord(before, 'NOT') || before.kind === 'operator';
  return !isOpen && token.kind !== 'comparison';
}
