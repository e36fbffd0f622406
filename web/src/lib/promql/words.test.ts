import * as library from '@prometheus-io/codemirror-promql/dist/esm/complete/promql.terms';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { complaintWords, completionWords } from './words';

test('whatever completion explains, it explains in Chinese too', () => {
  const lists = Object.values(library).filter(Array.isArray) as { label: string; info?: string; detail?: string }[][];
  const explained = lists.flat().filter((one) => one.info !== undefined);
  expect(explained.length).toBeGreaterThan(100);
  for (const one of explained) {
    const words = completionWords(one, 'zh');
    expect(words.info, one.label).toMatch(/[\u4e00-\u9fff]/);
    expect(words.detail ?? '', one.label).not.toMatch(/[a-z]/);
    expect(completionWords(one, 'en')).toBe(one);
  }
});

test('help of a metric is what its page says, also when its name is a word of the language', () => {
  const metric = { label: 'group', type: 'constant', detail: 'gauge', info: 'Members' };
  expect(completionWords(metric, 'zh')).toEqual({ ...metric, detail: '仪表' });
});

test('every complaint of the grammar is said in Chinese', () => {
  const source = readFileSync('node_modules/@prometheus-io/codemirror-promql/dist/esm/parser/parser.js', 'utf8');
  const pattern = /(?:addDiagnostic(?:WithSeverity)?\([^,]+, |message: )(['`])(.+?)\1/g;
  const messages = [...source.matchAll(pattern)].map((found) => (found[2] ?? '').replace(/\$\{[^}]+\}/g, '7'));
  expect(messages.length).toBeGreaterThan(25);
  for (const message of messages) {
    expect(complaintWords(message, 'zh'), message).toMatch(/[\u4e00-\u9fff]/);
  }
  expect(complaintWords('expected 1 argument(s) in call to "rate", got 0', 'zh')).toBe('rate 要 1 个参数，这里有 0 个');
  expect(complaintWords('expected type matrix in call to function "rate", got vector', 'zh')).toBe(
    'rate() 要的是区间向量，这里是瞬时向量',
  );
});
