// The promises of theme.css: texts and marks stand out from their grounds, and neighbours in the palette can be told
// apart by people who see fewer colours.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

type Rgb = [number, number, number];

const CSS = readFileSync(new URL('./theme.css', import.meta.url), 'utf8');

function theme(name: string): Map<string, string> {
  const block = new RegExp(`\\[data-theme='${name}'\\] \\{([^}]*)\\}`).exec(CSS)?.[1] ?? '';
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, key = '', value = '']) => [key, value]));
}

function linear(hex: string): Rgb {
  const channel = (at: number) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

/** WCAG 2.2, relative luminance. */
function contrast(one: string, other: string): number {
  const luminance = ([red, green, blue]: Rgb) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  const [a, b] = [luminance(linear(one)), luminance(linear(other))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Machado, Oliveira and Fernandes 2009, severity 1. */
const SIGHTS: Record<string, [Rgb, Rgb, Rgb]> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function seen(hex: string, [red, green, blue]: [Rgb, Rgb, Rgb]): Rgb {
  const colour = linear(hex);
  const mix = (row: Rgb) => Math.min(1, Math.max(0, row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2]));
  return [mix(red), mix(green), mix(blue)];
}

/** CIELAB under D65. */
function lab([red, green, blue]: Rgb): Rgb {
  const f = (part: number) => (part > 216 / 24389 ? Math.cbrt(part) : ((24389 / 27) * part + 16) / 116);
  const x = f((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047);
  const y = f(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = f((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const degrees = Math.PI / 180;

/** CIEDE2000. */
function difference([l1, a1, b1]: Rgb, [l2, a2, b2]: Rgb): number {
  const mean7 = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7;
  const stretch = 1 + 0.5 * (1 - Math.sqrt(mean7 / (mean7 + 25 ** 7)));
  const [p1, p2] = [a1 * stretch, a2 * stretch];
  const [c1, c2] = [Math.hypot(p1, b1), Math.hypot(p2, b2)];
  const hue = (a: number, b: number) => (a === 0 && b === 0 ? 0 : (Math.atan2(b, a) / degrees + 360) % 360);
  const [h1, h2] = [hue(p1, b1), hue(p2, b2)];
  const turn = c1 * c2 === 0 ? 0 : ((h2 - h1 + 540) % 360) - 180;
  const [dl, dc, dh] = [l2 - l1, c2 - c1, 2 * Math.sqrt(c1 * c2) * Math.sin((turn / 2) * degrees)];
  const [ml, mc, mh] = [(l1 + l2) / 2, (c1 + c2) / 2, c1 * c2 === 0 ? h1 + h2 : h1 + turn / 2];
  const t =
    1 -
    0.17 * Math.cos((mh - 30) * degrees) +
    0.24 * Math.cos(2 * mh * degrees) +
    0.32 * Math.cos((3 * mh + 6) * degrees) -
    0.2 * Math.cos((4 * mh - 63) * degrees);
  const sl = 1 + (0.015 * (ml - 50) ** 2) / Math.sqrt(20 + (ml - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * mc, 1 + 0.015 * mc * t];
  const twist = -2 * Math.sqrt(mc ** 7 / (mc ** 7 + 25 ** 7)) * Math.sin(60 * Math.exp(-(((mh - 275) / 25) ** 2)) * degrees);
  return Math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + twist * (dc / sc) * (dh / sh));
}

test('the difference of colours is CIEDE2000', () => {
  // Sharma, Wu and Dalal 2005, pairs 1, 7, 17 and 33.
  expect(difference([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 3);
  expect(difference([50, 0, 0], [50, -1, 2])).toBeCloseTo(2.3669, 3);
  expect(difference([50, 2.5, 0], [73, 25, -18])).toBeCloseTo(27.1492, 3);
  expect(difference([6.7747, -0.2908, -2.4247], [5.8714, -0.0985, -2.2286])).toBeCloseTo(0.6377, 3);
});

const GROUNDS = ['ground', 'surface', 'surface-raised'];

test.each(['dark', 'light'])('%s: texts have a contrast of 4.5 on their grounds', (name) => {
  const colours = theme(name);
  const texts = ['text', 'text-dim', 'link', 'accent', 'ok', 'info', 'warning', 'critical'];
  const codes = [...colours.keys()].filter((key) => key.startsWith('code-'));
  const pairs = [...texts, ...codes].flatMap((text) => GROUNDS.map((ground) => [text, ground]));
  for (const mood of ['ok', 'info', 'warning', 'critical']) {
    // A tile in the colour of its alert still says what is better or worse than yesterday.
    pairs.push(...['text', 'text-dim', 'ok', 'warning', mood].map((text) => [text, `${mood}-ground`]));
  }
  pairs.push(['accent-text', 'accent']);
  const poor = pairs.map(([text = '', ground = '']) => {
    const ratio = contrast(colours.get(text) ?? '#', colours.get(ground) ?? '#');
    return ratio >= 4.5 ? '' : `${text} on ${ground}: ${ratio.toFixed(2)}`;
  });
  expect(poor.filter((one) => one !== '')).toEqual([]);
});

test.each(['dark', 'light'])('%s: marks have a contrast of 3 on their grounds', (name) => {
  const colours = theme(name);
  const marks = [...colours.keys()].filter((key) => key.startsWith('series-') || key === 'focus');
  const poor = marks.flatMap((mark) =>
    GROUNDS.map((ground) => {
      const ratio = contrast(colours.get(mark) ?? '#', colours.get(ground) ?? '#');
      return ratio >= 3 ? '' : `${mark} on ${ground}: ${ratio.toFixed(2)}`;
    }),
  );
  expect(marks.length).toBeGreaterThan(8);
  expect(poor.filter((one) => one !== '')).toEqual([]);
});

test.each(['dark', 'light'])('%s: neighbours in the palette differ by 10 for every kind of sight', (name) => {
  const colours = theme(name);
  const series = Array.from({ length: 8 }, (_, index) => colours.get(`series-${index + 1}`) ?? '#');
  const close = Object.entries(SIGHTS).flatMap(([sight, matrix]) =>
    series.map((colour, index) => {
      const next = series[(index + 1) % series.length] ?? '#';
      const apart = difference(lab(seen(colour, matrix)), lab(seen(next, matrix)));
      return apart >= 10 ? '' : `${index + 1} beside ${((index + 1) % 8) + 1}, ${sight}: ${apart.toFixed(1)}`;
    }),
  );
  expect(close.filter((one) => one !== '')).toEqual([]);
});
