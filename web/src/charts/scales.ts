// Which axes a chart has: one for each unit.

import type { Axis, ChartSeries } from './types';

export interface ScalePlan {
  key: string;
  side: Axis;
  unit: string;
  decimals: number | null | undefined;
  min: number | undefined;
  max: number | undefined;
  softMin: number | undefined;
  softMax: number | undefined;
  /** Base of a logarithmic axis. */
  log: 2 | 10 | undefined;
  label: string | undefined;
}

export interface Defaults {
  unit?: string;
  decimals?: number | null;
  min?: number;
  max?: number;
  log?: boolean | number;
}

/** The axes in the order in which series ask for them, and which one each series uses. */
export function planScales(series: readonly ChartSeries[], defaults: Defaults): { scales: ScalePlan[]; of: string[] } {
  const scales: ScalePlan[] = [];
  const of = series.map((one) => {
    const unit = one.percent === true ? 'percentunit' : (one.unit ?? defaults.unit ?? '');
    const first = scales[0];
    const side = one.axis ?? (first === undefined || first.unit === unit ? 'left' : 'right');
    const key = `${side} ${unit}`;
    const found = scales.find((scale) => scale.key === key);
    if (found === undefined) {
      scales.push(planned(key, side, unit, one, defaults));
    } else {
      widen(found, one);
    }
    return key;
  });
  return { scales, of };
}

function planned(key: string, side: Axis, unit: string, one: ChartSeries, defaults: Defaults): ScalePlan {
  const share = one.percent === true;
  return {
    key,
    side,
    unit,
    decimals: one.decimals ?? defaults.decimals,
    min: one.min ?? defaults.min ?? (share && one.negate !== true ? 0 : undefined),
    max: one.max ?? defaults.max ?? (share ? 1 : undefined),
    ...softBounds(one),
    log: base(one.log ?? defaults.log),
    label: one.axisLabel,
  };
}

/** A pile stands on zero: with another ground its parts would not be in proportion. */
function softBounds({ stack, negate, softMin, softMax }: ChartSeries): Pick<ScalePlan, 'softMin' | 'softMax'> {
  const piled = stack !== undefined;
  return { softMin: softMin ?? (piled && negate !== true ? 0 : undefined), softMax: softMax ?? (piled && negate === true ? 0 : undefined) };
}

/** Series that share an axis share the widest of the bounds that they ask for. */
function widen(scale: ScalePlan, one: ChartSeries): void {
  if (one.min !== undefined) scale.min = Math.min(scale.min ?? one.min, one.min);
  if (one.max !== undefined) scale.max = Math.max(scale.max ?? one.max, one.max);
  const soft = softBounds(one);
  scale.softMin ??= soft.softMin;
  scale.softMax ??= soft.softMax;
  scale.label ??= one.axisLabel;
}

function base(log: boolean | number | undefined): 2 | 10 | undefined {
  if (log === undefined || log === false || log === 0) {
    return undefined;
  }
  return log === 2 ? 2 : 10;
}
