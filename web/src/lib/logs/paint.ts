// The pieces of a query as they are coloured and underlined.

import { tokens, type TokenKind } from './tokens';

export interface Mark {
  from: number;
  to: number;
  severity: 'error' | 'note';
}

export interface Piece {
  kind: TokenKind;
  text: string;
  from: number;
  mark: Mark['severity'] | undefined;
}

/** Tokens in parts, so that each lies wholly inside a mark or outside of all. Of two marks the first one counts. */
export function painted(query: string, marks: readonly Mark[]): Piece[] {
  return tokens(query).flatMap(({ kind, text, from }) => {
    const end = from + text.length;
    const edges = marks.flatMap((mark) => [mark.from, mark.to]).filter((edge) => edge > from && edge < end);
    const places = [...new Set([from, ...edges, end])].sort((a, b) => a - b);
    return places.slice(0, -1).map((start, index) => ({
      kind,
      text: query.slice(start, places[index + 1]),
      from: start,
      mark: marks.find((mark) => mark.from <= start && start < mark.to)?.severity,
    }));
  });
}
