import { expect, test } from 'vitest';
import { withValue } from '../../lib/grafana/edit';
import { importNow } from '../../lib/grafana/import-now';
import { BoardDraft, draftOf, keepDraft } from './draft.svelte';

function draft(): BoardDraft {
  return new BoardDraft({ ...importNow({ title: 'a', version: 1, panels: [] }).board, uid: 'u' });
}

const titled = (one: BoardDraft, title: string, place = '') => one.change(withValue(one.board.json, 'title', title), place);

test('changes are undone and done again, and saving ends them', () => {
  const one = draft();
  titled(one, 'b');
  titled(one, 'c');
  expect([one.board.title, one.dirty]).toEqual(['c', true]);
  one.undo();
  expect(one.board.title).toBe('b');
  one.undo();
  expect([one.board.title, one.dirty, one.canUndo]).toEqual(['a', false, false]);
  one.redo();
  one.settle(2);
  expect([one.board.title, one.dirty, one.board.json.version]).toEqual(['b', false, 2]);
});

test('what is typed at one place in one go is one step', () => {
  const one = draft();
  titled(one, 'b', 'title');
  titled(one, 'bc', 'title');
  one.undo();
  expect(one.board.title).toBe('a');
});

test('a draft that was left is there again, unless the board has been saved since', () => {
  const one = draft();
  titled(one, 'mine');
  keepDraft(one);
  const board = draft().board;
  expect(draftOf(board)).toEqual({ draft: one, restored: true });
  expect(draftOf(board).restored).toBe(false);
  keepDraft(one);
  expect(draftOf({ ...board, json: { ...board.json, version: 2 } }).restored).toBe(false);
});
