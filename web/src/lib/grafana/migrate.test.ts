import { expect, test } from 'vitest';
import { at, type Json } from './json';
import { MIGRATIONS } from './import-now';
import { lifted } from './migrate';

/** What stands at the given paths after the migration. */
function check(panel: object, expected: Record<string, Json>): void {
  const { json } = lifted(panel as never, MIGRATIONS);
  const found = Object.fromEntries(Object.keys(expected).map((path) => [path, at(json, path)]));
  expect(found).toEqual(expected);
}

const DEFAULTS = 'fieldConfig.defaults';

test.each<[string, object, Record<string, Json>]>([
  ['a plain graph', {}, { type: 'timeseries', [`${DEFAULTS}.custom.drawStyle`]: 'line', [`${DEFAULTS}.custom.fillOpacity`]: 10, [`${DEFAULTS}.custom.lineWidth`]: 1, 'options.tooltip.mode': 'multi' }],
  ['axes', { yaxes: [{ format: 'bytes', min: 0, max: '100', decimals: 2, label: 'size', logBase: 10 }, {}] }, { [`${DEFAULTS}.unit`]: 'bytes', [`${DEFAULTS}.min`]: 0, [`${DEFAULTS}.max`]: 100, [`${DEFAULTS}.decimals`]: 2, [`${DEFAULTS}.custom.axisLabel`]: 'size', [`${DEFAULTS}.custom.scaleDistribution`]: { type: 'log', log: 10 } }],
  ['bars', { bars: true, lines: false }, { [`${DEFAULTS}.custom.drawStyle`]: 'bars', [`${DEFAULTS}.custom.fillOpacity`]: 100 }],
  ['points', { points: true, lines: false, pointradius: 3 }, { [`${DEFAULTS}.custom.drawStyle`]: 'points', [`${DEFAULTS}.custom.pointSize`]: 6 }],
  ['steps, wide and filled', { steppedLine: true, linewidth: 3, fill: 4, fillGradient: 2 }, { [`${DEFAULTS}.custom.lineInterpolation`]: 'stepAfter', [`${DEFAULTS}.custom.lineWidth`]: 3, [`${DEFAULTS}.custom.fillOpacity`]: 40, [`${DEFAULTS}.custom.gradientMode`]: 'opacity' }],
  ['dashes', { dashes: true, dashLength: 4, spaceLength: 6 }, { [`${DEFAULTS}.custom.lineStyle`]: { fill: 'dash', dash: [4, 6] } }],
  ['a pile', { stack: true }, { [`${DEFAULTS}.custom.stacking`]: { group: 'A', mode: 'normal' } }],
  ['a pile of shares', { stack: true, percentage: true }, { [`${DEFAULTS}.custom.stacking.mode`]: 'percent' }],
  ['gaps joined', { nullPointMode: 'connected' }, { [`${DEFAULTS}.custom.spanNulls`]: true }],
  ['gaps as zero', { nullPointMode: 'null as zero' }, { [`${DEFAULTS}.custom.nullAsZero`]: true, [`${DEFAULTS}.custom.spanNulls`]: false }],
  ['decimals of the legend', { decimals: 3 }, { [`${DEFAULTS}.decimals`]: 3 }],
  ['a legend', { legend: { alignAsTable: true, rightSide: true, values: true, avg: true, current: true, total: true, sort: 'current', sortDesc: true } }, { 'options.legend': { showLegend: true, displayMode: 'table', placement: 'right', calcs: ['mean', 'lastNotNull', 'sum'], sortBy: 'Last *', sortDesc: true } }],
  ['no legend', { legend: { show: false } }, { 'options.legend.showLegend': false }],
  ['a single tooltip', { tooltip: { shared: false, sort: 2 } }, { 'options.tooltip': { mode: 'single', sort: 'desc' } }],
  ['thresholds', { thresholds: [{ value: 90, op: 'gt', colorMode: 'critical', line: true, fill: true }, { value: 10, op: 'lt', colorMode: 'custom', fillColor: '#fff', fill: true }] },
    { [`${DEFAULTS}.thresholds.steps`]: [{ color: '#fff', value: null }, { color: 'transparent', value: 10 }, { color: 'red', value: 90 }], [`${DEFAULTS}.custom.thresholdsStyle.mode`]: 'line+area' }],
  ['bars by series', { xaxis: { mode: 'series', values: ['current'] }, legend: { values: true } }, { type: 'bargauge', 'options.reduceOptions.calcs': ['lastNotNull'] }],
  ['a histogram', { xaxis: { mode: 'histogram' } }, { type: 'histogram' }],
  ['hidden zeros', { legend: { hideZero: true } }, { 'fieldConfig.overrides': [{ matcher: { id: 'byValue', options: { reducer: 'allIsZero', op: 'gte', value: 0 } }, properties: [{ id: 'custom.hideFrom', value: { legend: true, tooltip: false, viz: false } }] }] }],
])('graph: %s', (_, options, expected) => {
  check({ type: 'graph', ...options }, expected);
});

test.each<[object, Json[]]>([
  [{ alias: 'a', fill: 0 }, [{ id: 'custom.fillOpacity', value: 0 }]],
  [{ alias: 'a', transform: 'negative-Y' }, [{ id: 'custom.transform', value: 'negative-Y' }]],
  [{ alias: 'a', linewidth: 2, dashes: true, dashLength: 5, spaceLength: 5 }, [{ id: 'custom.lineWidth', value: 2 }, { id: 'custom.lineStyle', value: { fill: 'dash', dash: [5, 5] } }]],
  [{ alias: 'a', yaxis: 2 }, [{ id: 'custom.axisPlacement', value: 'right' }, { id: 'unit', value: 's' }, { id: 'min', value: 0 }]],
  [{ alias: 'a', color: '#123456' }, [{ id: 'color', value: { mode: 'fixed', fixedColor: '#123456' } }]],
  [{ alias: 'a', stack: false }, [{ id: 'custom.stacking', value: { mode: 'none', group: 'none' } }]],
  [{ alias: 'a', stack: 'B' }, [{ id: 'custom.stacking', value: { mode: 'normal', group: 'B' } }]],
  [{ alias: 'a', bars: true, lines: false }, [{ id: 'custom.drawStyle', value: 'bars' }, { id: 'custom.fillOpacity', value: 100 }]],
  [{ alias: 'a', lines: false }, [{ id: 'custom.lineWidth', value: 0 }]],
  [{ alias: 'a', legend: false, hiddenSeries: true }, [{ id: 'custom.hideFrom', value: { viz: true, legend: true, tooltip: false } }]],
  [{ alias: 'a', fillBelowTo: 'b' }, [{ id: 'custom.fillBelowTo', value: 'b' }, { id: 'custom.fillOpacity', value: 35 }]],
])('graph: the override %j', (override, properties) => {
  check({ type: 'graph', seriesOverrides: [override], yaxes: [{}, { format: 's', min: 0 }] }, { 'fieldConfig.overrides': [{ matcher: { id: 'byName', options: 'a' }, properties }] });
});

test('graph: colours by name and overrides by pattern', () => {
  const panel = { type: 'graph', aliasColors: { a: 'red' }, seriesOverrides: [{ alias: '/^b.*/', fill: 0 }, { alias: 'a', linewidth: 4 }] };
  check(panel, { 'fieldConfig.overrides': [
    { matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'red' } }, { id: 'custom.lineWidth', value: 4 }] },
    { matcher: { id: 'byRegexp', options: '/^b.*/' }, properties: [{ id: 'custom.fillOpacity', value: 0 }] },
  ] });
});

test.each<[string, object, Record<string, Json>]>([
  ['plain', { format: 'percent', decimals: 1, nullText: 'N/A' }, { type: 'stat', [`${DEFAULTS}.unit`]: 'percent', [`${DEFAULTS}.decimals`]: 1, [`${DEFAULTS}.noValue`]: 'N/A', 'options.reduceOptions.calcs': ['mean'], 'options.colorMode': 'none', 'options.graphMode': 'none' }],
  ['coloured, with a course', { valueName: 'current', colorBackground: true, colors: ['g', 'o', 'r'], thresholds: '50,80', sparkline: { show: true } },
    { 'options.reduceOptions.calcs': ['lastNotNull'], 'options.colorMode': 'background', 'options.graphMode': 'area', [`${DEFAULTS}.thresholds.steps`]: [{ value: null, color: 'g' }, { value: 50, color: 'o' }, { value: 80, color: 'r' }] }],
  ['a gauge', { gauge: { show: true, minValue: 0, maxValue: 200, thresholdLabels: true } }, { type: 'gauge', [`${DEFAULTS}.max`]: 200, 'options.showThresholdLabels': true }],
  ['words for values', { valueMaps: [{ op: '=', value: 'null', text: 'none' }, { value: '1', text: 'up' }] },
    { [`${DEFAULTS}.mappings`]: [{ type: 'special', options: { match: 'null', result: { text: 'none' } } }, { type: 'value', options: { 1: { text: 'up' } } }] }],
  ['words for ranges', { mappingType: 2, rangeMaps: [{ from: '0', to: '5', text: 'low' }] }, { [`${DEFAULTS}.mappings`]: [{ type: 'range', options: { from: 0, to: 5, result: { text: 'low' } } }] }],
  ['a column', { tableColumn: 'a.b' }, { 'options.reduceOptions.fields': '/^a\\.b$/' }],
  ['words behind', { postfix: ' orders' }, { [`${DEFAULTS}.unit`]: 'suffix:orders' }],
  ['its name', { valueName: 'name' }, { 'options.textMode': 'name' }],
])('singlestat: %s', (_, options, expected) => {
  check({ type: 'singlestat', ...options }, expected);
});

test('singlestat: words around a value with a unit are told as lost', () => {
  expect(lifted({ type: 'singlestat', format: 's', prefix: 'about', postfix: 'ago' }, MIGRATIONS).notes).toEqual([{ key: 'dashboards.noteAffix', parameters: { text: 'about … ago' } }]);
});

test('table: styles and transform of Grafana before 7', () => {
  const styles = [
    { pattern: 'Time', type: 'hidden' },
    { pattern: 'at', type: 'date', dateFormat: 'MM-DD' },
    { pattern: 'Value', alias: 'Load', type: 'number', unit: 'percent', decimals: 1, colorMode: 'cell', colors: ['a', 'b'], thresholds: ['5'], link: true, linkUrl: '/d/x?v=$__cell&h=${__cell_2:raw}', align: 'right' },
    { pattern: '/.*/', type: 'number', unit: 'short' },
  ];
  check({ type: 'table', styles, transform: 'timeseries_aggregations', columns: [{ value: 'current' }, { value: 'avg' }], sort: { col: 'Load', desc: true } }, {
    type: 'table',
    transformations: [{ id: 'reduce', options: { reducers: ['lastNotNull', 'mean'] } }],
    'options.sortBy': [{ displayName: 'Load', desc: true }],
    [`${DEFAULTS}.unit`]: 'short',
    'fieldConfig.overrides': [
      { matcher: { id: 'byName', options: 'Time' }, properties: [{ id: 'custom.hidden', value: true }] },
      { matcher: { id: 'byName', options: 'at' }, properties: [{ id: 'unit', value: 'time:MM-DD' }] },
      {
        matcher: { id: 'byName', options: 'Value' },
        properties: [
          { id: 'displayName', value: 'Load' }, { id: 'custom.align', value: 'right' }, { id: 'unit', value: 'percent' }, { id: 'decimals', value: 1 },
          { id: 'custom.cellOptions', value: { type: 'color-background' } },
          { id: 'thresholds', value: { mode: 'absolute', steps: [{ value: null, color: 'a' }, { value: 5, color: 'b' }] } },
          { id: 'color', value: { mode: 'thresholds' } },
          { id: 'links', value: [{ title: '', url: '/d/x?v=${__value.text}&h=${__data.fields[2]}', targetBlank: false }] },
        ],
      },
    ],
  });
  const modern = { type: 'table', fieldConfig: { defaults: { unit: 's' }, overrides: [] }, options: { showHeader: true } };
  expect(lifted(modern as never, MIGRATIONS).json).toEqual(modern);
});

test.each<[string, object, Record<string, Json>]>([
  ['pie', { type: 'grafana-piechart-panel', pieType: 'donut', format: 'bytes', legend: { show: true, percentage: true }, legendType: 'Right side', valueName: 'total', aliasColors: { a: 'red' } },
    { type: 'piechart', 'options.pieType': 'donut', 'options.legend.placement': 'right', 'options.legend.values': ['percent'], 'options.reduceOptions.calcs': ['sum'], [`${DEFAULTS}.unit`]: 'bytes', 'fieldConfig.overrides': [{ matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'red' } }] }] }],
  ['heatmap of buckets', { type: 'heatmap', dataFormat: 'tsbuckets', color: { mode: 'spectrum', colorScheme: 'interpolateBlues', exponent: 0.3 }, yAxis: { format: 's', decimals: 1 }, reverseYBuckets: true },
    { 'options.calculate': false, 'options.color.scheme': 'Blues', 'options.color.exponent': 0.3, 'options.yAxis': { unit: 's', reverse: true, decimals: 1 } }],
  ['text', { type: 'text', mode: 'html', content: '<b>x</b>' }, { 'options.mode': 'html', 'options.content': '<b>x</b>' }],
  ['gauge of Grafana 6.4', { type: 'gauge', options: { fieldOptions: { calcs: ['current'], defaults: { unit: 's', max: 5, title: 'Load', thresholds: [{ color: 'green', value: null }, { color: 'red', value: 3 }] } }, showThresholdLabels: true } },
    { 'options.reduceOptions.calcs': ['lastNotNull'], 'options.showThresholdLabels': true, [`${DEFAULTS}.unit`]: 's', [`${DEFAULTS}.max`]: 5, [`${DEFAULTS}.displayName`]: 'Load', [`${DEFAULTS}.thresholds`]: { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 3 }] } }],
  ['gauge of Grafana 6.0', { type: 'gauge', options: { valueOptions: { unit: 'percent', stat: 'max', decimals: 1 }, minValue: 0, maxValue: 50, thresholds: [{ index: 1, value: 40, color: 'red' }, { index: 0, value: null, color: 'green' }] } },
    { 'options.reduceOptions.calcs': ['max'], [`${DEFAULTS}.unit`]: 'percent', [`${DEFAULTS}.max`]: 50, [`${DEFAULTS}.thresholds.steps`]: [{ value: null, color: 'green' }, { value: 40, color: 'red' }] }],
  ['polystat', { type: 'grafana-polystat-panel', polystat: { globalUnitFormat: 's', globalThresholds: [{ value: 5, color: 'red' }] } },
    { type: 'stat', 'options.colorMode': 'background', [`${DEFAULTS}.unit`]: 's', [`${DEFAULTS}.thresholds.steps`]: [{ value: null, color: 'green' }, { value: 5, color: 'red' }] }],
])('%s', (_, panel, expected) => {
  check(panel, expected);
});
