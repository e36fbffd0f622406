import { expect, test } from 'vitest';
import { parseInline, parseMarkdown, type Block, type Inline } from './markdown';
import { safeHref } from './safeHref';

/** The tree as a text that a person can check. */
function inline(children: Inline[]): string {
  return children
    .map((one) => {
      if (one.kind === 'text') return one.text;
      if (one.kind === 'code') return `<code ${one.text}>`;
      if (one.kind === 'break') return '<br>';
      return `<${one.kind}${one.kind === 'link' ? ` ${one.href}` : ''} ${inline(one.children)}>`;
    })
    .join('');
}

function block(one: Block): string {
  switch (one.kind) {
    case 'heading':
      return `h${one.level}(${inline(one.children)})`;
    case 'paragraph':
      return `p(${inline(one.children)})`;
    case 'code':
      return `pre(${one.text})`;
    case 'quote':
      return `quote(${one.blocks.map(block).join(' ')})`;
    case 'list':
      return `${one.ordered ? 'ol' : 'ul'}(${one.items.map((item) => item.map(block).join(' ')).join(' | ')})`;
    case 'table':
      return `table(${[one.head, ...one.rows].map((row) => row.map(inline).join(',')).join(' / ')})`;
    case 'rule':
      return 'hr';
  }
}

test.each([
  ['# 看板\n\n说明 **重要** 的 *事*', 'h1(看板) p(说明 <strong 重要> 的 <em 事>)'],
  ['- a\n- b\n  - c\n\ntext', 'ul(p(a) | p(b) ul(p(c))) p(text)'],
  ['1. x\n2. y', 'ol(p(x) | p(y))'],
  ['```promql\nup == 0\n```', 'pre(up == 0)'],
  ['> q\n> r', 'quote(p(q\nr))'],
  ['| a | b |\n|---|:-:|\n| 1 | `2` |', 'table(a,b / 1,<code 2>)'],
  ['one\n---\ntwo', 'p(one) hr p(two)'],
  ['a  \nb', 'p(a<br>b)'],
  ['snake_case_name and 2 * 3 * 4', 'p(snake_case_name and 2 * 3 * 4)'],
])('%s', (text, expected) => {
  expect(parseMarkdown(text).map(block).join(' ')).toBe(expected);
});

test.each([
  ['[runbook](https://example.com/a)', '<link https://example.com/a runbook>'],
  ['[go](#/alerts)', '<link #/alerts go>'],
  ['see https://example.com/x.', 'see <link https://example.com/x. https://example.com/x.>'],
  ['[bad](javascript:alert(1))', '<em bad>)'],
  ['<script>alert(1)</script>', '<script>alert(1)</script>'],
])('links of %s lead nowhere dangerous', (text, expected) => {
  expect(inline(parseInline(text))).toBe(expected);
});

test.each([
  ['https://a', 'https://a'],
  ['/d/x', '/d/x'],
  ['javascript:alert(1)', null],
  ['java\nscript:alert(1)', null],
  ['data:text/html,x', null],
  ['', null],
])('%s as an address', (href, expected) => {
  expect(safeHref(href)).toBe(expected);
});

test.each(['[', '*', '`', '![', '_', '> ', '~~', 'a ](', '|'])('many %s are read without getting stuck', (sign) => {
  expect(parseMarkdown(sign.repeat(20_000)).length).toBeGreaterThan(0);
});
