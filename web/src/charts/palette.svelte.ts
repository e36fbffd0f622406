// The theme's colours for canvases, which cannot read CSS variables. Reading them follows a change of theme.

import { channels, readable, vary } from './colors';

/** How many `--series-N` the theme has. */
const SERIES = 8;

class Palette {
  private theme = $state(0);
  private variables = new Map<string, string>();
  private normal = new Map<string, string>();
  private pen: CanvasRenderingContext2D | null = null;

  constructor() {
    if (typeof document === 'undefined') {
      return;
    }
    // The attribute, not the preference: styles have changed only once it has.
    const observer = new MutationObserver(() => {
      this.variables.clear();
      this.normal.clear();
      this.theme += 1;
    });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  }

  /** Grows with each change of theme. */
  get version(): number {
    return this.theme;
  }

  /** The value of a CSS variable, such as `--text`. */
  variable(name: string): string {
    void this.theme;
    let found = this.variables.get(name);
    if (found === undefined) {
      found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      this.variables.set(name, found);
    }
    return found;
  }

  /** Colour of the series at a place; after the eighth they are derived from the first ones. */
  series(index: number): string {
    return vary(this.variable(`--series-${(index % SERIES) + 1}`), Math.floor(index / SERIES));
  }

  /** A board's colour as text on a panel. */
  text(color: string): string {
    return color.startsWith('var(') ? color : readable(this.resolve(color), this.variable('--surface'), this.variable('--text'));
  }

  /** Any CSS colour or `var(--name)` as `#rrggbb` or `#rrggbbaa`. */
  resolve(color: string): string {
    const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
    const plain = name === undefined ? color : this.variable(name);
    return channels(plain) === null ? this.normalized(plain) : plain;
  }

  private normalized(color: string): string {
    let found = this.normal.get(color);
    if (found === undefined) {
      found = this.paint(color);
      this.normal.set(color, found);
    }
    return found;
  }

  private paint(color: string): string {
    this.pen ??= document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (this.pen === null) {
      return color;
    }
    this.pen.clearRect(0, 0, 1, 1);
    this.pen.fillStyle = '#808080';
    this.pen.fillStyle = color;
    this.pen.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, opacity = 255] = this.pen.getImageData(0, 0, 1, 1).data;
    return `#${[red, green, blue, opacity].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
  }
}

export const palette = new Palette();
