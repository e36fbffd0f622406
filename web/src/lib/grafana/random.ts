// Made-up frames for tests: the same for the same seed.

import type { Field, FieldType, Frame } from './frame';

/** Labels of series, of which the last has one more. */
export const LABELS: Record<string, string>[] = [{ job: 'api' }, { job: 'db' }, { job: 'web', zone: 'b' }];

/** A small generator (mulberry32): tests must fail alike everywhere. */
export class Random {
  constructor(private seed: number) {}

  next(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  number(): number {
    const size = this.pick([1, 1, 100, 1000, 1e6, 1e-3]);
    const value = (this.next() - 0.3) * size;
    // Adding 0 takes the sign off a zero.
    return this.chance(0.4) ? Math.round(value) + 0 : value;
  }

  values(type: FieldType, length: number, gaps = 0.1): unknown[] {
    return Array.from({ length }, () => {
      if (type === 'number') return this.chance(gaps) ? null : this.number();
      if (type === 'boolean') return this.chance(0.5);
      return this.pick(['api', 'db', 'web', 'Cache', '10', '']);
    });
  }

  /** A series of time and value. Times are those of a grid, some left out. */
  series(name: string, labels: Record<string, string>, length = 8): Frame {
    const times = Array.from({ length }, (_, index) => 1_700_000_000_000 + index * 60_000).filter(() => this.chance(0.85));
    const fields: Field[] = [
      { name: 'Time', type: 'time', values: times, config: { custom: {} } },
      { name: 'Value', type: 'number', values: this.values('number', times.length), labels, config: { custom: {}, sourceName: name || undefined } },
    ];
    return { refId: this.pick(['A', 'B']), fields, length: times.length };
  }

  /** A table such as an instant query gives. */
  table(refId: string, length: number): Frame {
    const job = Array.from({ length }, () => this.pick(['api', 'db', 'web']));
    const instance = Array.from({ length }, (_, index) => `10.0.0.${index % 4}`);
    const column = (name: string, type: FieldType, values: unknown[]): Field => ({ name, type, values, config: { custom: {} } });
    const fields = [
      column('Time', 'time', new Array<number>(length).fill(1_700_000_000_000)),
      column('instance', 'string', instance),
      column('job', 'string', job),
      column(`Value #${refId}`, 'number', this.values('number', length, 0.05)),
    ];
    return { refId, fields, length };
  }
}
