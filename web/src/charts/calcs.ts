// What the numbers of a legend are called. The calculations themselves are those of boards (`lib/grafana/reduce`).

import type { Key } from '../i18n';

const TITLES: Record<string, Key> = {
  last: 'charts.calcLast',
  lastNotNull: 'charts.calcLast',
  first: 'charts.calcFirst',
  firstNotNull: 'charts.calcFirst',
  min: 'charts.calcMin',
  max: 'charts.calcMax',
  mean: 'charts.calcMean',
  median: 'charts.calcMedian',
  sum: 'charts.calcSum',
  count: 'charts.calcCount',
  range: 'charts.calcRange',
  diff: 'charts.calcDiff',
  diffperc: 'charts.calcDiffPercent',
  delta: 'charts.calcDelta',
  step: 'charts.calcStep',
  variance: 'charts.calcVariance',
  stdDev: 'charts.calcDeviation',
  changeCount: 'charts.calcChanges',
  distinctCount: 'charts.calcDistinct',
};

/** The key of a calculation's title; nothing for those whose id says it all (`p95`). */
export function calcTitle(id: string): Key | undefined {
  return Object.prototype.hasOwnProperty.call(TITLES, id) ? TITLES[id] : undefined;
}
