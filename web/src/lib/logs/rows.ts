// Which rows of a long list are drawn, where some rows have been opened and are taller. Heights in pixels.

/** How much taller a row is than the others, by its place. */
export type Extras = ReadonlyMap<number, number>;

export class Rows {
  private readonly opened: readonly (readonly [place: number, extra: number])[];

  constructor(
    readonly count: number,
    private readonly height: number,
    extras: Extras,
  ) {
    this.opened = [...extras].filter(([place]) => place < count).sort(([a], [b]) => a - b);
  }

  /** Of all rows together. */
  get total(): number {
    return this.topOf(this.count);
  }

  /** Where a row begins. */
  topOf(place: number): number {
    return place * this.height + this.opened.reduce((sum, [opened, extra]) => (opened < place ? sum + extra : sum), 0);
  }

  /** The row that lies at a height. */
  at(top: number): number {
    let above = 0;
    for (const [place, extra] of this.opened) {
      const begins = place * this.height + above;
      if (top < begins + this.height) break;
      if (top < begins + this.height + extra) return place;
      above += extra;
    }
    return Math.max(0, Math.min(this.count - 1, Math.floor((top - above) / this.height)));
  }

  /** From which row to which (excluded) there is something to see, and some more on both sides. */
  seen(top: number, room: number, spare: number): [first: number, last: number] {
    if (this.count === 0) {
      return [0, 0];
    }
    return [Math.max(0, this.at(top) - spare), Math.min(this.count, this.at(top + room) + 1 + spare)];
  }
}
