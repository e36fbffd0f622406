// @vitest-environment jsdom
// Against Grafana's own formatter: every unit it knows, over many values and decimals.

import { expect, test } from 'vitest';
import { grafana } from '../grafana/oracle';
import { preferences } from '../preferences.svelte';
import { formatText, isKnownUnit } from './unit';

const { formattedValueToString, getValueFormat, getValueFormats } = grafana;
preferences.language = 'en';

const ids = getValueFormats().flatMap((category) => category.submenu.map((format) => format.value as string));

const VALUES = [
  0, 1, -1, 0.5, 1.05, 3.14159, 9.999, 10, 42, 59.9, 60, 61.5, 99.95, 100, 123.456, 999.9, 1000, 1023, 1024, 1536, 3600, 5400,
  86_399, 86_400, 100_000, 604_800, 1_048_576, 1_234_567, 31_536_000, 1e8, 1_234_567_890, 1e10, 1e12, 5e15, 1.5e20,
  0.1, 0.25, 0.0123, 0.001, 0.000_456, 1e-5, 1.5e-7, 2e-9, -0.25, -5.5, -1024, -123_456,
];
const DECIMALS = [undefined, null, 0, 1, 2, 3, 5];

/** Where we say it otherwise, on purpose. */
const OURS: Record<string, string> = {
  dateTimeFromNow: 'relative times come from the browser, in the language of the page',
  dateTimeAsLocal: 'always year first, whatever the browser prefers',
  dateTimeAsLocalNoDateIfToday: 'the same',
};
/** Beyond the calendar of JavaScript Grafana says `Invalid date`; ours gives the number. */
const MOMENT_MAX = 8.64e15;
/** Negative clocks wrap around in Grafana; ours carry a sign. */
const isClock = (id: string) => id === 'clockms' || id === 'clocks';
const isTime = (id: string) => isClock(id) || id.startsWith('dateTime') || id.startsWith('time:');

function valuesFor(id: string): number[] {
  const most = isTime(id) ? MOMENT_MAX / 1000 : Infinity;
  return VALUES.filter((value) => value < most && (value >= 0 || !isClock(id)));
}

test('all units of Grafana are known', () => {
  expect(ids.length).toBeGreaterThan(250);
  expect(ids.filter((id) => !isKnownUnit(id))).toEqual([]);
});

test.each(ids.filter((id) => !(id in OURS)))('%s', (id) => {
  const format = getValueFormat(id);
  for (const value of valuesFor(id)) {
    for (const decimals of DECIMALS) {
      const theirs = formattedValueToString(format(value, decimals, null, 'Asia/Shanghai'));
      expect(formatText(value, id, decimals), `${value} with ${decimals} decimals`).toBe(theirs);
    }
  }
});

test.each([
  'suffix:req', 'prefix:~', 'si:mF', 'si:W', 'si:µV', 'count:orders', 'currency:€', 'currency:financial:$', 'currency:financial:kr:suffix',
  'bool:up/down', 'bool:up', 'time:YYYY-MM-DD', 'time:dddd D MMM h:mm A', 'time:Do MMMM YY HH:mm:ss.SSS Z', 'orders', 'farenheit', 'a:b',
])('custom %s', (id) => {
  const format = getValueFormat(id);
  for (const value of [...valuesFor(id), 1_700_000_000_123]) {
    for (const decimals of DECIMALS) {
      const theirs = formattedValueToString(format(value, decimals, null, 'Asia/Shanghai'));
      expect(formatText(value, id, decimals), `${value} with ${decimals} decimals`).toBe(theirs);
    }
  }
});
