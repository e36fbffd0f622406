// Names that somebody may have meant.

/** How many letters must be put in, taken out or changed to make one text of another; `limit + 1` for anything beyond. */
export function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) {
    return limit + 1;
  }
  let row = new Uint16Array(b.length + 1).map((_, index) => index);
  let next = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i += 1) {
    let least = (next[0] = i);
    for (let j = 1; j <= b.length; j += 1) {
      const change = row[j - 1]! + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      const edits = Math.min(change, row[j]! + 1, next[j - 1]! + 1);
      next[j] = edits;
      if (edits < least) least = edits;
    }
    if (least > limit) {
      return limit + 1;
    }
    [row, next] = [next, row];
  }
  return row[b.length]!;
}

const wordsOf = (name: string) => name.split(/[_:.\-\s]+/).filter((word) => word !== '');

/** Share of the words of two names that both have. */
function sharedWords(first: ReadonlySet<string>, name: string): number {
  const second = wordsOf(name);
  const both = second.filter((word) => first.has(word)).length;
  return both / Math.max(first.size, second.length, 1);
}

/** The names of a list that are nearest to one that is not in it, the best first; none where nothing is near. */
export function nearest(name: string, known: readonly string[], most = 5): string[] {
  const wanted = name.toLowerCase();
  const wantedWords = new Set(wordsOf(wanted));
  const limit = Math.max(2, Math.floor(wanted.length / 4));
  const scored = known.flatMap((one) => {
    const candidate = one.toLowerCase();
    const words = sharedWords(wantedWords, candidate);
    const letters = distance(wanted, candidate, limit);
    const begins = wanted.length > 2 && (candidate.startsWith(wanted) || wanted.startsWith(candidate)) ? 0.3 : 0;
    const score = Math.max(words, letters > limit ? 0 : 1 - letters / (wanted.length + 1)) + begins;
    return score >= 0.5 && one !== name ? [{ one, score }] : [];
  });
  scored.sort((a, b) => b.score - a.score || a.one.length - b.one.length || (a.one < b.one ? -1 : 1));
  return scored.slice(0, most).map(({ one }) => one);
}
