// uPlot behind a narrow door: a `Plot` is shown drawings and tells where the pointer is and what was zoomed to.
// It knows neither components nor texts. Whoever makes one destroys it.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { axisColors, axisWidth, font, scaleOptions, timeTexts, valueTexts } from './axes';
import { bridged, lonely } from './gaps';
import { incrementsOf } from './increments';
import { withAlpha } from './colors';
import { palette } from './palette.svelte';
import { pinch } from './pinch';
import { planScales, type ScalePlan } from './scales';
import { stack } from './stack';
import { drawThresholds } from './thresholds';
import type { ChartSeries, Style, Threshold, ThresholdStyle } from './types';

export interface Drawing {
  times: number[];
  series: readonly ChartSeries[];
  /** Names of series that the reader has switched off. */
  hidden: ReadonlySet<string>;
  from: number;
  to: number;
  zone: string;
  unit?: string;
  decimals?: number | null;
  min?: number;
  max?: number;
  log?: boolean | number;
  thresholds?: readonly Threshold[];
  thresholdStyle?: ThresholdStyle;
  /** Charts of one name show the same moment. */
  sync?: string;
}

export interface Cursor {
  index: number;
  /** Place in the window, in CSS pixels. */
  x: number;
  y: number;
  /** Place of the series whose value is nearest to the pointer. */
  nearest: number | null;
}

export interface PlotEvents {
  /** The pointer or the keys show a moment of this chart, or none any more. */
  cursor: (cursor: Cursor | null) => void;
  /** A range was drawn; without a listener the plot zooms by itself. */
  zoom?: (from: number, to: number) => void;
}

/** Shorter drags are clicks. */
const DRAG_MIN_PX = 5;

const together = new Map<string, Set<Plot>>();

export class Plot {
  private chart: uPlot | null = null;
  private drawing: Drawing | null = null;
  private shape = '';
  private size = { width: 0, height: 0 };
  private view = { from: 0, to: 1 };
  private plans: ScalePlan[] = [];
  private scaleOf: string[] = [];
  private entered = false;
  private letGo: (() => void) | null = null;
  private group: Set<Plot> | null = null;

  constructor(
    private readonly host: HTMLElement,
    private readonly events: PlotEvents,
  ) {}

  /** Draws anew what has changed. */
  draw(drawing: Drawing): void {
    const before = this.drawing;
    this.drawing = drawing;
    if (before === null || before.from !== drawing.from || before.to !== drawing.to) {
      this.view = { from: drawing.from, to: drawing.to };
    }
    const shape = shapeOf(drawing);
    if (this.chart === null || shape !== this.shape) {
      this.shape = shape;
      this.rebuild();
    } else {
      this.refill();
    }
  }

  resize(width: number, height: number): void {
    if (width === this.size.width && height === this.size.height) {
      return;
    }
    this.size = { width, height };
    if (this.chart === null) {
      this.rebuild();
    } else if (width > 0 && height > 0) {
      this.chart.setSize(this.size);
    }
  }

  /** After a change of theme. */
  recolor(): void {
    this.rebuild();
  }

  /** Moves the cursor to a value, as the pointer would; `null` takes it away. */
  point(index: number | null): void {
    const time = index === null ? undefined : this.drawing?.times[index];
    if (this.chart === null || index === null || time === undefined) {
      this.leave();
      return;
    }
    const left = this.chart.valToPos(time, 'x');
    this.chart.setCursor({ left, top: this.chart.over.clientHeight / 2 }, false);
    this.tell(index, left, 0);
  }

  destroy(): void {
    this.dismantle();
    this.drawing = null;
  }

  private dismantle(): void {
    this.part();
    this.letGo?.();
    this.letGo = null;
    this.chart?.destroy();
    this.chart = null;
  }

  private rebuild(): void {
    this.dismantle();
    const { width, height } = this.size;
    if (this.drawing === null || width <= 0 || height <= 0) {
      return;
    }
    ({ scales: this.plans, of: this.scaleOf } = planScales(this.drawing.series, this.drawing));
    this.chart = new uPlot(this.options(this.drawing), this.columns(this.drawing), this.host);
    this.listen(this.chart);
    this.join(this.drawing.sync);
  }

  private refill(): void {
    const { chart, drawing } = this;
    if (chart === null || drawing === null) {
      return;
    }
    chart.batch(() => {
      drawing.series.forEach((one, index) => {
        const show = !drawing.hidden.has(one.name);
        if (chart.series[index + 1]?.show !== show) {
          chart.setSeries(index + 1, { show });
        }
      });
      chart.setData(this.columns(drawing), true);
    });
  }

  private columns(drawing: Drawing): uPlot.AlignedData {
    const { columns, bands } = stack(drawing.series, (index) => !drawing.hidden.has(drawing.series[index]!.name));
    if (this.chart !== null) {
      this.chart.delBand(null);
      bands.forEach(([upper, lower]) => this.chart!.addBand({ series: [upper + 1, lower + 1] }));
    }
    const drawn = columns.map((column, index) => {
      const logged = this.planOf(index)?.log === undefined ? column : column.map((y) => (y == null || y > 0 ? y : null));
      const span = drawing.series[index]!.spanNulls;
      return typeof span === 'number' ? bridged(logged, drawing.times, span) : logged;
    });
    return [drawing.times, ...drawn];
  }

  private planOf(index: number): ScalePlan | undefined {
    return this.plans.find((plan) => plan.key === this.scaleOf[index]);
  }

  // What uPlot wants to know.

  private options(drawing: Drawing): uPlot.Options {
    const { bands } = stack(drawing.series, (index) => !drawing.hidden.has(drawing.series[index]!.name));
    const scales = Object.fromEntries(this.plans.map((plan) => [plan.key, scaleOptions(plan)]));
    return {
      ...this.size,
      padding: [8, this.plans.some((plan) => plan.side === 'right') ? 0 : 12, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), drawing.zone),
      legend: { show: false },
      focus: { alpha: 1 },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
        bind: { dblclick: () => () => this.zoomOut() },
      },
      scales: { x: { time: true, range: () => [this.view.from, this.view.to] }, ...scales },
      axes: [this.timeAxis(), ...this.valueAxes()],
      series: [{}, ...drawing.series.map((one, index) => this.line(one, index))],
      bands: bands.map(([upper, lower]) => ({ series: [upper + 1, lower + 1] })),
      hooks: {
        drawAxes: [(chart) => this.markThresholds(chart)],
        setCursor: [(chart) => this.follow(chart)],
        setSelect: [(chart) => this.select(chart)],
      },
    };
  }

  private line(one: ChartSeries, index: number): uPlot.Series {
    const color = () => this.color(index);
    const style = one.style ?? 'line';
    const fill = one.fill ?? 0;
    return {
      label: one.name,
      scale: this.scaleOf[index],
      show: !this.drawing!.hidden.has(one.name),
      stroke: color,
      fill: fill > 0 ? (chart) => (one.gradient ? faded(chart, color(), fill) : withAlpha(color(), fill)) : undefined,
      width: style === 'points' ? 0 : (one.width ?? 1.5),
      dash: one.dash,
      paths: PATHS[style](),
      spanGaps: one.spanNulls === true,
      points: {
        show: style === 'points' ? true : isBars(style) ? false : one.points,
        size: one.pointSize ?? 5,
        stroke: color,
        fill: color,
        filter: (chart, series, show, gaps) => (show || isBars(style) ? null : lonely(chart.data[series]!, gaps)),
      },
    };
  }

  private color(index: number): string {
    const given = this.drawing?.series[index]?.color;
    return given === undefined ? palette.series(index) : palette.resolve(given);
  }

  private timeAxis(): uPlot.Axis {
    return {
      ...axisColors(),
      space: (_chart, _axis, from, to) => (to - from < 600 ? 72 : 56),
      gap: 4,
      size: 28,
      values: (_chart, splits, _axis, _space, step) => timeTexts(splits, step, this.drawing?.zone ?? 'UTC'),
    };
  }

  private valueAxes(): uPlot.Axis[] {
    const shown = this.plans.filter((plan) => plan.side !== 'hidden');
    return shown.map((plan, place) => ({
      ...axisColors(),
      scale: plan.key,
      side: plan.side === 'left' ? 3 : 1,
      space: 26,
      gap: 6,
      incrs: plan.log === undefined ? incrementsOf(plan.unit) : undefined,
      label: plan.label,
      labelFont: font(),
      labelSize: plan.label === undefined ? 0 : 20,
      grid: { show: place === 0, stroke: () => withAlpha(palette.variable('--line'), 0.6), width: 1 },
      size: (_chart, values) => axisWidth(values ?? []),
      values: (_chart, splits) => valueTexts(splits, plan),
    }));
  }

  private markThresholds(chart: uPlot): void {
    const scale = this.plans[0]?.key;
    if (scale !== undefined) {
      drawThresholds(chart, scale, this.drawing?.thresholds ?? [], this.drawing?.thresholdStyle ?? 'line');
    }
  }

  // Pointer, fingers, and the other charts.

  private listen(chart: uPlot): void {
    const over = chart.over;
    const enter = () => (this.entered = true);
    const leave = () => (this.entered = false);
    over.addEventListener('mouseenter', enter);
    over.addEventListener('mouseleave', leave);
    const unpinch = pinch(over, {
      range: () => [this.view.from, this.view.to],
      preview: (from, to) => this.show(from, to),
      done: (from, to) => this.zoom(from, to),
      drag: (left, top) => {
        this.entered = true;
        chart.setCursor({ left, top }, true);
      },
    });
    this.letGo = () => {
      over.removeEventListener('mouseenter', enter);
      over.removeEventListener('mouseleave', leave);
      unpinch();
    };
  }

  private follow(chart: uPlot): void {
    const { left = -1, top = 0, idx } = chart.cursor;
    if (left < 0 || idx === null || idx === undefined) {
      this.leave();
    } else if (this.entered) {
      this.tell(idx, left, top);
    }
  }

  private tell(index: number, left: number, top: number): void {
    const box = this.chart!.over.getBoundingClientRect();
    this.events.cursor({ index, x: box.left + left, y: box.top + top, nearest: this.nearest(index, top) });
    const time = this.chart!.posToVal(left, 'x');
    this.others((plot) => plot.mark(time));
  }

  private nearest(index: number, top: number): number | null {
    let [best, distance] = [null as number | null, Infinity];
    this.chart!.series.forEach((one, place) => {
      const value = place === 0 || one.show === false ? null : this.chart!.data[place]?.[index];
      if (value !== null && value !== undefined) {
        const away = Math.abs(this.chart!.valToPos(value, one.scale!) - top);
        if (away < distance) {
          [best, distance] = [place - 1, away];
        }
      }
    });
    return best;
  }

  private leave(): void {
    this.chart?.setCursor({ left: -10, top: -10 }, false);
    this.events.cursor(null);
    this.others((plot) => plot.mark(null));
  }

  private mark(time: number | null): void {
    const left = time === null ? -10 : (this.chart?.valToPos(time, 'x') ?? -10);
    this.chart?.setCursor({ left, top: time === null ? -10 : 0 }, false);
  }

  private others(act: (plot: Plot) => void): void {
    this.group?.forEach((plot) => plot !== this && act(plot));
  }

  private join(sync: string | undefined): void {
    if (sync !== undefined) {
      this.group = together.get(sync) ?? new Set();
      together.set(sync, this.group);
      this.group.add(this);
    }
  }

  private part(): void {
    const key = this.drawing?.sync;
    this.group?.delete(this);
    if (this.group?.size === 0 && key !== undefined && together.get(key) === this.group) {
      together.delete(key);
    }
    this.group = null;
  }

  private select(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width >= DRAG_MIN_PX) {
      const [from, to] = [chart.posToVal(left, 'x'), chart.posToVal(left + width, 'x')];
      chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.zoom(from, to);
    }
  }

  private show(from: number, to: number): void {
    this.view = { from, to };
    this.chart?.setScale('x', { min: from, max: to });
  }

  private zoom(from: number, to: number): void {
    if (this.events.zoom === undefined) {
      this.show(from, to);
    } else {
      this.events.zoom(from, to);
    }
  }

  /** A double click shows twice as much. */
  private zoomOut(): null {
    const { from, to } = this.view;
    const more = (to - from) / 2;
    if (this.events.zoom === undefined && this.drawing !== null) {
      this.show(this.drawing.from, this.drawing.to);
    } else {
      this.zoom(from - more, to + more);
    }
    return null;
  }
}

/** Everything but data: while it stays the same, new data go into the chart that exists. */
function shapeOf(drawing: Drawing): string {
  const { unit, decimals, min, max, log, zone, sync } = drawing;
  const lines = drawing.series.map(({ values: _, hidden: __, format: ___, ...rest }) => rest);
  return JSON.stringify([unit, decimals, min, max, log, zone, sync, lines]);
}

/** Gaps say nothing between bars, and dots are not drawn on them. */
const isBars = (style: Style) => style === 'bars' || style === 'buckets';

const PATHS: Record<Style, () => uPlot.Series.PathBuilder> = {
  line: () => uPlot.paths.linear!(),
  step: () => uPlot.paths.stepped!({ align: 1 }),
  'step-before': () => uPlot.paths.stepped!({ align: -1 }),
  smooth: () => uPlot.paths.spline!(),
  bars: () => uPlot.paths.bars!({ size: [0.8, 80, 1] }),
  buckets: () => uPlot.paths.bars!({ size: [0.9, 80, 1], align: 1 }),
  points: () => () => null,
};

/** An area's colour that fades towards the bottom of the chart. */
function faded(chart: uPlot, color: string, opacity: number): CanvasGradient {
  const { top, height } = chart.bbox;
  const gradient = chart.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, withAlpha(color, opacity));
  gradient.addColorStop(1, withAlpha(color, opacity / 8));
  return gradient;
}
