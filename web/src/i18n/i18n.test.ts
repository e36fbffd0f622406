import { expect, test } from 'vitest';
import { dictionaries, translate, type Key } from '.';

function texts(language: 'zh' | 'en'): Map<string, string> {
  const areas = Object.entries(dictionaries[language]);
  return new Map(areas.flatMap(([area, keys]) => Object.entries(keys).map(([key, text]) => [`${area}.${key}`, text])));
}

test('every text exists in both languages, with the same parameters', () => {
  const [zh, en] = [texts('zh'), texts('en')];
  expect([...zh.keys()].sort()).toEqual([...en.keys()].sort());
  const parameters = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]).sort();
  for (const [key, text] of zh) {
    expect(text.trim(), key).not.toBe('');
    expect(parameters(en.get(key) ?? ''), key).toEqual(parameters(text));
  }
});

test('no English text was left in Chinese, and no Chinese one in English', () => {
  const chinese = /[\u4e00-\u9fff]/;
  for (const [key, text] of texts('en')) {
    expect(chinese.test(text) && key !== 'common.languageOther', `${key}: ${text}`).toBe(false);
  }
});

test('parameters are filled in', () => {
  expect(translate('en', 'common.minutesAgo' as Key, { n: 5 })).toBe('5 min ago');
  expect(translate('zh', 'common.minutesAgo' as Key, { n: 5 })).toBe('5 分钟前');
});
