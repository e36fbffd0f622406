import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { faults } from '../../i18n/zh/logFaults';
import { preferences } from '../preferences.svelte';
import { faultWords, isWorthTelling } from './words';

test('what is wrong is told in the reader’s language, what has no words yet in the server’s', () => {
  preferences.language = 'zh';
  expect(faultWords('missing-value', '`a:` has no value', { field: 'a' })).toBe('a: 后面没有值：任意值都行就写 a:*，否则给文字加引号');
  expect(faultWords('never-heard', 'words of the server', {})).toBe('words of the server');
  preferences.language = 'en';
  expect(faultWords('missing-value', '`a:` has no value', { field: 'a' })).toBe('`a:` has no value');
});

test('every code of the language has Chinese words', () => {
  const folder = '../crates/wire/src/lucene';
  const files = ['error.rs', 'note.rs', 'regex.rs'].map((name) => `${folder}/${name}`).filter((path) => existsSync(path));
  const codes = files.flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/=> "([a-z]+(?:-[a-z]+)+|unexpected)",/g)].map(([, code = '']) => code));
  expect(codes.filter((code) => isWorthTelling(code) && faults[code] === undefined)).toEqual([]);
});
