// Colours as boards name them. A board's own colours are data; what the page itself draws takes `theme.css`.

import type { Theme } from '../preferences.svelte';

// Each hue from light to dark. A dark page uses the first five shades, a light one the last five.
const HUES: Record<string, string[]> = {
  red: ['#FFA6B0', '#FF7383', '#F2495C', '#E02F44', '#C4162A', '#AD0317'],
  orange: ['#FFCB7D', '#FFB357', '#FF9830', '#FF780A', '#FA6400', '#E55400'],
  yellow: ['#FFF899', '#FFEE52', '#FADE2A', '#F2CC0C', '#E0B400', '#CC9D00'],
  green: ['#C8F2C2', '#96D98D', '#73BF69', '#56A64B', '#37872D', '#19730E'],
  blue: ['#C0D8FF', '#8AB8FF', '#5794F2', '#3274D9', '#1F60C4', '#1250B0'],
  purple: ['#DEB6F2', '#CA95E5', '#B877D9', '#A352CC', '#8F3BB8', '#7C2EA3'],
};
const SHADES = ['super-light', 'light', '', 'semi-dark', 'dark'];
/** Where a board names none. */
export const NO_COLOR = '#808080';
/** Of a panel, to mix scales from. */
const BACKGROUND: Record<Theme, string> = { dark: '#1a2129', light: '#ffffff' };

/** A CSS colour for a name of Grafana's (`semi-dark-orange`), or the colour itself. */
export function cssColor(name: string, theme: Theme): string {
  const [, shade = '', hue = ''] = /^(?:(super-light|light|semi-dark|dark)-)?(red|orange|yellow|green|blue|purple)$/.exec(name) ?? [];
  const at = SHADES.indexOf(shade) + (theme === 'light' ? 1 : 0);
  const found = HUES[hue]?.[at];
  if (found !== undefined) return found;
  if (name === 'panel-bg') return BACKGROUND[theme];
  if (name === 'text') return 'var(--text)';
  // Old singlestats wrote what CSS never knew.
  return name.startsWith('#') || /^(rgba?|hsla?|var)\(/.test(name) ? name : name.replace(/[^a-zA-Z]/g, '') || 'var(--text)';
}

// From d3-scale-chromatic's ramps, which are matplotlib's (CC0).
const RAMPS: Record<string, string[]> = {
  viridis: ['#440154', '#472d7b', '#3b528b', '#2c728e', '#21918c', '#28ae80', '#5ec962', '#addc30', '#fde725'],
  magma: ['#000004', '#1d1147', '#51127c', '#832681', '#b73779', '#e75263', '#fc8961', '#fec488', '#fcfdbf'],
  plasma: ['#0d0887', '#4c02a1', '#7e03a8', '#aa2395', '#cc4778', '#e66c5c', '#f89540', '#fdc527', '#f0f921'],
  inferno: ['#000004', '#210c4a', '#57106e', '#8a226a', '#bc3754', '#e45a31', '#f98e09', '#f9cb35', '#fcffa4'],
  cividis: ['#00204d', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c4b56c', '#ffea46'],
};

const SCALES: Record<string, string[]> = {
  GrYlRd: ['green', 'yellow', 'red'],
  RdYlGr: ['red', 'yellow', 'green'],
  BlYlRd: ['dark-blue', 'super-light-yellow', 'dark-red'],
  YlRd: ['super-light-yellow', 'dark-red'],
  BlPu: ['blue', 'purple'],
  YlBl: ['super-light-yellow', 'dark-blue'],
  blues: ['panel-bg', 'dark-blue'],
  reds: ['panel-bg', 'dark-red'],
  greens: ['panel-bg', 'dark-green'],
  purples: ['panel-bg', 'dark-purple'],
};

/** The colours of a mode `continuous-…`, from low to high; nothing for a mode that has none. */
export function scaleColors(mode: string, theme: Theme): string[] | undefined {
  const name = mode.replace(/^continuous-/, '');
  return RAMPS[name] ?? SCALES[name]?.map((color) => cssColor(color, theme));
}

/** The colour at a share of a scale, from 0 to 1. */
export function colorAt(colors: string[], share: number): string {
  const parsed = colors.map(channels);
  const spread = [0, 1, 2].map((channel) => spline(parsed.map((color) => color[channel] ?? 0), share));
  return `rgb(${spread.map((value) => Math.round(Math.min(255, Math.max(0, value)))).join(', ')})`;
}

function channels(color: string): number[] {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A uniform B-spline through the first and last point, which is how Grafana blends. */
function spline(points: number[], share: number): number {
  const pieces = points.length - 1;
  const t = Math.min(1, Math.max(0, share));
  const at = Math.min(pieces - 1, Math.floor(t * pieces));
  const [b = 0, c = 0] = [points[at], points[at + 1]];
  const a = points[at - 1] ?? 2 * b - c;
  const d = points[at + 2] ?? 2 * c - b;
  const u = t * pieces - at;
  const [u2, u3] = [u * u, u * u * u];
  return ((1 - 3 * u + 3 * u2 - u3) * a + (4 - 6 * u2 + 3 * u3) * b + (1 + 3 * u + 3 * u2 - 3 * u3) * c + u3 * d) / 6;
}
