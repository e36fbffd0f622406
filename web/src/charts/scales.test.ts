import { expect, test } from 'vitest';
import { channels, contrast, inkOn, readable, vary, withAlpha } from './colors';
import { incrementsOf } from './increments';
import { pinched } from './pinch';
import { planScales } from './scales';

test('each unit has an axis, the first one left', () => {
  const of = (unit: string, axis?: 'left' | 'right' | 'hidden') => ({ name: unit, values: [], unit, axis });
  const { scales, of: used } = planScales([of('s'), of('bytes'), of('s'), of('short', 'hidden')], {});
  expect(scales.map(({ key }) => key)).toEqual(['left s', 'right bytes', 'hidden short']);
  expect(used).toEqual(['left s', 'right bytes', 'left s', 'hidden short']);
});

test('ticks of seconds are round on a clock, those of bytes in powers of two', () => {
  expect(incrementsOf('s')).toContain(60);
  expect(incrementsOf('ms')).toContain(60_000);
  expect(incrementsOf('s')).not.toContain(50);
  expect(incrementsOf('bytes')).toContain(1024);
  expect(incrementsOf('short')).toBeUndefined();
});

test('two fingers keep the moments that they hold', () => {
  // 100 px wide, 0…100 s. Fingers on 40 and 60 spread to 20 and 80: 20 s on 60 px.
  const [from, to] = pinched([40, 60], [20, 80], 100);
  expect(from).toBeCloseTo(40 - 20 / 3);
  expect(to - from).toBeCloseTo(100 / 3);
});

test('colours beyond the palette differ from their ancestor', () => {
  expect(vary('#59c3b7', 0)).toBe('#59c3b7');
  const rounds = [0, 1, 2, 3].map((round) => vary('#59c3b7', round));
  expect(new Set(rounds).size).toBe(4);
  rounds.forEach((color) => expect(channels(color)).not.toBeNull());
});

test('opacity and ink', () => {
  expect(withAlpha('#102030', 0.5)).toBe('rgba(16, 32, 48, 0.5)');
  expect([inkOn('#ffffff'), inkOn('#000000'), inkOn('#f2cc0c'), inkOn('#1250B0')]).toEqual(['#000000', '#ffffff', '#000000', '#ffffff']);
});

test('a board\'s colour becomes readable, and keeps what is readable already', () => {
  expect(readable('#73BF69', '#1a2129', '#e8edf2').toLowerCase()).toBe('#73bf69');
  for (const ground of ['#1a2129', '#ffffff']) {
    const ink = inkOn(ground);
    expect(contrast(readable('#df3435', ground, ink), ground)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(readable('#f2cc0c80', ground, ink), ground)).toBeGreaterThanOrEqual(4.5);
  }
});
