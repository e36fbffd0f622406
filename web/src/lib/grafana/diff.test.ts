import { expect, test } from 'vitest';
import { differences } from './diff';

test('changes are told by panel and place', () => {
  const before = { version: 1, title: 'a', panels: [{ id: 1, title: 'QPS', type: 'stat', targets: [{ expr: 'x' }] }, { id: 2, title: 'old', type: 'text' }] };
  const after = { version: 2, title: 'b', panels: [{ id: 1, title: 'QPS', type: 'stat', targets: [{ expr: 'y' }] }, { id: 3, title: 'new', type: 'gauge' }] };
  expect(differences(before, after)).toEqual([
    { place: 'title', before: 'a', after: 'b' },
    { place: 'QPS · targets[0].expr', before: 'x', after: 'y' },
    { place: 'old', before: 'text', after: undefined },
    { place: 'new', before: undefined, after: 'gauge' },
  ]);
});

test('a save without changes differs in nothing', () => {
  expect(differences({ version: 1, panels: [] }, { version: 2, panels: [] })).toEqual([]);
});
