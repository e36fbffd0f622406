// What a line does where values are missing.

/** Gaps up to `limit` seconds are drawn over. */
export function bridged(values: (number | null | undefined)[], times: number[], limit: number): (number | null | undefined)[] {
  const result: (number | null | undefined)[] = [...values];
  let last = -1;
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] == null) {
      continue;
    }
    if (last >= 0 && i - last > 1 && times[i]! - times[last]! <= limit) {
      result.fill(undefined, last + 1, i);
    }
    last = i;
  }
  return result;
}

/** Values between two gaps, which no line would show. */
export function lonely(values: ArrayLike<number | null | undefined>, gaps: unknown): number[] | null {
  if (!Array.isArray(gaps) || gaps.length === 0) {
    return null;
  }
  const found: number[] = [];
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) {
      found.push(i);
    }
  }
  return found.length === 0 ? null : found;
}
