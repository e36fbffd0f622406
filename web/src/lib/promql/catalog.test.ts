import { expect, test } from 'vitest';
import { Cache, metadataOf } from './catalog';

test('an answer is asked for once while it is fresh, and the oldest leaves first', async () => {
  const asked: string[] = [];
  const cache = new Cache(1000, 2);
  const get = (key: string, now: number) => cache.get(key, async () => (asked.push(key), key.toUpperCase()), now);
  expect(await get('a', 0)).toBe('A');
  await get('a', 999);
  expect(asked).toEqual(['a']);
  await get('a', 1000);
  expect(asked).toEqual(['a', 'a']);
  await get('b', 1000);
  await get('a', 1001);
  await get('c', 1002); // `b` was unused for longest.
  await get('a', 1003);
  await get('b', 1004);
  expect(asked).toEqual(['a', 'a', 'b', 'c', 'b']);
});

test('a failure is asked again', async () => {
  const cache = new Cache();
  await expect(cache.get('a', () => Promise.reject(new Error('down')), 0)).rejects.toThrow('down');
  expect(await cache.get('a', async () => 'up', 1)).toBe('up');
});

test('parts of a histogram have its help', () => {
  const all = { http_seconds: [{ type: 'histogram', help: 'How long', unit: '' }] };
  expect(metadataOf(all, 'http_seconds_bucket')?.help).toBe('How long');
  expect(metadataOf(all, 'http_seconds')?.type).toBe('histogram');
  expect(metadataOf(all, 'other')).toBeUndefined();
});
