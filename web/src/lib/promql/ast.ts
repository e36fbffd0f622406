// An expression's tree, as `/api/v1/parse_query` gives it: walked, printed in parts, and known by kind.

import { request } from '../api/http';

export interface Matcher {
  name: string;
  type: '=' | '!=' | '=~' | '!~';
  value: string;
}

/** Fields of selectors and subqueries that move or widen their window. Milliseconds. */
interface Window {
  offset: number;
  timestamp: number | null;
  startOrEnd: 'start' | 'end' | null;
}

export interface Selector extends Window {
  type: 'vectorSelector' | 'matrixSelector';
  name: string;
  matchers: Matcher[];
  /** Of a matrix selector. */
  range?: number;
  anchored?: boolean;
  smoothed?: boolean;
}

export interface Matching {
  card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  labels: string[];
  on: boolean;
  include: string[];
}

export interface Binary {
  type: 'binaryExpr';
  op: string;
  lhs: Node;
  rhs: Node;
  matching: Matching | null;
  bool: boolean;
}

export interface Call {
  type: 'call';
  func: { name: string };
  args: Node[];
}

export interface Aggregation {
  type: 'aggregation';
  op: string;
  expr: Node;
  param: Node | null;
  grouping: string[];
  without: boolean;
}

export interface Subquery extends Window {
  type: 'subquery';
  expr: Node;
  range: number;
  step: number;
}

export type Node =
  | Selector
  | Binary
  | Call
  | Aggregation
  | Subquery
  | { type: 'numberLiteral'; val: string }
  | { type: 'stringLiteral'; val: string }
  | { type: 'parenExpr'; expr: Node }
  | { type: 'unaryExpr'; op: string; expr: Node };

export type Kind = 'scalar' | 'string' | 'vector' | 'matrix';

/** The tree of an expression; throws the server's refusal where it is none. */
export async function parseQuery(query: string, signal?: AbortSignal): Promise<Node> {
  const form = new URLSearchParams({ query });
  return (await request<{ data: Node }>('api/v1/parse_query', { form, signal })).data;
}

export async function formatQuery(query: string): Promise<string> {
  const form = new URLSearchParams({ query });
  return (await request<{ data: string }>('api/v1/format_query', { form })).data;
}

/** The parts of a node that are expressions themselves, in the order of the text. */
export function children(node: Node): Node[] {
  switch (node.type) {
    case 'binaryExpr':
      return [node.lhs, node.rhs];
    case 'call':
      return node.args;
    case 'aggregation':
      return node.param === null ? [node.expr] : [node.param, node.expr];
    case 'subquery':
    case 'parenExpr':
    case 'unaryExpr':
      return [node.expr];
    default:
      return [];
  }
}

/** The node and everything below it, parents first. */
export function walk(node: Node): Node[] {
  return [node, ...children(node).flatMap(walk)];
}

export function selectors(node: Node): Selector[] {
  return walk(node).filter((one): one is Selector => one.type === 'vectorSelector' || one.type === 'matrixSelector');
}

const SCALAR_FUNCTIONS = new Set(['scalar', 'time', 'pi']);

/** What a node computes. */
export function kindOf(node: Node): Kind {
  switch (node.type) {
    case 'numberLiteral':
      return 'scalar';
    case 'stringLiteral':
      return 'string';
    case 'matrixSelector':
    case 'subquery':
      return 'matrix';
    case 'parenExpr':
    case 'unaryExpr':
      return kindOf(node.expr);
    case 'binaryExpr':
      return kindOf(node.lhs) === 'scalar' && kindOf(node.rhs) === 'scalar' ? 'scalar' : 'vector';
    case 'call':
      return SCALAR_FUNCTIONS.has(node.func.name) ? 'scalar' : 'vector';
    default:
      return 'vector';
  }
}

/** Without the parentheses around it. */
export function bare(node: Node): Node {
  return node.type === 'parenExpr' ? bare(node.expr) : node;
}

const COMPARISONS = new Set(['==', '!=', '>', '<', '>=', '<=']);

/** A comparison that takes series away (one with `bool` does not). */
export function isFilter(node: Node): node is Binary {
  return node.type === 'binaryExpr' && COMPARISONS.has(node.op) && !node.bool;
}

/** A text in PromQL's quotes. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function labelName(name: string): string {
  return LABEL_NAME.test(name) ? name : quote(name);
}

/** `up{job="shop"}` of a name and matchers; a name of other characters goes into the braces. */
export function printSelector(name: string, matchers: readonly Matcher[]): string {
  const isPlain = METRIC_NAME.test(name);
  const quoted = name !== '' && !isPlain ? [quote(name)] : [];
  const pairs = matchers
    .filter((one) => name === '' || one.name !== '__name__' || one.type !== '=')
    .map((one) => `${labelName(one.name)}${one.type}${quote(one.value)}`);
  const inside = [...quoted, ...pairs].join(', ');
  const head = isPlain ? name : '';
  return inside === '' && head !== '' ? head : `${head}{${inside}}`;
}

const UNITS: readonly [string, number][] = [
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** `1h30m` of milliseconds. */
export function printDuration(millis: number): string {
  let rest = Math.abs(Math.round(millis));
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    // 90 minutes is `1h30m`, 8 days `8d`: weeks only where nothing remains.
    if (count > 0 && (unit !== 'w' || rest % size === 0)) {
      text += `${count}${unit}`;
      rest -= count * size;
    }
  }
  return (millis < 0 ? '-' : '') + (text || '0s');
}

function windowText(node: Window): string {
  const at =
    node.startOrEnd !== null
      ? ` @ ${node.startOrEnd}()`
      : node.timestamp !== null
        ? ` @ ${(node.timestamp / 1000).toFixed(3)}`
        : '';
  return at + (node.offset === 0 ? '' : ` offset ${printDuration(node.offset)}`);
}

function printMatching(node: Binary): string {
  const { matching } = node;
  let text = node.bool ? ' bool' : '';
  if (matching !== null) {
    const labels = matching.labels.map(labelName).join(', ');
    if (matching.on || matching.labels.length > 0) {
      text += ` ${matching.on ? 'on' : 'ignoring'} (${labels})`;
    }
    if (matching.card === 'many-to-one' || matching.card === 'one-to-many') {
      const side = matching.card === 'many-to-one' ? 'group_left' : 'group_right';
      text += ` ${side} (${matching.include.map(labelName).join(', ')})`;
    }
  }
  return text;
}

/** A node as an expression that can be asked by itself. */
export function print(node: Node): string {
  switch (node.type) {
    case 'numberLiteral':
      return node.val;
    case 'stringLiteral':
      return quote(node.val);
    case 'parenExpr':
      return `(${print(node.expr)})`;
    case 'unaryExpr':
      return node.op + print(node.expr);
    case 'vectorSelector':
    case 'matrixSelector':
      return printSelectorNode(node);
    case 'subquery': {
      const step = node.step === 0 ? '' : printDuration(node.step);
      return `${print(node.expr)}[${printDuration(node.range)}:${step}]${windowText(node)}`;
    }
    case 'call':
      return `${node.func.name}(${node.args.map(print).join(', ')})`;
    case 'aggregation':
      return `${node.op}${printGrouping(node)}(${children(node).map(print).join(', ')})`;
    case 'binaryExpr':
      return `${print(node.lhs)} ${node.op}${printMatching(node)} ${print(node.rhs)}`;
  }
}

function printGrouping(node: Aggregation): string {
  const { grouping, without } = node;
  return without || grouping.length > 0 ? ` ${without ? 'without' : 'by'} (${grouping.map(labelName).join(', ')}) ` : '';
}

function printSelectorNode(node: Selector): string {
  const range = node.range === undefined ? '' : `[${printDuration(node.range)}]`;
  const kind = node.anchored === true ? ' anchored' : node.smoothed === true ? ' smoothed' : '';
  return printSelector(node.name, node.matchers) + range + kind + windowText(node);
}

/** A copy of the tree in which `change` may put another node in place of any; `null` leaves a node as it is. */
export function rewrite(node: Node, change: (node: Node) => Node | null): Node {
  const changed = change(node);
  if (changed !== null) {
    return changed;
  }
  const inner = (one: Node) => rewrite(one, change);
  switch (node.type) {
    case 'binaryExpr':
      return { ...node, lhs: inner(node.lhs), rhs: inner(node.rhs) };
    case 'call':
      return { ...node, args: node.args.map(inner) };
    case 'aggregation':
      return { ...node, expr: inner(node.expr), param: node.param === null ? null : inner(node.param) };
    case 'subquery':
    case 'parenExpr':
    case 'unaryExpr':
      return { ...node, expr: inner(node.expr) };
    default:
      return node;
  }
}
