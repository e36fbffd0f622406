// A page that shows a text of an area it does not name would show the text's key.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import * as zh from './zh';
import * as frame from './zh/frame';
import { PAGES } from '../routes';

const AREAS = Object.keys(zh);

/** The file that an import names, if it is one of ours. */
function resolved(from: string, name: string): string | undefined {
  const path = join(dirname(from), name);
  return [path, `${path}.ts`, `${path}/index.ts`].find((one) => /\.(ts|svelte)$/.test(one) && existsSync(one));
}

/** All code that a file may run, itself included; pages are others' business. */
function reachable(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const code = readFileSync(file, 'utf8').replace(/^\s*import type [^;]+;/gm, '');
  for (const [, name = ''] of code.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const target = resolved(file, name);
    if (target !== undefined && !/i18n\/|routes\.ts$/.test(target)) reachable(target, found);
  }
  return found;
}

function areasOf(file: string): string[] {
  const keys = new RegExp(`['"\`](${AREAS.join('|')})\\.[\\w$]`, 'g');
  const used = [...reachable(file)].flatMap((one) => [...readFileSync(one, 'utf8').matchAll(keys)].map(([, area = '']) => area));
  return [...new Set(used)].filter((area) => !(area in frame)).sort();
}

test('the frame speaks of nothing but itself', () => {
  expect(areasOf('src/App.svelte')).toEqual([]);
});

test.each(PAGES.map((page) => [page.name, page] as const))('%s names the areas of its texts', (_, page) => {
  const file = /import\(["']([^"']+\.svelte)["']\)|(\/src\/pages\/\w+\.svelte)/.exec(page.load.toString());
  expect(areasOf(join('src', (file?.[1] ?? file?.[2] ?? '').replace(/^\/src\//, '')))).toEqual([...page.areas].sort());
});
