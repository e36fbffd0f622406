// What an alert's expression compares with what, so that a chart can show how far the value is from its threshold.

import { inferUnit } from '../format/unit';
import { tokens, type Token } from '../promql/tokens';

export type Comparison = '>' | '<' | '>=' | '<=' | '==' | '!=';

export interface Condition {
  /** What is measured: the side that is no number. */
  measured: string;
  comparison: Comparison;
  /** The other side as it is written. */
  limit: string;
  /** Its value, when it is a number. */
  threshold: number | null;
  /** What must hold besides (`and …`), as it is written. */
  besides: string[];
}

const COMPARISONS: ReadonlySet<string> = new Set(['>', '<', '>=', '<=', '==', '!=']);
const FLIPPED: Partial<Record<Comparison, Comparison>> = { '>': '<', '<': '>', '>=': '<=', '<=': '>=' };
const SETS = new Set(['and', 'or', 'unless']);

/** The first comparison of an expression; nothing when it only asks whether there is something at all. */
export function conditionOf(expr: string): Condition | null {
  const [first = [], ...rest] = splitAtSets(bare(joined(tokens(expr))));
  const operand = bare(first);
  if (splitAtSets(operand).length > 1) {
    return conditionOf(textOf(operand));
  }
  const at = findLast(operand, (token) => COMPARISONS.has(token.text));
  if (at < 0) {
    return null;
  }
  const comparison = operand[at]?.text as Comparison;
  const left = textOf(operand.slice(0, at));
  const right = textOf(operand.slice(at + 1)).replace(/^bool\s+/, '');
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  const besides = rest.filter((part) => part[0]?.text.toLowerCase() === 'and').map((part) => textOf(part.slice(1)));
  if (leftNumber !== null && rightNumber === null) {
    const flipped = FLIPPED[comparison] ?? comparison;
    return { measured: right, comparison: flipped, limit: left, threshold: leftNumber, besides };
  }
  return { measured: left, comparison, limit: right, threshold: rightNumber, besides };
}

/** Without white space at the ends, comments, and with operators of two characters as one token. */
function joined(list: Token[]): Token[] {
  const found: Token[] = [];
  for (const token of list) {
    const last = found.at(-1);
    const pair = token.text === '=' && last !== undefined && ['>', '<', '=', '!'].includes(last.text);
    if (pair && last.kind === 'operator' && last.from + 1 === token.from) {
      found[found.length - 1] = { ...last, text: `${last.text}=` };
    } else if (token.kind !== 'comment') {
      found.push(token);
    }
  }
  return found;
}

/** Calls back for each token that stands outside of all brackets. */
function atTopLevel(list: Token[], visit: (token: Token, index: number) => void): void {
  let depth = 0;
  list.forEach((token, index) => {
    const isOperator = token.kind === 'operator';
    if (isOperator && ')]}'.includes(token.text)) depth -= 1;
    if (depth === 0) visit(token, index);
    if (isOperator && '([{'.includes(token.text)) depth += 1;
  });
}

/** The operands of `and`, `or` and `unless`; each but the first begins with its operator. */
function splitAtSets(list: Token[]): Token[][] {
  const starts = [0];
  atTopLevel(list, (token, index) => {
    if (token.kind === 'keyword' && SETS.has(token.text.toLowerCase())) starts.push(index);
  });
  return starts.map((start, index) => list.slice(start, starts[index + 1]));
}

function findLast(list: Token[], wanted: (token: Token) => boolean): number {
  let found = -1;
  atTopLevel(list, (token, index) => {
    if (token.kind === 'operator' && wanted(token)) found = index;
  });
  return found;
}

/** Takes off parentheses around the whole. */
function bare(list: Token[]): Token[] {
  const inner = trimmed(list);
  const closes: number[] = [];
  atTopLevel(inner, (token, index) => {
    if (token.text === ')') closes.push(index);
  });
  return inner[0]?.text === '(' && closes[0] === inner.length - 1 ? bare(inner.slice(1, -1)) : inner;
}

function trimmed(list: Token[]): Token[] {
  const start = list.findIndex((token) => token.kind !== 'space');
  let end = list.length;
  while (end > 0 && list[end - 1]?.kind === 'space') end -= 1;
  return start < 0 ? [] : list.slice(start, end);
}

const textOf = (list: Token[]): string => list.map((token) => token.text).join('').trim();

/** The value of a number, or of products and quotients of numbers; durations are none. */
function numberOf(text: string): number | null {
  const parts = text.replace(/[()\s]/g, '').split(/([*/])/);
  let value = plainNumber(parts[0] ?? '');
  for (let at = 1; value !== null && at < parts.length; at += 2) {
    const next = plainNumber(parts[at + 1] ?? '');
    value = next === null ? null : parts[at] === '*' ? value * next : value / next;
  }
  return value;
}

function plainNumber(text: string): number | null {
  return /^[+-]?(0x[\da-f]+|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)$/i.test(text) ? Number(text) : null;
}

const COUNTS = ['reqps', 'ops', 'short'];

/** The unit of what is measured; what is counted, divided by what is counted, is a share. */
export function unitOf(measured: string): string {
  const parts = measured.split('/');
  const isShare = parts.length === 2 && parts.every((part) => COUNTS.includes(inferUnit(part)));
  return isShare ? 'percentunit' : inferUnit(measured);
}

/** Names of the metrics that an expression reads. */
export function metricsOf(expr: string): Set<string> {
  const list = tokens(expr);
  const names = list.filter((token) => token.kind === 'metric').map((token) => token.text);
  const quoted = [...expr.matchAll(/__name__\s*=\s*(["'])([\w:]+)\1/g)].map((match) => match[2] ?? '');
  return new Set([...names, ...quoted]);
}

/**
 * `expr` for the series that has exactly these labels. Done by the server: an expression may have thousands of series,
 * of which one is wanted.
 */
export function narrowedTo(expr: string, labels: Record<string, string>): string {
  const names = Object.keys(labels).filter((name) => name !== '__name__' && /^[A-Za-z_]\w*$/.test(name));
  if (names.length === 0) {
    return expr;
  }
  const text = (value: string) => JSON.stringify(value.replace(/\$/g, '$$$$'));
  const wanted = names.reduce((inner, name) => `label_replace(${inner}, "${name}", ${text(labels[name] ?? '')}, "", "")`, 'vector(1)');
  return `(${expr}) and on (${names.join(', ')}) ${wanted}`;
}
