// How many equal tiles fit beside and below each other.

import type { Orientation } from '../lib/grafana/model';

export interface Tiles {
  columns: number;
  width: number;
  height: number;
}

/** The split whose tiles come nearest to the wanted shape (width through height). */
export function tiles(count: number, width: number, height: number, orientation: Orientation, shape = 2.2): Tiles {
  const split = (columns: number): Tiles => {
    const rows = Math.max(1, Math.ceil(count / columns));
    return { columns, width: width / columns, height: height / rows };
  };
  if (count <= 1) {
    return split(1);
  }
  // A horizontal layout lays values below each other, as bars lie.
  if (orientation === 'horizontal') {
    return split(1);
  }
  if (orientation === 'vertical') {
    return split(count);
  }
  const odd = (one: Tiles) => Math.abs(Math.log(one.width / Math.max(1, one.height) / shape));
  return Array.from({ length: count }, (_, index) => split(index + 1)).reduce((best, one) => (odd(one) < odd(best) ? one : best));
}
