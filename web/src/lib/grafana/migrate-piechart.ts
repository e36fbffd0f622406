// The pie chart that was a plugin becomes Grafana's own.

import { object, text, type JsonObject } from './json';
import type { Lifted } from './migrate';
import { legacyCalc, numberOption, omit, Overrides, unitOption } from './migrate-shared';
import { note, type Note } from './report';

const CONSUMED = (
  'aliasColors breakPoint cacheTimeout combine decimals fontSize format legend legendType nullPointMode pieType strokeWidth valueName'
).split(' ');

export function migratePiechart(panel: JsonObject): Lifted {
  const notes: Note[] = [];
  const legend = object(panel.legend);
  const overrides = new Overrides();
  for (const [name, color] of Object.entries(object(panel.aliasColors))) {
    if (typeof color === 'string') overrides.add(name, 'color', { mode: 'fixed', fixedColor: color });
  }
  const onGraph = panel.legendType === 'On graph';
  const values = [...(legend.values === true ? ['value'] : []), ...(legend.percentage === true ? ['percent'] : [])];
  if (Number(object(panel.combine).threshold) > 0) {
    notes.push(note('dashboards.noteCombine'));
  }
  const options = {
    pieType: panel.pieType === 'donut' ? 'donut' : 'pie',
    reduceOptions: { values: false, calcs: [legacyCalc(text(panel.valueName) ?? 'current')], fields: '' },
    displayLabels: onGraph ? ['name', ...values] : [],
    legend: {
      showLegend: legend.show !== false && !onGraph,
      displayMode: values.length > 0 ? 'table' : 'list',
      placement: panel.legendType === 'Right side' ? 'right' : 'bottom',
      values,
    },
  };
  const defaults = {
    ...unitOption(panel.format),
    ...numberOption('decimals', panel.decimals),
    color: { mode: 'palette-classic' },
  };
  return { json: { ...omit(panel, CONSUMED), type: 'piechart', options, fieldConfig: { defaults, overrides: overrides.list() } }, notes };
}
