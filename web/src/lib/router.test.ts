import { expect, test } from 'vitest';
import { link, parsePlace } from './router.svelte';

test.each([
  ['', '', '', ''],
  ['#/board', 'board', '', ''],
  ['#/dashboards/a%2Fb?from=now-1h&var-x=1&var-x=2', 'dashboards', 'a/b', 'from=now-1h&var-x=1&var-x=2'],
  ['#/alerts?receiver=%E5%9B%A2', 'alerts', '', 'receiver=%E5%9B%A2'],
  ['#/x/%', 'x', '%', ''],
])('%s is read', (hash, page, argument, query) => {
  const place = parsePlace(hash);
  expect([place.page, place.argument, place.query.toString()]).toEqual([page, argument, query]);
});

test('a link is read as it was written', () => {
  const place = parsePlace(link('dashboards', 'a/b c', { expr: 'up{a="ü&"} > 0', empty: null, many: ['1', '2'] }));
  expect(place.argument).toBe('a/b c');
  expect(place.query.get('expr')).toBe('up{a="ü&"} > 0');
  expect(place.query.has('empty')).toBe(false);
  expect(place.query.getAll('many')).toEqual(['1', '2']);
});
