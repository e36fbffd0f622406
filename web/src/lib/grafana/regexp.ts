// Patterns as boards write them.

/** `/pattern/flags`, or a text that must match as a whole. Nothing when it cannot be read. */
export function toRegExp(pattern: string): RegExp | undefined {
  try {
    if (!pattern.startsWith('/')) {
      return new RegExp(`^${pattern}$`);
    }
    const [, body = '', flags = ''] = /^\/(.*)\/([gimsuy]*)$/s.exec(pattern) ?? [];
    // A test with `g` would remember where it stopped.
    return body === '' ? undefined : new RegExp(body, flags.replace(/[gy]/g, ''));
  } catch {
    return undefined;
  }
}

/** The same, for replacing: `g` is kept. */
export function toReplacing(pattern: string): RegExp | undefined {
  const regexp = toRegExp(pattern);
  const global = /^\/.*\/[a-z]*g[a-z]*$/s.test(pattern);
  return regexp && global ? new RegExp(regexp.source, `${regexp.flags}g`) : regexp;
}

/** The text, so that a pattern takes it literally. */
export function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
