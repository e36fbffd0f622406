// Cuts a query into pieces: to colour them, to see where one is while typing, to change it by a click. The server alone
// knows whether it is right; here every text has pieces, and together they are the whole text.

export type TokenKind = 'space' | 'field' | 'string' | 'range' | 'comparison' | 'operator' | 'bracket' | 'word';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset in UTF-16 units. */
  from: number;
  /** Of strings and ranges: whether their end was there. */
  closed: boolean;
}

/** Full-width signs are read as their twins, as the server does. */
const QUOTES = '"“”';
const COLONS = ':：';
const OPEN = '(（';
const CLOSE = ')）';
const BLANK = /[\s\u3000]/;
/** Ends a word wherever it stands. */
const ENDS = new Set([...QUOTES, ...COLONS, ...OPEN, ...CLOSE]);

/** A path literal goes on to the next blank or closing bracket, whatever stands in it. */
const PATH = /\/(?:\\[\s\S]|[^\s\u3000)）])*/y;
const COMPARISON = /[<>]=?/y;

export function tokens(query: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const token = read(query, at, found[found.length - 1]);
    found.push(token);
    at += token.text.length;
  }
  return found;
}

function read(query: string, from: number, before: Token | undefined): Token {
  const first = query[from] ?? '';
  const piece = (kind: TokenKind, to: number, closed = true): Token => ({ kind, text: query.slice(from, to), from, closed });
  const opensValue = before?.kind === 'field' || before?.kind === 'comparison';
  if (BLANK.test(first)) return piece('space', spaceEnd(query, from));
  if (QUOTES.includes(first)) return quoted(query, from, piece);
  if (OPEN.includes(first) || CLOSE.includes(first)) return piece('bracket', from + 1);
  if (opensValue && (first === '[' || first === '{')) return range(query, from, piece);
  if (opensValue && first === '/') return piece('word', matchEnd(PATH, query, from));
  if (first === '>' || first === '<') return piece('comparison', matchEnd(COMPARISON, query, from));
  if (!opensValue && /[-+!]/.test(first) && !BLANK.test(query[from + 1] ?? ' ')) return piece('operator', from + 1);
  return word(query, from, opensValue, piece);
}

type Piece = (kind: TokenKind, to: number, closed?: boolean) => Token;

function spaceEnd(query: string, from: number): number {
  let to = from;
  while (to < query.length && BLANK.test(query[to] ?? '')) to += 1;
  return to;
}

function matchEnd(pattern: RegExp, query: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(query) ? pattern.lastIndex : from + 1;
}

function quoted(query: string, from: number, piece: Piece): Token {
  for (let to = from + 1; to < query.length; to += 1) {
    const character = query[to] ?? '';
    if (character === '\\') to += 1;
    else if (QUOTES.includes(character)) return piece('string', to + 1);
  }
  return piece('string', query.length, false);
}

function range(query: string, from: number, piece: Piece): Token {
  const end = /[\]}]/.exec(query.slice(from));
  return end === null ? piece('range', query.length, false) : piece('range', from + end.index + 1);
}

const OPERATORS = new Set(['AND', 'OR', 'NOT', '&&', '||']);

function word(query: string, from: number, isValue: boolean, piece: Piece): Token {
  let to = from;
  while (to < query.length) {
    const character = query[to] ?? '';
    if (character === '\\') to += 1;
    else if (BLANK.test(character) || (to > from && ENDS.has(character) && !(isValue && COLONS.includes(character)))) break;
    to += 1;
  }
  to = Math.min(Math.max(to, from + 1), query.length);
  if (!isValue && COLONS.includes(query[to] ?? ' ')) return piece('field', to + 1);
  return piece(OPERATORS.has(query.slice(from, to)) ? 'operator' : 'word', to);
}
