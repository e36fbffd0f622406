// Values as people read them. Unit ids are Grafana's; `currencyFen` is ours: money counted in fen, shown in yuan.

import { t } from '../../i18n';
import { preferences } from '../preferences.svelte';
import { formatDate } from './date';
import { scaledSpan, spanAsClock, spanAsStopwatch, spanInWords } from './duration';
import { fixed, grouped } from './number';
import { BINARY, COUNT, CURRENCY, PLAIN, SI } from './unit-table';

export { inferUnit } from './infer';

/** What stands before, the number, and what stands behind (with its space). */
export interface Formatted {
  prefix: string;
  text: string;
  suffix: string;
}

/** The shop's zone, unless the caller knows better. */
const ZONE = 'Asia/Shanghai';

/** A value in a unit. Nothing for null; without `decimals` three digits that matter. */
export function formatValue(
  value: number | null | undefined,
  unit: string | undefined,
  decimals?: number | null,
  zone: string = ZONE,
): Formatted {
  if (value === null || value === undefined) {
    return plain('');
  }
  const format = unit === undefined || unit === '' ? number : (own(NAMED, unit) ?? table(unit) ?? custom(unit));
  return format(value, decimals, zone);
}

/** The same as one text. */
export function formatText(
  value: number | null | undefined,
  unit: string | undefined,
  decimals?: number | null,
  zone?: string,
): string {
  const { prefix, text, suffix } = formatValue(value, unit, decimals, zone);
  return prefix + text + suffix;
}

/** Whether the unit is one of the list, rather than a text to be put behind. */
export function isKnownUnit(unit: string): boolean {
  return own(NAMED, unit) !== undefined || table(unit) !== undefined || /^(prefix|suffix|time|si|count|currency|bool):/.test(unit);
}

type Format = (value: number, decimals: number | null | undefined, zone: string) => Formatted;

const plain = (text: string): Formatted => ({ prefix: '', text, suffix: '' });
const number: Format = (value, decimals) => plain(fixed(value, decimals));
const behind = (symbol: string): Format => (value, decimals) => ({ ...number(value, decimals, ''), suffix: symbol });

const SI_PREFIXES = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SI_BASE = 5;
const BINARY_PREFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const MONEY_PREFIXES = ['', 'K', 'M', 'B', 'T'];

/** Scales by powers of `factor`; `suffixes[base]` is that of the value as it comes. */
function scaled(factor: number, suffixes: string[], base = 0): Format {
  return (value, decimals) => {
    if (!Number.isFinite(value)) {
      return plain(fixed(value));
    }
    const wanted = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / Math.log10(factor));
    const power = Math.min(Math.max(wanted, -base), suffixes.length - base - 1);
    const text = fixed(value / factor ** power, decimals);
    return { prefix: '', text, suffix: suffixes[base + power] ?? '' };
  };
}

const si = (symbol: string, power: number) => scaled(1000, SI_PREFIXES.map((p) => ` ${p}${symbol}`), SI_BASE + power);
const binary = (symbol: string, power: number) => scaled(1024, BINARY_PREFIXES.map((p) => ` ${p}${symbol}`), power);
const counted = (symbol: string) => scaled(1000, MONEY_PREFIXES.map((p) => `${p} ${symbol}`));

function money(symbol: string, after = false): Format {
  const format = scaled(1000, after ? MONEY_PREFIXES.map((p) => p + symbol) : MONEY_PREFIXES);
  return (value, decimals, zone) => {
    const formatted = format(Math.abs(value), decimals, zone);
    return { ...formatted, prefix: (value < 0 ? '-' : '') + (after ? '' : symbol) };
  };
}

const fen: Format = (value, decimals) => ({
  prefix: value < 0 ? '-¥' : '¥',
  text: Number.isFinite(value) ? grouped(Math.abs(value) / 100, decimals ?? 2, decimals ?? 2) : fixed(Math.abs(value)),
  suffix: '',
});

const hex = (value: number, decimals?: number | null) => Number.parseFloat(fixed(value, decimals)).toString(16).toUpperCase();

const date = (pattern: string, today?: string): Format => (value, _, zone) => {
  if (!Number.isFinite(value) || Math.abs(value) > 8.64e15) {
    return plain(fixed(value));
  }
  const day = (moment: number) => formatDate(moment, 'YYYY-MM-DD', zone);
  return plain(formatDate(value, today !== undefined && day(value) === day(Date.now()) ? today : pattern, zone));
};

const ISO = 'YYYY-MM-DD HH:mm:ss';
const US = 'MM/DD/YYYY h:mm:ss a';

const NAMED: Record<string, Format> = {
  none: number,
  string: (value) => plain(String(value)),
  short: scaled(1000, ['', ' K', ' Mil', ' Bil', ' Tri', ' Quadr', ' Quint', ' Sext', ' Sept']),
  percent: behind('%'),
  percentunit: (value, decimals, zone) => behind('%')(100 * value, decimals, zone),
  hex: (value, decimals) => plain(hex(value, decimals)),
  hex0x: (value, decimals) => plain(hex(value, decimals).replace(/^(-?)/, '$10x')),
  sci: (value, decimals) => plain(value.toExponential(decimals ?? undefined)),
  locale: (value, decimals) => plain(grouped(value, 0, decimals ?? 3)),
  pressurepsi: scaled(1000, ['psi', 'ksi', 'Mpsi']),
  currencyFen: fen,
  dateTimeAsIso: date(ISO),
  dateTimeAsIsoNoDateIfToday: date(ISO, 'HH:mm:ss'),
  dateTimeAsUS: date(US),
  dateTimeAsUSNoDateIfToday: date(US, 'h:mm:ss a'),
  dateTimeAsLocal: date(ISO),
  dateTimeAsLocalNoDateIfToday: date(ISO, 'HH:mm:ss'),
  dateTimeAsSystem: date(ISO),
  dateTimeFromNow: (value) => plain(fromNow((value - Date.now()) / 1000)),
  dtdurationms: (value, decimals) => plain(spanInWords(value, 0.001, decimals)),
  dtdurations: (value, decimals) => plain(spanInWords(value, 1, decimals)),
  dthms: (value) => plain(spanAsClock(value, false)),
  dtdhms: (value) => plain(spanAsClock(value, true)),
  timeticks: (value, decimals) => scaledSpan(value / 100, 's', decimals),
  clockms: (value, decimals) => plain(spanAsStopwatch(value, decimals)),
  clocks: (value, decimals) => plain(spanAsStopwatch(value * 1000, decimals)),
  bool: (value) => plain(value ? t('units.boolTrue') : t('units.boolFalse')),
  bool_yes_no: (value) => plain(value ? t('units.boolYes') : t('units.boolNo')),
  bool_on_off: (value) => plain(value ? t('units.boolOn') : t('units.boolOff')),
};

for (const unit of ['ns', 'µs', 'ms', 's', 'm', 'h', 'd']) {
  NAMED[unit] = (value, decimals) => scaledSpan(value, unit, decimals);
}

function own<T>(of: Record<string, T>, key: string): T | undefined {
  return Object.prototype.hasOwnProperty.call(of, key) ? of[key] : undefined;
}

function table(unit: string): Format | undefined {
  const si1000 = own(SI, unit);
  if (si1000 !== undefined) return si(...si1000);
  const si1024 = own(BINARY, unit);
  if (si1024 !== undefined) return binary(...si1024);
  const symbol = own(PLAIN, unit);
  if (symbol !== undefined) return behind(` ${symbol}`);
  const count = own(COUNT, unit);
  if (count !== undefined) return counted(count);
  const currency = own(CURRENCY, unit);
  return currency && money(...currency);
}

/** `suffix:req`, `prefix:≈`, `time:YYYY`, `si:mF`, `count:orders`, `currency:¥`, `bool:up/down`; else the text itself behind. */
function custom(unit: string): Format {
  const colon = unit.indexOf(':');
  const [kind, rest] = [unit.slice(0, Math.max(0, colon)), unit.slice(colon + 1)];
  switch (kind) {
    case 'prefix': return (value, decimals) => ({ ...number(value, decimals, ''), prefix: rest });
    case 'suffix': return behind(` ${rest}`);
    case 'time': return date(rest);
    case 'si': return siCustom(rest);
    case 'count': return counted(rest);
    case 'currency': return currencyCustom(rest);
    case 'bool': return boolCustom(rest);
    default: return behind(` ${unit}`);
  }
}

/** Its first letter may say in which multiple the value comes: `mF` is millifarad. */
function siCustom(rest: string): Format {
  // Two signs look like µ; keyboards type either.
  const index = SI_PREFIXES.indexOf(rest.charAt(0).replace('μ', 'µ'));
  return index < 0 || index === SI_BASE ? si(rest, 0) : si(rest.slice(1), index - SI_BASE);
}

/** `financial:¥` writes the whole number with its thousands apart. */
function currencyCustom(rest: string): Format {
  const [kind, symbol = '', place] = rest.split(':');
  if (kind !== 'financial' || symbol === '') {
    return kind === 'financial' ? number : money(rest);
  }
  return (value, decimals) => ({
    prefix: place === 'suffix' ? '' : symbol,
    text: grouped(value, decimals ?? 0, decimals ?? 1),
    suffix: place === 'suffix' ? symbol : '',
  });
}

function boolCustom(rest: string): Format {
  const slash = rest.indexOf('/');
  const [yes, no] = slash < 0 ? [rest, '-'] : [rest.slice(0, slash), rest.slice(slash + 1)];
  return (value) => plain(value ? yes : no);
}

const RELATIVE: [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [31_536_000, 'year'], [2_592_000, 'month'], [86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second'],
];

function fromNow(seconds: number): string {
  const [length, unit] = RELATIVE.find(([length]) => Math.abs(seconds) >= length) ?? [1, 'second' as const];
  const words = new Intl.RelativeTimeFormat(preferences.language === 'zh' ? 'zh-CN' : 'en');
  return Number.isFinite(seconds) ? words.format(Math.trunc(seconds / length), unit) : fixed(seconds);
}
