// JSON whose numbers stay what they were: order numbers have more digits than a JavaScript number holds.

/** A number that no JavaScript number equals, as it was written. */
export class ExactNumber {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

/** Fewer digits always survive; so most texts need no second look. */
const LONG = /\d{16}/;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Begins the string that stands for a number while the text is parsed. A private character: no log line begins so. */
const MARK = '\uE0F1';

/** `JSON.parse`, but that long numbers come as [`ExactNumber`]. */
export function parseExact(text: string): unknown {
  if (!LONG.test(text)) {
    return JSON.parse(text);
  }
  const marked = text.replace(STRING_OR_NUMBER, (token) => {
    return token.startsWith('"') || !LONG.test(token) || String(Number(token)) === token ? token : `"${MARK}${token}"`;
  });
  return JSON.parse(marked, (_, value: unknown) => (typeof value === 'string' && value.startsWith(MARK) ? new ExactNumber(value.slice(1)) : value));
}

/** The JSON text of a value, indented by two, its numbers as they were written. */
export function jsonText(value: unknown, indent = ''): string {
  if (value instanceof ExactNumber) {
    return value.text;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value) ?? 'null';
  }
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const deeper = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((one) => jsonText(one, deeper))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${jsonText(one, deeper)}`);
  return parts.length === 0 ? `${open}${close}` : `${open}\n${parts.map((part) => deeper + part).join(',\n')}\n${indent}${close}`;
}
