import { formatText } from '../lib/format/unit';
import type { ChartSeries } from './types';

/** A value of a series as it is told; `unit` and `decimals` are the chart's. */
export function valueText(one: ChartSeries, value: number, unit: string, decimals: number | null | undefined): string {
  return one.format?.(value) ?? formatText(value, one.unit ?? unit, one.decimals ?? decimals);
}
