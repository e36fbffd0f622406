// The unit of an expression whose author gave none, from what Prometheus' naming promises.

/** Grafana's unit id, or nothing where the names do not tell. Only a guess for display: the board keeps what it says. */
export function inferUnit(expr: string): string {
  const text = stripped(expr);
  if (/^\s*100\s*\*|\*\s*100\s*\)?\s*$/.test(text)) {
    return 'percent';
  }
  if (/[*/]\s*[\d(]*\d|\d\s*\*/.test(text)) {
    return ''; // Some conversion that the name knows nothing of.
  }
  if (/^\s*(count|absent|changes|resets)\b/.test(text)) {
    return 'short';
  }
  const rate = /\bi?rate\s*\(/.test(text);
  const quantile = /\bhistogram_quantile\s*\(/.test(expr);
  const names = [...text.matchAll(/[a-zA-Z_:][\w:]*/g)].map(([name]) => name).filter((name) => !WORDS.has(name));
  const units = new Set(names.map((name) => unitOf(name, rate, quantile)));
  const [unit = ''] = units;
  if (text.includes('/')) {
    return ratio(text, units);
  }
  return units.size === 1 ? unit : '';
}

/** Without what has no unit: texts, selectors, ranges, and the labels of a grouping. */
function stripped(expr: string): string {
  return expr
    .replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '""')
    .replace(/\{[^{}]*\}|\[[^[\]]*\]/g, '')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)/g, '')
    .replace(/\b(quantile|histogram_quantile|topk|bottomk|quantile_over_time)\s*\(\s*[\d.]+\s*,/g, '(');
}

/** Seconds for each event are still seconds; like by like is a share. */
function ratio(text: string, units: Set<string>): string {
  const [, base, unit] = /\b(\w+_(seconds|bytes))_sum\b/.exec(text) ?? [];
  if (base !== undefined && text.includes(`${base}_count`)) {
    return unit === 'seconds' ? 's' : 'bytes';
  }
  return units.size === 1 && !units.has('') ? 'percentunit' : '';
}

const WORDS = new Set(
  ('sum avg min max count topk bottomk quantile stddev stdvar group bool and or unless offset rate irate increase delta ' +
    'idelta deriv histogram_quantile clamp clamp_min clamp_max abs ceil floor round sort sort_desc sum_over_time ' +
    'avg_over_time max_over_time min_over_time last_over_time quantile_over_time scalar vector inf nan by without on ' +
    'ignoring group_left group_right').split(' '),
);

const BY_ENDING: [ending: RegExp, unit: string, unitOfRate: string][] = [
  [/_timestamp_seconds$|_time_seconds$/, '', ''],
  [/_seconds_bucket$/, 's', 's'],
  [/requests_total$/, 'short', 'reqps'],
  [/_count$/, 'short', 'ops'],
  [/_fen(_total)?$/, 'currencyFen', 'currencyFen'],
  [/_seconds(_sum|_total)?$/, 's', 'percentunit'],
  [/_milliseconds(_bucket|_sum)?$|_ms$/, 'ms', ''],
  [/_bytes(_total|_sum|_bucket)?$/, 'bytes', 'binBps'],
  [/_bits(_total)?$/, 'decbits', 'bps'],
  [/_celsius$/, 'celsius', ''],
  [/_volts$/, 'volt', ''],
  [/_watts$/, 'watt', ''],
  [/_amperes$/, 'amp', ''],
  [/_joules(_total)?$/, 'joule', 'watt'],
  [/_hertz$/, 'hertz', ''],
  [/_percent$/, 'percent', ''],
  [/_ratio$/, 'percentunit', ''],
  [/_total$/, 'short', 'ops'],
];

function unitOf(name: string, rate: boolean, quantile: boolean): string {
  // A bucket counts; only its bound, which a quantile gives back, has the histogram's unit.
  if (name.endsWith('_bucket') && !quantile) {
    return rate ? 'ops' : 'short';
  }
  const found = BY_ENDING.find(([ending]) => ending.test(name));
  return found === undefined ? '' : rate ? found[2] : found[1];
}
