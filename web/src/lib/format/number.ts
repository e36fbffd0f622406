// A number as digits: three that matter, or as many decimals as were asked for.

/** More decimals than a double has say nothing. */
const DECIMALS_MAX = 17;

/** Decimals that leave three significant digits; none for a whole number. */
function autoDecimals(value: number): number {
  if (value % 1 === 0 || !Number.isFinite(value)) {
    return 0;
  }
  return Math.min(DECIMALS_MAX, Math.max(0, 2 - Math.floor(Math.log(Math.abs(value)) / Math.LN10)));
}

/** The number with a fixed count of decimals, without grouping. */
export function fixed(value: number, decimals?: number | null): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  }
  const digits = Math.min(DECIMALS_MAX, Math.max(0, Math.trunc(decimals ?? autoDecimals(value))));
  const factor = 10 ** digits;
  const text = String(Math.round(value * factor) / factor);
  if (digits === 0 || text.includes('e')) {
    return text;
  }
  const [whole, fraction = ''] = text.split('.');
  return `${whole}.${fraction.padEnd(digits, '0')}`;
}

/** `1,234,567.5`: thousands apart, which Chinese and English share. */
export function grouped(value: number, least: number, most: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: least, maximumFractionDigits: most });
}
