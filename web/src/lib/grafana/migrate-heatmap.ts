// The heatmap of Grafana before 9.1.

import { isObject, number, object, put, text, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { omit } from './migrate-shared';

const CONSUMED = (
  'cards color dataFormat heatmap hideZeroBuckets highlightCards legend reverseYBuckets tooltip tooltipDecimals xAxis ' +
  'xBucketNumber xBucketSize yAxis yBucketBound yBucketNumber yBucketSize'
).split(' ');

/** Lifts an old heatmap; a new one passes as it is. */
export function migrateHeatmap(panel: JsonObject): Lifted {
  if (panel.dataFormat === undefined && !isObject(panel.color) && panel.yBucketBound === undefined) {
    return { json: panel, notes: [] };
  }
  const [color, axis, cards] = [object(panel.color), object(panel.yAxis), object(panel.cards)];
  const calculate = panel.dataFormat !== 'tsbuckets';
  const options: JsonObject = {
    calculate,
    calculation: { yBuckets: { mode: 'count', value: text(panel.yBucketNumber) ?? '' } },
    cellGap: number(cards.cardPadding) ?? 1,
    color: {
      mode: color.mode === 'opacity' ? 'opacity' : 'scheme',
      fill: text(color.cardColor) ?? 'dark-orange',
      scheme: (text(color.colorScheme) ?? 'interpolateOranges').replace(/^interpolate/, ''),
      exponent: number(color.exponent) ?? 0.5,
      steps: 64,
      min: number(color.min) ?? null,
      max: number(color.max) ?? null,
    },
    legend: { show: object(panel.legend).show !== false },
    tooltip: { mode: object(panel.tooltip).show === false ? 'none' : 'single' },
    yAxis: { unit: text(axis.format) ?? 'short', reverse: panel.reverseYBuckets === true },
  };
  if (number(axis.decimals) !== undefined) {
    put(options, 'yAxis.decimals', axis.decimals);
  }
  const kept = omit(panel, CONSUMED);
  const fieldConfig = { defaults: {}, overrides: [], ...object(panel.fieldConfig) };
  return { json: { ...kept, options: { ...object(panel.options), ...options }, fieldConfig }, notes: [] };
}
