import uPlot from 'uplot';
import { withAlpha } from './colors';
import { palette } from './palette.svelte';
import type { Threshold, ThresholdStyle } from './types';

/** Draws thresholds on the ground of a chart: dashed lines, and areas up to the next one. */
export function drawThresholds(chart: uPlot, scale: string, thresholds: readonly Threshold[], style: ThresholdStyle): void {
  const { left, top, width, height } = chart.bbox;
  const place = (value: number) => Math.min(top + height, Math.max(top, chart.valToPos(value, scale, true)));
  const pen = chart.ctx;
  pen.save();
  thresholds.forEach(({ value, color }, index) => {
    const plain = palette.resolve(color);
    const y = Number.isFinite(value) ? place(value) : top + height;
    if (style !== 'line') {
      const next = thresholds[index + 1];
      const end = next === undefined ? top : place(next.value);
      pen.fillStyle = withAlpha(plain, 0.12);
      pen.fillRect(left, end, width, y - end);
    }
    if (style !== 'area' && y > top && y < top + height) {
      pen.strokeStyle = plain;
      pen.lineWidth = 1.5 * uPlot.pxRatio;
      pen.setLineDash([8 * uPlot.pxRatio, 5 * uPlot.pxRatio]);
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(left + width, y);
      pen.stroke();
    }
  });
  pen.restore();
}
