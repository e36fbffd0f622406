// A board being edited: every change can be taken back until it is saved.

import type { JsonObject } from '../../lib/grafana/json';
import { readBoard } from '../../lib/grafana/read-board';
import type { Board } from '../../lib/grafana/model';

/** Older changes cannot be taken back any more. */
const STEPS_MAX = 100;

/** Changes within this time at one place are one step: typing a title is not ten. */
const TOGETHER_MS = 1200;

export class BoardDraft {
  board: Board = $state.raw(readBoard({}));
  dirty = $state(false);
  private past: JsonObject[] = $state.raw([]);
  private future: JsonObject[] = $state.raw([]);
  private saved: JsonObject;
  private last = { place: '', at: 0 };

  constructor(board: Board) {
    this.board = board;
    this.saved = board.json;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** `place` joins quick changes of the same thing into one step. */
  change(json: JsonObject, place = ''): void {
    const now = Date.now();
    const together = place !== '' && place === this.last.place && now - this.last.at < TOGETHER_MS;
    if (!together) {
      this.past = [...this.past, this.board.json].slice(-STEPS_MAX);
    }
    this.last = { place, at: now };
    this.future = [];
    this.take(json);
  }

  undo(): void {
    const before = this.past[this.past.length - 1];
    if (before === undefined) return;
    this.past = this.past.slice(0, -1);
    this.future = [this.board.json, ...this.future];
    this.take(before);
  }

  redo(): void {
    const [next, ...rest] = this.future;
    if (next === undefined) return;
    this.past = [...this.past, this.board.json];
    this.future = rest;
    this.take(next);
  }

  discard(): void {
    this.past = this.future = [];
    this.take(this.saved);
  }

  /** The server has taken the board as this version. */
  settle(version: number): void {
    this.saved = { ...this.board.json, version };
    this.take(this.saved);
  }

  private take(json: JsonObject): void {
    const uid = this.board.uid;
    this.board = { ...readBoard(json), uid };
    this.dirty = json !== this.saved;
    this.last = json === this.saved ? { place: '', at: 0 } : this.last;
  }
}

/** Drafts that were left by the back button: they are there again when their board is. */
const left = new Map<string, BoardDraft>();

export function keepDraft(draft: BoardDraft): void {
  if (draft.dirty) left.set(draft.board.uid, draft);
}

/** The draft that was left of a board, unless the board has been saved since. */
export function draftOf(board: Board): { draft: BoardDraft; restored: boolean } {
  const found = left.get(board.uid);
  left.delete(board.uid);
  if (found !== undefined && found.board.json.version === board.json.version) {
    return { draft: found, restored: true };
  }
  return { draft: new BoardDraft(board), restored: false };
}
