// Units that the editor offers by name; any other id of Grafana's may be typed.

export const UNITS: readonly string[] = [
  'none', 'short', 'percent', 'percentunit', 's', 'ms', 'µs', 'ns', 'bytes', 'decbytes', 'bits', 'Bps', 'binBps', 'bps', 'reqps',
  'ops', 'rps', 'wps', 'iops', 'cps', 'hertz', 'celsius', 'currencyCNY', 'currencyFen', 'dateTimeAsIso', 'dateTimeFromNow', 'bool_yes_no', 'dtdurations',
];
