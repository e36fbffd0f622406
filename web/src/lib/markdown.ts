// The part of Markdown, and of HTML, that notes on boards use: read into a tree, which a component turns into elements.
// Nothing of the text ever becomes markup by itself.

import { safeHref } from './safeHref';

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'code'; text: string }
  | { kind: 'break' }
  | { kind: 'strong' | 'em' | 'del'; children: Inline[] }
  | { kind: 'link'; href: string; children: Inline[] };

export type Block =
  | { kind: 'heading'; level: number; children: Inline[] }
  | { kind: 'paragraph'; children: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'quote'; blocks: Block[] }
  | { kind: 'list'; ordered: boolean; items: Block[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' };

/** Deeper nesting is read as text: nobody writes it by hand. */
const DEPTH_MAX = 8;

export function parseMarkdown(text: string, depth = 0): Block[] {
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const [block, next] = readBlock(lines, at, depth);
    if (block !== null) {
      blocks.push(block);
    }
    at = next;
  }
  return blocks;
}

const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const starts = (line: string) =>
  /^\s*(#{1,6}\s|```|~~~|>|([-*_])\s*(\2\s*){2,}$)/.test(line) || ITEM.test(line);

function readBlock(lines: string[], at: number, depth: number): [Block | null, number] {
  const line = lines[at] ?? '';
  if (line.trim() === '') {
    return [null, at + 1];
  }
  const fence = /^\s*(```|~~~)/.exec(line)?.[1];
  if (fence !== undefined) {
    const end = lines.findIndex((other, index) => index > at && other.trim().startsWith(fence));
    const last = end < 0 ? lines.length : end;
    return [{ kind: 'code', text: lines.slice(at + 1, last).join('\n') }, last + 1];
  }
  const heading = /^\s*(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading !== null) {
    return [{ kind: 'heading', level: heading[1]!.length, children: parseInline(heading[2]!) }, at + 1];
  }
  if (/^\s*([-*_])\s*(\1\s*){2,}$/.test(line)) {
    return [{ kind: 'rule' }, at + 1];
  }
  if (depth < DEPTH_MAX && /^\s*>/.test(line)) {
    const end = run(lines, at, (other) => /^\s*>/.test(other));
    const inner = lines.slice(at, end).map((one) => one.replace(/^\s*>\s?/, ''));
    return [{ kind: 'quote', blocks: parseMarkdown(inner.join('\n'), depth + 1) }, end];
  }
  if (depth < DEPTH_MAX && ITEM.test(line)) {
    return readList(lines, at, depth);
  }
  if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? '')) {
    return readTable(lines, at);
  }
  const end = run(lines, at + 1, (other) => other.trim() !== '' && !starts(other));
  return [{ kind: 'paragraph', children: parseInline(lines.slice(at, end).join('\n')) }, end];
}

function run(lines: string[], from: number, belongs: (line: string) => boolean): number {
  let end = from;
  while (end < lines.length && belongs(lines[end]!)) {
    end += 1;
  }
  return end;
}

function readList(lines: string[], at: number, depth: number): [Block, number] {
  const [, indent = '', mark = ''] = ITEM.exec(lines[at]!)!;
  const ordered = /\d/.test(mark);
  const items: Block[][] = [];
  let next = at;
  while (next < lines.length) {
    const item = ITEM.exec(lines[next]!);
    if (item === null || item[1]!.length > indent.length + 1 || /\d/.test(item[2]!) !== ordered) {
      break;
    }
    const deeper = (line: string) => line.trim() !== '' && /^\s*/.exec(line)![0].length > indent.length;
    const end = run(lines, next + 1, deeper);
    const inner = lines.slice(next + 1, end);
    const margin = Math.min(...inner.map((line) => /^\s*/.exec(line)![0].length));
    items.push(parseMarkdown([item[3]!, ...inner.map((line) => line.slice(margin))].join('\n'), depth + 1));
    next = end;
  }
  return [{ kind: 'list', ordered, items }, next];
}

function readTable(lines: string[], at: number): [Block, number] {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => parseInline(cell.trim()));
  const end = run(lines, at + 2, (line) => line.includes('|'));
  return [{ kind: 'table', head: cells(lines[at]!), rows: lines.slice(at + 2, end).map(cells) }, end];
}

/** Every part is bounded, so that a text made to be slow is read as plain text instead. */
const INLINE =
  /(`{1,3})([^`]{1,2000}?)\1|!?\[((?:[^[\]]|\[[^[\]]{0,200}\]){0,500})\]\(\s{0,9}<?([^)\s>]{0,2000})>?(?:\s{1,9}["'][^)]{0,500}["'])?\s{0,9}\)|\*\*(.{1,1000}?)\*\*|__(.{1,1000}?)__|~~(.{1,1000}?)~~|\*([^*\s](?:[^*]{0,1000}[^*\s])?)\*|\b_([^_\s](?:[^_]{0,1000}[^_\s])?)_\b|(https?:\/\/[^\s<>()]{1,2000})|( {2,9}|\\)\n|<br\s{0,9}\/?>/;

export function parseInline(text: string, depth = 0): Inline[] {
  const result: Inline[] = [];
  let rest = text;
  for (let found = search(rest, depth); found !== null; found = search(rest, depth)) {
    result.push(...plain(rest.slice(0, found.index)), inlineOf(found, depth + 1));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...result, ...plain(rest)];
}

function search(text: string, depth: number): RegExpExecArray | null {
  return depth < DEPTH_MAX ? INLINE.exec(text) : null;
}

function plain(text: string): Inline[] {
  return text === '' ? [] : [{ kind: 'text', text: text.replace(/\\([\\`*_{}[\]()#+.!|-])/g, '$1') }];
}

function inlineOf(found: RegExpExecArray, depth: number): Inline {
  const [, , code, label, href, strong, strong2, deleted, em, em2, bare] = found;
  if (code !== undefined) {
    return { kind: 'code', text: code.trim() };
  }
  if (label !== undefined) {
    return linkTo(href ?? '', parseInline(label === '' ? (href ?? '') : label, depth));
  }
  if (bare !== undefined) {
    return linkTo(bare, [{ kind: 'text', text: bare }]);
  }
  const inner = strong ?? strong2;
  if (inner !== undefined) {
    return { kind: 'strong', children: parseInline(inner, depth) };
  }
  if (deleted !== undefined) {
    return { kind: 'del', children: parseInline(deleted, depth) };
  }
  const slanted = em ?? em2;
  return slanted === undefined ? { kind: 'break' } : { kind: 'em', children: parseInline(slanted, depth) };
}

function linkTo(href: string, children: Inline[]): Inline {
  const safe = safeHref(href);
  return safe === null ? { kind: 'em', children } : { kind: 'link', href: safe, children };
}

/** Handlers never run there; without their names the content security policy has nothing to report either. */
const HANDLER = /\son(?=\w+\s*=)/gi;

/** Reads HTML through the browser's parser, in a document that runs nothing, and keeps what we have words for. */
export function parseHtml(html: string): Block[] {
  return blocksOf(new DOMParser().parseFromString(html.replace(HANDLER, ' data-on'), 'text/html').body, 0);
}

const BLOCKS = new Set('P DIV H1 H2 H3 H4 H5 H6 UL OL LI PRE BLOCKQUOTE TABLE HR SECTION ARTICLE CENTER HEADER FOOTER'.split(' '));
const SKIPPED = new Set('SCRIPT STYLE TEMPLATE IFRAME OBJECT EMBED NOSCRIPT SVG'.split(' '));

function blocksOf(parent: Element, depth: number): Block[] {
  const blocks: Block[] = [];
  let loose: Inline[] = [];
  const flush = () => {
    if (loose.some((one) => one.kind !== 'text' || one.text.trim() !== '')) {
      blocks.push({ kind: 'paragraph', children: loose });
    }
    loose = [];
  };
  for (const node of parent.childNodes) {
    if (node instanceof Element && BLOCKS.has(node.tagName) && depth < DEPTH_MAX) {
      flush();
      blocks.push(...blockOf(node, depth + 1));
    } else {
      loose.push(...inlinesOf(node, depth));
    }
  }
  flush();
  return blocks;
}

function blockOf(element: Element, depth: number): Block[] {
  const heading = /^H([1-6])$/.exec(element.tagName)?.[1];
  if (heading !== undefined) {
    return [{ kind: 'heading', level: Number(heading), children: childInlines(element, depth) }];
  }
  switch (element.tagName) {
    case 'HR':
      return [{ kind: 'rule' }];
    case 'PRE':
      return [{ kind: 'code', text: element.textContent ?? '' }];
    case 'BLOCKQUOTE':
      return [{ kind: 'quote', blocks: blocksOf(element, depth) }];
    case 'UL':
    case 'OL': {
      const items = [...element.children].map((item) => blocksOf(item, depth));
      return [{ kind: 'list', ordered: element.tagName === 'OL', items }];
    }
    case 'TABLE': {
      const rows = [...element.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => childInlines(cell, depth)));
      const headed = element.querySelector('th') !== null;
      return [{ kind: 'table', head: headed ? (rows[0] ?? []) : [], rows: headed ? rows.slice(1) : rows }];
    }
    default:
      return blocksOf(element, depth);
  }
}

function childInlines(element: Element, depth: number): Inline[] {
  return [...element.childNodes].flatMap((node) => inlinesOf(node, depth + 1));
}

function inlinesOf(node: Node, depth: number): Inline[] {
  if (node instanceof Text) {
    const text = node.data.replace(/\s+/g, ' ');
    return text === '' ? [] : [{ kind: 'text', text }];
  }
  if (!(node instanceof Element) || SKIPPED.has(node.tagName.toUpperCase())) {
    return [];
  }
  const children = depth < DEPTH_MAX * 2 ? childInlines(node, depth) : [{ kind: 'text' as const, text: node.textContent ?? '' }];
  switch (node.tagName) {
    case 'BR':
      return [{ kind: 'break' }];
    case 'B':
    case 'STRONG':
      return [{ kind: 'strong', children }];
    case 'I':
    case 'EM':
      return [{ kind: 'em', children }];
    case 'CODE':
      return [{ kind: 'code', text: node.textContent ?? '' }];
    case 'A':
      return [linkTo(node.getAttribute('href') ?? '', children)];
    case 'IMG':
      return [{ kind: 'text', text: node.getAttribute('alt') ?? '' }];
    default:
      return children;
  }
}
