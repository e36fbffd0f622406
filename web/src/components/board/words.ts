// How tiles and their detail say values and changes.

import { t } from '../../i18n';
import { formatValue, type Formatted } from '../../lib/format/unit';
import type { Change } from '../../lib/board';
import type { Tile } from '../../lib/tiles';

/** A value of the tile, its unit apart. */
export function valueOf(tile: Tile, value: number | null): Formatted {
  if (value === null) {
    return { prefix: '', text: '–', suffix: '' };
  }
  const formatted = formatValue(value, tile.unit, tile.decimals);
  return tile.suffix === undefined ? formatted : { ...formatted, suffix: ` ${t(tile.suffix)}` };
}

export function valueText(tile: Tile, value: number | null): string {
  const { prefix, text, suffix } = valueOf(tile, value);
  return prefix + text + suffix;
}

/** Above this a ratio is told as a multiple. */
const PERCENT_MAX = 1000;

/** `12%`, `2.1 个百分点`, `×14`. */
export function amountText(tile: Tile, change: Change): string {
  const size = Math.abs(change.amount);
  if (change.direction === 'same') return t('board.same');
  if (tile.change === 'points') return t('board.points', { n: size.toFixed(1) });
  if (!Number.isFinite(size)) return t('board.fromNothing');
  if (size >= PERCENT_MAX) return t('board.times', { n: Math.round(size / 100 + 1) });
  return t('board.percent', { n: size < 10 ? size.toFixed(1) : Math.round(size) });
}

export const versus = (tile: Tile): string => t(tile.yesterday === 'moment' ? 'board.versusMoment' : 'board.versus');

/** The same for those who hear it: `比昨天同时段上升 12%，变差`. */
export function changeSpoken(tile: Tile, change: Change): string {
  if (change.direction === 'same' || !Number.isFinite(change.amount)) {
    return amountText(tile, change);
  }
  const words = t('board.changeSpoken', {
    versus: versus(tile),
    direction: t(change.direction === 'up' ? 'board.up' : 'board.down'),
    amount: amountText(tile, change),
  });
  return change.mood === 'neutral' ? words : `${words}, ${t(change.mood === 'good' ? 'board.good' : 'board.bad')}`;
}
