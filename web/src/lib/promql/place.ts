// Where the server's positions lie in a text: it counts bytes, and names lines and columns; a browser counts UTF-16 units.

/** Offset in a text for an offset in its UTF-8 bytes; a place inside a character is that character's start. */
export function offsetOfByte(text: string, byte: number): number {
  let bytes = 0;
  let offset = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > byte) {
      return offset;
    }
    offset += character.length;
  }
  return text.length;
}

/** What a refused query's text says. */
export interface ParseProblem {
  /** Where in the expression. */
  from: number;
  to: number;
  /** From one, in characters, for people. */
  line: number;
  column: number;
  message: string;
}

/** Reads `…1:16: parse error: unclosed left parenthesis`; `null` where the error names no place. */
export function parseProblem(error: string, expr: string): ParseProblem | null {
  const found = /(?:^|[ "])(\d+):(\d+): (?:parse error: )?([\s\S]*)$/.exec(error);
  if (found === null) {
    return null;
  }
  const line = Number(found[1]);
  const lines = expr.split('\n');
  const text = lines[line - 1] ?? '';
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const inLine = offsetOfByte(text, Number(found[2]) - 1);
  // The end of the text is no place to underline: take the last character instead.
  const from = Math.max(0, Math.min(start + inLine, expr.length - 1));
  const word = /^[\w:.]+/.exec(expr.slice(from))?.[0].length ?? 1;
  return { from, to: Math.min(expr.length, from + word), line, column: inLine + 1, message: found[3] ?? '' };
}
