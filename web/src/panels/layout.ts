// Where panels lie on the grid of 24 columns, and how they make room for one that is moved.

import type { Grid } from '../lib/grafana/model';

export const COLUMNS = 24;
/** Smaller panels could not be taken hold of. */
export const WIDTH_MIN = 3;
export const HEIGHT_MIN = 2;

export interface Box extends Grid {
  id: number;
}

const overlap = (a: Grid, b: Grid) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** In reading order: from top to bottom, from left to right. */
export function inOrder<T extends Grid>(boxes: readonly T[]): T[] {
  return [...boxes].sort((a, b) => a.y - b.y || a.x - b.x);
}

/** A box that lies on the grid. */
export function fitted<T extends Grid>(box: T): T {
  const w = Math.min(COLUMNS, Math.max(WIDTH_MIN, Math.round(box.w)));
  const h = Math.max(HEIGHT_MIN, Math.round(box.h));
  const x = Math.min(COLUMNS - w, Math.max(0, Math.round(box.x)));
  return { ...box, x, y: Math.max(0, Math.round(box.y)), w, h };
}

/**
 * Every box as far up as those above it allow, and none on another, as Grafana lays boards out. A box does not pass
 * another on its way up. `first` goes before all that start where it does.
 */
export function packed<T extends Box>(boxes: readonly T[], first?: number): T[] {
  const done: T[] = [];
  const order = inOrder(boxes).sort((a, b) => a.y - b.y || Number(b.id === first) - Number(a.id === first) || a.x - b.x);
  for (const box of order) {
    const blocking = (y: number) => done.find((other) => overlap({ ...box, y }, other));
    let y = Math.min(box.y, Math.max(0, ...done.map((other) => other.y + other.h)));
    while (y > 0 && blocking(y - 1) === undefined && blocking(y) === undefined) {
      y -= 1;
    }
    for (let other = blocking(y); other !== undefined; other = blocking(y)) {
      y = other.y + other.h;
    }
    done.push({ ...box, y });
  }
  return inOrder(done);
}

/** The boxes after one has been given another place or size; those in its way move down, then all move up. */
export function changed(boxes: readonly Box[], id: number, change: Partial<Grid>): Box[] {
  const subject = boxes.find((box) => box.id === id);
  if (subject === undefined) {
    return [...boxes];
  }
  const target = fitted({ ...subject, ...change });
  const fixed: Box[] = [target];
  for (const box of packed(boxes.filter((other) => other.id !== id))) {
    let y = box.y;
    for (let blocking = fixed.find((one) => overlap({ ...box, y }, one)); blocking !== undefined; ) {
      y = blocking.y + blocking.h;
      blocking = fixed.find((one) => overlap({ ...box, y }, one));
    }
    fixed.push({ ...box, y });
  }
  return packed(fixed, id);
}

/** A place for a new box: beside the last one when it fits there, else below all. */
export function free(boxes: readonly Grid[], w: number, h: number): Grid {
  const bottom = Math.max(0, ...boxes.map((box) => box.y + box.h));
  for (const y of [...new Set(boxes.map((box) => box.y))].sort((a, b) => b - a).slice(0, 1)) {
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      const place = { x, y, w, h };
      if (!boxes.some((box) => overlap(box, place))) {
        return place;
      }
    }
  }
  return { x: 0, y: bottom, w, h };
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** How far an arrow key looks for a place that makes a difference. */
const REACH = 40;

/** What an arrow key does to a panel: it moves, with Shift it grows or shrinks. Nothing for other keys. */
export function byKey(boxes: readonly Box[], id: number, key: string, grow: boolean): Box[] | null {
  const [arrow, box] = [ARROWS[key], boxes.find((one) => one.id === id)];
  if (arrow === undefined || box === undefined) {
    return null;
  }
  const [right, down] = arrow;
  if (grow) {
    return changed(boxes, id, { w: box.w + right, h: box.h + down });
  }
  // As panels close up, a step of one row may change nothing: the key goes on to the first one that does.
  for (let step = 1; step <= REACH; step += 1) {
    const moved = changed(boxes, id, { x: box.x + right * step, y: box.y + down * step });
    if (JSON.stringify(moved) !== JSON.stringify(inOrder(boxes))) {
      return moved;
    }
  }
  return [...boxes];
}
