// WeCom's small Markdown as pieces to be shown: no HTML is ever made of it. What it does not know stays text.

export interface Piece {
  kind: 'text' | 'bold' | 'code' | 'link' | 'colour';
  text: string;
  /** Of a link. */
  href?: string;
  /** WeCom's names: green, grey, orange. */
  colour?: 'info' | 'comment' | 'warning';
  /** Bold text may hold coloured text, and the other way round. */
  inner?: Piece[];
}

export interface Block {
  kind: 'heading' | 'quote' | 'line' | 'space';
  pieces: Piece[];
}

const INLINE =
  /\*\*(?<bold>[^*]+(?:\*(?!\*)[^*]*)*)\*\*|`(?<code>[^`]+)`|\[(?<name>[^\]]*)\]\((?<href>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)|<font color="(?<colour>info|comment|warning)">(?<coloured>.*?)<\/font>/g;

export function wecomBlocks(text: string): Block[] {
  return text.split('\n').map((line) => {
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (heading !== undefined) return { kind: 'heading', pieces: piecesOf(heading) };
    const quote = /^>\s?(.*)$/.exec(line)?.[1];
    if (quote !== undefined) return { kind: 'quote', pieces: piecesOf(quote) };
    return { kind: line.trim() === '' ? 'space' : 'line', pieces: piecesOf(line) };
  });
}

function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of line.matchAll(INLINE)) {
    if (match.index > end) pieces.push({ kind: 'text', text: line.slice(end, match.index) });
    pieces.push(pieceOf(match));
    end = match.index + match[0].length;
  }
  if (end < line.length) pieces.push({ kind: 'text', text: line.slice(end) });
  return pieces;
}

function pieceOf(match: RegExpMatchArray): Piece {
  const { bold, code, name, href, colour, coloured } = match.groups ?? {};
  if (bold !== undefined) return { kind: 'bold', text: bold, inner: piecesOf(bold) };
  if (code !== undefined) return { kind: 'code', text: code };
  if (coloured !== undefined) return { kind: 'colour', text: coloured, colour: colour as Piece['colour'], inner: piecesOf(coloured) };
  // Anything but a web address stays what was written.
  const isWeb = /^https?:\/\//i.test(href ?? '');
  return isWeb ? { kind: 'link', text: name === '' ? (href ?? '') : (name ?? ''), href } : { kind: 'text', text: match[0] };
}

/** Plain text with its web addresses as links. */
export function linkedText(text: string): Piece[] {
  const parts = text.split(/(https?:\/\/[^\s<>"'，。；、）】]+)/);
  return parts.filter((part) => part !== '').map((part) => (/^https?:\/\//.test(part) ? { kind: 'link', text: part, href: part } : { kind: 'text', text: part }));
}
