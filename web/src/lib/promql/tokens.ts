// Colours for expressions that are only read: a lexer of a few lines, where the editor with its grammar would be too heavy.

export type TokenKind = 'comment' | 'string' | 'number' | 'function' | 'keyword' | 'label' | 'metric' | 'operator' | 'space';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset in the expression, in UTF-16 units. */
  from: number;
}

const PIECES =
  /(?<comment>#[^\n]*)|(?<string>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?)|(?<number>(?:0x[\da-f]+|(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))|(?<word>[a-z_:][\w:.]*)|(?<space>\s+)|(?<operator>.)/giu;

const KEYWORDS = new Set([
  'and', 'or', 'unless', 'atan2', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset', 'bool',
]);
/** Behind these stands a list of labels in parentheses. */
const BEFORE_LABELS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);

/** Cuts an expression into coloured pieces; together they are the whole text, also where it is no PromQL. */
export function tokens(code: string): Token[] {
  const found: Token[] = [];
  let braces = 0;
  let labelList = false;
  let last = '';
  for (const match of code.matchAll(PIECES)) {
    const text = match[0];
    const from = match.index;
    let kind = Object.entries(match.groups ?? {}).find(([, part]) => part !== undefined)?.[0] ?? 'operator';
    if (kind === 'word') {
      kind = wordKind(text, code.slice(from + text.length), braces > 0 || labelList);
    }
    if (kind === 'operator') {
      if (text === '{') braces += 1;
      if (text === '}') braces -= 1;
      if (text === '(' && BEFORE_LABELS.has(last)) labelList = true;
      if (text === ')') labelList = false;
    }
    if (kind !== 'space') {
      last = text.toLowerCase();
    }
    found.push({ kind: kind as TokenKind, text, from });
  }
  return found;
}

function wordKind(word: string, rest: string, isLabel: boolean): TokenKind {
  if (isLabel) return 'label';
  if (KEYWORDS.has(word.toLowerCase())) return 'keyword';
  if (/^(inf|nan)$/i.test(word)) return 'number';
  // `sum by (…) (…)` is an aggregation as well.
  return /^\s*(\(|(by|without)\s*\()/i.test(rest) ? 'function' : 'metric';
}
