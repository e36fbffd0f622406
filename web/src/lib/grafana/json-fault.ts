// Where a text stops being JSON. Browsers tell it in different words, and some not at all.

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Line and column (from 1) of the first sign that does not belong; nothing for valid JSON. */
export function faultOf(text: string): { line: number; column: number } | undefined {
  const scanner = new Scanner(text);
  const offset = scanner.document();
  if (offset === undefined) {
    return undefined;
  }
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before[before.length - 1]?.length ?? 0) + 1 };
}

class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Offset of the fault. What is open is kept on a list of our own, so that no depth exhausts the stack. */
  document(): number | undefined {
    const open: ('{' | '[')[] = [];
    let wanted: 'value' | 'key' | 'end' = 'value';
    let empty = false;
    for (;;) {
      this.skip(SPACE);
      if (empty && this.take(open[open.length - 1] === '{' ? '}' : ']')) {
        open.pop();
        [wanted, empty] = ['end', false];
        continue;
      }
      empty = false;
      if (wanted === 'end') {
        const inside = open[open.length - 1];
        if (inside === undefined) return this.at < this.text.length ? this.at : undefined;
        if (this.take(',')) wanted = inside === '{' ? 'key' : 'value';
        else if (this.take(inside === '{' ? '}' : ']')) open.pop();
        else return this.at;
        continue;
      }
      if (wanted === 'key') {
        if (this.text[this.at] !== '"' || !this.skip(SCALAR)) return this.at;
        this.skip(SPACE);
        if (!this.take(':')) return this.at;
        wanted = 'value';
        continue;
      }
      const bracket = this.text[this.at];
      if (bracket === '{' || bracket === '[') {
        this.at += 1;
        open.push(bracket);
        [wanted, empty] = [bracket === '{' ? 'key' : 'value', true];
      } else if (this.skip(SCALAR)) {
        wanted = 'end';
      } else {
        return this.at;
      }
    }
  }

  private take(sign: string): boolean {
    const found = this.text[this.at] === sign;
    if (found) this.at += 1;
    return found;
  }

  /** Whether the pattern matched something; then it lies behind. */
  private skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const length = pattern.exec(this.text)?.[0].length ?? 0;
    this.at += length;
    return length > 0;
  }
}
