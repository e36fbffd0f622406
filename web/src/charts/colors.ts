// Arithmetic of colours, without a browser.

export interface Hsl {
  hue: number;
  saturation: number;
  lightness: number;
}

/** Reads `#rgb`, `#rrggbb` and `#rrggbbaa` as channels from 0 to 255 and opacity from 0 to 1. */
export function channels(hex: string): [number, number, number, number] | null {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(hex);
  const full = short === null ? hex : `#${short.slice(1).map((digit) => digit + digit).join('')}`;
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})?$/i.exec(full);
  if (long === null) {
    return null;
  }
  const [red = 0, green = 0, blue = 0] = long.slice(1, 4).map((part) => parseInt(part, 16));
  return [red, green, blue, long[4] === undefined ? 1 : parseInt(long[4], 16) / 255];
}

function toHsl([red, green, blue]: [number, number, number]): Hsl {
  const [r, g, b] = [red / 255, green / 255, blue / 255];
  const [high, low] = [Math.max(r, g, b), Math.min(r, g, b)];
  const lightness = (high + low) / 2;
  const spread = high - low;
  if (spread === 0) {
    return { hue: 0, saturation: 0, lightness };
  }
  const saturation = spread / (1 - Math.abs(2 * lightness - 1));
  const sixth = high === r ? ((g - b) / spread + 6) % 6 : high === g ? (b - r) / spread + 2 : (r - g) / spread + 4;
  return { hue: sixth * 60, saturation, lightness };
}

function toHex({ hue, saturation, lightness }: Hsl): string {
  const spread = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const place = (offset + hue / 30) % 12;
    const value = lightness - spread * Math.max(-1, Math.min(place - 3, 9 - place, 1));
    return Math.round(value * 255).toString(16).padStart(2, '0');
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/**
 * A colour derived from one of the palette for the `round`th time the palette has run out: turned in hue and moved in
 * lightness, towards the side with more room, so that it stays apart from its ancestor and from the ground.
 */
export function vary(hex: string, round: number): string {
  const parts = channels(hex);
  if (parts === null || round === 0) {
    return hex;
  }
  const hsl = toHsl([parts[0], parts[1], parts[2]]);
  const towards = round % 2 === 1 ? 1 : -1;
  const away = 0.1 * Math.ceil(round / 2) * towards;
  return toHex({
    hue: (hsl.hue + 17 * round) % 360,
    saturation: hsl.saturation * (1 - 0.12 * (round % 3)),
    lightness: Math.min(0.82, Math.max(0.3, hsl.lightness + away)),
  });
}

/** The colour with an opacity, for a canvas. */
export function withAlpha(hex: string, alpha: number): string {
  const parts = channels(hex);
  if (parts === null) {
    return hex;
  }
  return `rgba(${parts[0]}, ${parts[1]}, ${parts[2]}, ${Number((parts[3] * alpha).toFixed(3))})`;
}

/** A colour on the way from one to another; 0 is the first, 1 the second. */
export function mix(from: string, to: string, share: number): string {
  const [a, b] = [channels(from), channels(to)];
  if (a === null || b === null) {
    return from;
  }
  const part = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * share).toString(16).padStart(2, '0');
  return `#${part(0)}${part(1)}${part(2)}`;
}

function luminance(parts: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = parts.map((one) => {
    const share = one / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG's ratio of two colours without transparency. */
export function contrast(a: string, b: string): number {
  const [one, other] = [luminance(channels(a) ?? []), luminance(channels(b) ?? [])].sort((x, y) => y - x) as [number, number];
  return (one + 0.05) / (other + 0.05);
}

/** Black or white, whichever reads better on a ground. */
export function inkOn(hex: string): string {
  return contrast(hex, '#000000') >= contrast(hex, '#ffffff') ? '#000000' : '#ffffff';
}

/** Text of small size needs this much. */
const READABLE = 4.5;

/** A board's colour as text on a ground: moved towards the ink as far as reading takes. */
export function readable(color: string, ground: string, ink: string): string {
  const parts = channels(color);
  if (parts === null) {
    return color;
  }
  const solid = mix(ground, color, parts[3]);
  for (let share = 0; share < 1; share += 0.1) {
    const mixed = mix(solid, ink, share);
    if (contrast(mixed, ground) >= READABLE) {
      return mixed;
    }
  }
  return ink;
}
