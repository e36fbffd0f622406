// The source of variables that is the server itself.

import { instant, labelNames, labelValues, series } from '../api/prometheus';
import type { VariableSource } from './options';

export const server: VariableSource = {
  labelNames,
  labelValues,
  series: (matchers, start, end) => series(matchers, start, end),
  query: async (expr, time, signal) => (await instant(expr, time, signal)).data,
};
