// Conditions on labels as Alertmanager's API, its messages and its users write them. Two grammars, as in the server: the
// classic one (`severity=~"warn.*"`, quotes optional), and where that fails the one that takes every name in quotes.

export type Operator = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  name: string;
  operator: Operator;
  value: string;
}

/** Either the matchers of a text, or the part of it that is none. */
export type Parsed = { matchers: Matcher[] } | { wrong: string };

const OPERATORS: readonly Operator[] = ['=~', '!~', '!=', '='];

/** Reads `{a="b", c=~"d"}`, `a=b,c!=d`, a single one, or nothing. */
export function parseMatchers(text: string): Parsed {
  const classic = classicList(text);
  if ('matchers' in classic) {
    return classic;
  }
  const matchers = utf8List(text);
  return matchers === null ? classic : { matchers };
}

function classicList(text: string): Parsed {
  const parts = splitOutsideQuotes(text.replace(/^\{/, '').replace(/\}$/, ''));
  if ((parts.at(-1) ?? '').trim() === '') {
    parts.pop(); // A comma may end the list.
  }
  const matchers: Matcher[] = [];
  for (const part of parts) {
    const matcher = classicOne(part);
    if (matcher === null) {
      return { wrong: part.trim() };
    }
    matchers.push(matcher);
  }
  return { matchers };
}

/** Commas between unescaped quotes divide nothing. */
function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  let escaped = false;
  for (const character of text) {
    if (character === ',' && !quoted) {
      parts.push(part);
      part = '';
      continue;
    }
    if (character === '"' && !escaped) quoted = !quoted;
    escaped = character === '\\' && !escaped;
    part += character;
  }
  return [...parts, part];
}

function classicOne(text: string): Matcher | null {
  const [, name = '', operator = '', raw = ''] = /^\s*([A-Za-z_:][\w:]*)\s*(=~|=|!=|!~)\s*([^]*?)\s*$/.exec(text) ?? [];
  const value = name === '' ? null : classicValue(raw);
  return value === null ? null : { name, operator: operator as Operator, value };
}

/** Takes off quotes and escapes; a backslash before any other character stands for itself. */
function classicValue(raw: string): string | null {
  const quoted = raw.startsWith('"');
  const [, inner] = (quoted ? /^"((?:\\[^]|[^"\\])*)"$/ : /^((?:\\[^]|[^"\\])*\\?)$/).exec(raw) ?? [];
  return inner?.replace(/\\([n"\\])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)) ?? null;
}

const RESERVED = /[\s{}!=~,\\"'`]/u;

/** The grammar that takes every name. */
function utf8List(text: string): Matcher[] | null {
  let rest = text.trim();
  if (rest.startsWith('{') !== rest.endsWith('}')) {
    return null;
  }
  rest = rest.startsWith('{') ? rest.slice(1, -1).trim() : rest;
  const matchers: Matcher[] = [];
  while (rest !== '') {
    const name = word(rest);
    const operator = OPERATORS.find((one) => name?.rest.trimStart().startsWith(one));
    const value = operator === undefined ? null : word((name?.rest.trimStart() ?? '').slice(operator.length).trimStart());
    if (name === null || operator === undefined || value === null) {
      return null;
    }
    matchers.push({ name: name.text, operator, value: value.text });
    const after = value.rest.trimStart();
    if (after !== '' && !after.startsWith(',')) {
      return null;
    }
    rest = after.slice(1).trimStart();
  }
  return matchers;
}

/** Quoted text, or everything up to a reserved character. */
function word(text: string): { text: string; rest: string } | null {
  const [quoted] = /^"(?:\\.|[^"\\\n])*"/.exec(text) ?? [];
  if (quoted !== undefined) {
    const plain = unquote(quoted);
    return plain === null ? null : { text: plain, rest: text.slice(quoted.length) };
  }
  const end = text.search(RESERVED);
  const length = end < 0 ? text.length : end;
  return length === 0 ? null : { text: text.slice(0, length), rest: text.slice(length) };
}

const ESCAPES: Record<string, string> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"',
};

/** Go's `strconv.Unquote`, without bytes that are no characters. */
function unquote(text: string): string | null {
  const escape = /\\(x[\da-f]{2}|[0-7]{3}|u[\da-f]{4}|U[\da-f]{8}|.)/gi;
  try {
    return text.slice(1, -1).replace(escape, (_, code: string) => {
      const plain = ESCAPES[code];
      if (plain !== undefined) return plain;
      if (/^[xuU]./.test(code)) return String.fromCodePoint(parseInt(code.slice(1), 16));
      if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(parseInt(code, 8));
      throw new RangeError(code);
    });
  } catch {
    return null;
  }
}

/** As Alertmanager writes it: `a="b"`, the name in quotes when it holds a reserved character. */
export function formatMatcher({ name, operator, value }: Matcher): string {
  const escaped = (text: string) => text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n');
  const shown = RESERVED.test(name) ? `"${escaped(name)}"` : name;
  return `${shown}${operator}"${escaped(value)}"`;
}

export const formatMatchers = (matchers: readonly Matcher[]): string => `{${matchers.map(formatMatcher).join(', ')}}`;

/** A condition that can be held against labels; nothing when its pattern is no regular expression. */
export function compile(matcher: Matcher): ((labels: Record<string, string>) => boolean) | null {
  const { name, operator, value } = matcher;
  // A label that is not there counts as empty.
  if (operator === '=') return (labels) => (labels[name] ?? '') === value;
  if (operator === '!=') return (labels) => (labels[name] ?? '') !== value;
  const pattern = anchored(value);
  if (pattern === null) return null;
  return (labels) => pattern.test(labels[name] ?? '') === (operator === '=~');
}

/** All conditions at once; a pattern that is none matches nothing. */
export function matchesAll(matchers: readonly Matcher[]): (labels: Record<string, string>) => boolean {
  const tests = matchers.map(compile);
  return (labels) => tests.every((test) => test !== null && test(labels));
}

/** Go's pattern as ours: the whole value must match, and `.` takes a line feed. */
function anchored(pattern: string): RegExp | null {
  const flags = pattern.startsWith('(?i)') ? 'is' : 's';
  const translated = pattern
    .replace(/^\(\?i\)/, '')
    .replace(/\\Q(.*?)(?:\\E|$)/gs, (_, literal: string) => literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .replace(/\(\?P</g, '(?<')
    .replace(/\[:(\^?)(alpha|digit|alnum|lower|upper|space|word):\]/g, (all, not: string, name: string) =>
      not === '' ? (POSIX[name] ?? all) : all,
    )
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$');
  for (const unicode of ['u', '']) {
    try {
      return new RegExp(`^(?:${translated})$`, flags + unicode);
    } catch {
      // Without `u` more is allowed, such as an escaped dash.
    }
  }
  return null;
}

const POSIX: Record<string, string> = {
  alpha: 'A-Za-z', digit: '0-9', alnum: '0-9A-Za-z', lower: 'a-z', upper: 'A-Z', space: '\\t\\n\\v\\f\\r ', word: '0-9A-Za-z_',
};

/** As the API writes a matcher of a silence. */
export interface WireMatcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual?: boolean;
}

export function fromWire({ name, value, isRegex, isEqual = true }: WireMatcher): Matcher {
  return { name, value, operator: isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=' };
}

export function toWire({ name, value, operator }: Matcher): WireMatcher {
  return { name, value, isRegex: operator.includes('~'), isEqual: operator.startsWith('=') };
}
