// How axes of a plot are scaled and what is written on them.

import uPlot from 'uplot';
import { formatText } from '../lib/format/unit';
import { clock, shortClock, shortDate } from '../lib/time/format';
import { withAlpha } from './colors';
import { palette } from './palette.svelte';
import type { ScalePlan } from './scales';

const FONT_PX = 12;

/** A scale of uPlot by its plan. */
export function scaleOptions(plan: ScalePlan): uPlot.Scale {
  return {
    distr: plan.log === undefined ? 1 : 3,
    log: plan.log,
    range: (_chart, low, high) => valueRange(plan, low, high),
  };
}

/** Room above and below, zero where it is near, and the bounds that were asked for. */
function valueRange(plan: ScalePlan, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) {
    return [plan.min ?? plan.softMin ?? (plan.log === undefined ? 0 : 1), plan.max ?? plan.softMax ?? (plan.log ?? 1)];
  }
  if (plan.log !== undefined) {
    const [from, to] = uPlot.rangeLog(Math.min(low, plan.softMin ?? low), Math.max(high, plan.softMax ?? high), plan.log, false);
    return [plan.min !== undefined && plan.min > 0 ? plan.min : from, plan.max ?? to];
  }
  const [from, to] = uPlot.rangeNum(low, high, {
    min: { pad: 0.1, soft: plan.softMin ?? 0, mode: plan.softMin === undefined ? 3 : 1 },
    max: { pad: 0.1, soft: plan.softMax ?? 0, mode: plan.softMax === undefined ? 3 : 1 },
  });
  const bounds: [number, number] = [plan.min ?? from ?? 0, plan.max ?? to ?? 1];
  return bounds[0] < bounds[1] ? bounds : [bounds[0], bounds[0] + 1];
}

/** For axes and their labels. */
export function font(): string {
  return `${FONT_PX}px ${palette.variable('--font')}`;
}

export function axisColors(): uPlot.Axis {
  return {
    font: font(),
    stroke: () => palette.variable('--text-dim'),
    grid: { stroke: () => withAlpha(palette.variable('--line'), 0.6), width: 1 },
    ticks: { stroke: () => palette.variable('--line'), width: 1, size: 4 },
  };
}

let ruler: CanvasRenderingContext2D | null = null;

/** Room for the widest of the texts and the tick. */
export function axisWidth(values: readonly (string | number | null)[]): number {
  ruler ??= document.createElement('canvas').getContext('2d');
  if (ruler === null) {
    return 56;
  }
  ruler.font = font();
  const widest = values.reduce<number>((most, text) => Math.max(most, ruler!.measureText(String(text ?? '')).width), 0);
  return Math.ceil(widest) + 14;
}

/** Texts of ticks, with as many decimals as it takes to tell neighbours apart. */
export function valueTexts(splits: number[], plan: ScalePlan): string[] {
  for (let decimals = plan.decimals; ; decimals = (decimals ?? 1) + 1) {
    const texts = splits.map((value) => (value === null ? '' : formatText(value, plan.unit, decimals)));
    const told = texts.filter((text) => text !== '');
    if (new Set(told).size === told.length || (decimals ?? 0) >= 6) {
      return texts;
    }
  }
}

/** Texts of the time axis: the clock, and the date where a day begins. */
export function timeTexts(splits: number[], step: number, zone: string): string[] {
  return splits.map((time) => {
    const text = step < 60 ? clock(time, zone) : shortClock(time, zone);
    return step >= 86_400 || text === '00:00' ? shortDate(time, zone) : text;
  });
}
