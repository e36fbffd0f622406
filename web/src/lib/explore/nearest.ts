// Names that somebody may have meant.

/** How many letters must be put in, taken out or changed to make one text of another; `limit + 1` for anything beyond. */
export function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) {
    return limit + 1;
  }
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > limit) {
      return limit + 1;
    }
    row = next;
  }
  return row[b.length] ?? limit + 1;
}

/** Share of the words of two names (cut at `_`, `:`, `.`, `-`) that both have. */
function sharedWords(a: string, b: string): number {
  const words = (text: string) => new Set(text.split(/[_:.\-\s]+/).filter((word) => word !== ''));
  const [first, second] = [words(a), words(b)];
  const both = [...first].filter((word) => second.has(word)).length;
  return both === 0 ? 0 : both / Math.max(first.size, second.size);
}

/** The names of a list that are nearest to one that is not in it, the best first; none where nothing is near. */
export function nearest(name: string, known: readonly string[], most = 5): string[] {
  const wanted = name.toLowerCase();
  const limit = Math.max(2, Math.floor(wanted.length / 4));
  const scored = known.flatMap((one) => {
    const candidate = one.toLowerCase();
    const words = sharedWords(wanted, candidate);
    const letters = distance(wanted, candidate, limit);
    const begins = wanted.length > 2 && (candidate.startsWith(wanted) || wanted.startsWith(candidate)) ? 0.3 : 0;
    const score = Math.max(words, letters > limit ? 0 : 1 - letters / (wanted.length + 1)) + begins;
    return score >= 0.5 && one !== name ? [{ one, score }] : [];
  });
  scored.sort((a, b) => b.score - a.score || a.one.length - b.one.length || a.one.localeCompare(b.one));
  return scored.slice(0, most).map(({ one }) => one);
}
