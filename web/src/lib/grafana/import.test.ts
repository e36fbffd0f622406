import { expect, test } from 'vitest';
import { importNow } from './import-now';
import { exportBoard } from './read-board';
import type { JsonObject } from './json';
import { panelsOf } from './model';
import { ImportError } from './report';

const target = { expr: 'up' };

/** Kind, id and place (x, y, w, h) of each panel, a list for each section with the row's title in front. */
function laid(json: unknown) {
  return importNow(json).board.sections.map(({ row, panels }) => [
    row && (row.collapsed ? `${row.title} (closed)` : row.title),
    ...panels.map(({ kind, id, grid: { x, y, w, h } }) => `${kind} ${id} at ${x},${y} ${w}×${h}`),
  ]);
}

// The board as the shop's plan has it.
const PLAN = {
  dashboard: {
    title: '灵鲜好物监控面板',
    panels: [
      { title: 'QPS', type: 'graph', targets: [{ expr: 'rate(http_requests_total[1m])' }] },
      { title: '响应时间', type: 'graph', targets: [{ expr: 'histogram_quantile(0.95, http_request_duration_seconds)' }] },
      { title: '错误率', type: 'graph', targets: [{ expr: 'rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m])' }] },
      { title: '活跃用户', type: 'stat', targets: [{ expr: 'active_users' }] },
      { title: '订单数量', type: 'stat', targets: [{ expr: 'orders_total' }] },
    ],
  },
};

test('the plan’s board, which has no places, ids or refIds', () => {
  const { board, report } = importNow(JSON.stringify(PLAN));
  expect(board.title).toBe('灵鲜好物监控面板');
  expect(laid(PLAN)).toEqual([[null, 'timeseries 1 at 0,0 12×8', 'timeseries 2 at 12,0 12×8', 'timeseries 3 at 0,8 12×8', 'stat 4 at 12,8 6×4', 'stat 5 at 18,8 6×4']]);
  expect(panelsOf(board).map(({ targets }) => targets[0]?.refId)).toEqual(['A', 'A', 'A', 'A', 'A']);
  expect(report.lines.map(({ kind, status }) => `${kind} ${status}`)).toEqual(['graph ok', 'graph ok', 'graph ok', 'stat ok', 'stat ok']);
});

test.each<[string, unknown]>([
  ['bare', { panels: [{ type: 'stat' }] }],
  ['as the API gives it', { dashboard: { panels: [{ type: 'stat' }] }, meta: { version: 3 } }],
  ['as a resource', { kind: 'GrafanaDashboard', spec: { panels: [{ type: 'stat' }] } }],
  ['as an operator has it', { spec: { json: '{"panels":[{"type":"stat"}]}' } }],
  ['as jsonnet writes it', { 'x.json': { panels: [{ type: 'stat' }] } }],
  ['with a byte order mark', '\uFEFF{"panels":[{"type":"stat"}]}'],
])('%s', (_, json) => {
  expect(laid(json)).toEqual([[null, 'stat 1 at 0,0 6×4']]);
});

test.each<[unknown, string, object]>([
  ['{"panels": [\n  {"type": }]}', 'dashboards.importNotJson', { line: 2, column: 12 }],
  ['{"panels": [', 'dashboards.importNotJson', { line: 1, column: 13 }],
  ['[]', 'dashboards.importNotObject', {}],
  ['"x"', 'dashboards.importNotObject', {}],
  [{ title: 'x' }, 'dashboards.importNoPanels', {}],
  [{ dashboard: { title: 'x' } }, 'dashboards.importNoPanels', {}],
  [{ panels: 3 }, 'dashboards.importNotList', { place: 'panels' }],
  [{ panels: [{ type: 'stat' }, 'x'] }, 'dashboards.importNotPanel', { place: 'panels[1]' }],
  [{ rows: [{ panels: [null] }] }, 'dashboards.importNotPanel', { place: 'rows[0].panels[0]' }],
  [{ panels: [{ type: 'row', panels: [7] }] }, 'dashboards.importNotPanel', { place: 'panels[0].panels[0]' }],
  [{ elements: {}, layout: {} }, 'dashboards.importV2', {}],
  [{ panels: Array.from({ length: 2001 }, () => ({})) }, 'dashboards.importTooMany', { count: 2001, max: 2000 }],
])('%j is refused, with the place', (json, key, parameters) => {
  const error = (() => {
    try {
      return importNow(json);
    } catch (caught) {
      return caught;
    }
  })();
  expect(error).toBeInstanceOf(ImportError);
  expect([(error as ImportError).key, (error as ImportError).parameters]).toEqual([key, parameters]);
});

test('rows of Grafana 4 have spans of 12 and heights in pixels', () => {
  const rows = [
    { title: 'first', showTitle: true, height: '250px', panels: [{ type: 'graph', span: 6 }, { type: 'graph', span: 6 }, { type: 'singlestat', span: 3, height: 100 }] },
    { title: 'second', collapse: true, height: 380, panels: [{ type: 'graph', span: 12 }] },
  ];
  expect(laid({ rows })).toEqual([
    ['first', 'timeseries 2 at 0,0 12×7', 'timeseries 3 at 12,0 12×7', 'stat 4 at 0,7 6×3'],
    ['second (closed)', 'timeseries 6 at 0,0 24×10'],
  ]);
  expect(laid({ rows: [{ title: 'x', panels: [{ type: 'graph', span: 6 }] }] })).toEqual([[null, 'timeseries 1 at 0,0 12×7']]);
});

test('rows gather what lies below them, and closed ones hold their own', () => {
  const at = (x: number, y: number, w = 12, h = 8) => ({ gridPos: { x, y, w, h } });
  const panels = [
    { id: 7, type: 'row', title: 'closed', collapsed: true, panels: [{ id: 8, type: 'stat', ...at(0, 31, 6, 4) }], ...at(0, 30, 24, 1) },
    { id: 5, type: 'stat', ...at(12, 21) },
    { id: 4, type: 'stat', ...at(0, 21) },
    { id: 2, type: 'timeseries', ...at(0, 3, 24) },
    { id: 3, type: 'row', title: 'open', ...at(0, 20, 24, 1) },
    { id: 3, type: 'text', ...at(0, 0, 24, 3) },
  ];
  expect(laid({ panels })).toEqual([
    [null, 'text 1 at 0,0 24×3', 'timeseries 2 at 0,3 24×8'],
    ['open', 'stat 4 at 0,0 12×8', 'stat 5 at 12,0 12×8'],
    ['closed (closed)', 'stat 8 at 0,0 6×4'],
  ]);
});

test('panels without a place come below those with one; too wide ones are cut', () => {
  const panels = [{ type: 'graph' }, { type: 'stat', gridPos: { x: 20, y: 0, w: 30, h: 5 } }, { type: 'stat' }];
  expect(laid({ panels })).toEqual([[null, 'stat 2 at 0,0 24×5', 'timeseries 1 at 0,5 12×8', 'stat 3 at 12,5 6×4']]);
});

test('repetitions that an old Grafana saved are left out', () => {
  expect(laid({ panels: [{ id: 1, type: 'stat', repeat: 'x' }, { id: 2, type: 'stat', repeatPanelId: 1 }] })).toEqual([[null, 'stat 1 at 0,0 6×4']]);
  expect(laid({ rows: [{ repeat: 'x', panels: [] }, { repeatRowId: 1, panels: [{ type: 'graph' }] }] })).toHaveLength(1);
});

test('queries without a kind are drawn over time', () => {
  expect(laid({ panels: [{ title: 'x', targets: [target] }] })).toEqual([[null, 'timeseries 1 at 0,0 12×8']]);
});

test.each<[object, string, string, object]>([
  [{ type: 'geomap' }, 'unsupported', 'dashboards.noteKind', { kind: 'geomap' }],
  [{ type: 'logs', datasource: { type: 'loki' } }, 'unsupported', 'dashboards.noteKind', { kind: 'logs' }],
  [{ type: 'graph', datasource: { type: 'influxdb' }, targets: [{ query: 'SELECT' }] }, 'unsupported', 'dashboards.noteSource', { source: 'influxdb' }],
  [{ type: 'stat', datasource: '${DS_LOKI}', targets: [target] }, 'unsupported', 'dashboards.noteSource', { source: 'loki' }],
  [{ type: 'stat', datasource: { type: 'datasource', uid: '-- Dashboard --' }, targets: [{ panelId: 2 }] }, 'unsupported', 'dashboards.noteSource', { source: 'dashboard' }],
  [{ type: 'table', transformations: [{ id: 'regression' }], targets: [target] }, 'degraded', 'dashboards.noteTransformation', { id: 'regression' }],
  [{ type: 'stat', fieldConfig: { overrides: [{ matcher: { id: 'byMagic' }, properties: [] }] }, targets: [target] }, 'degraded', 'dashboards.noteMatcher', { id: 'byMagic' }],
  [{ type: 'stat', options: { reduceOptions: { calcs: ['wurst'] } }, targets: [target] }, 'degraded', 'dashboards.noteReducer', { id: 'wurst' }],
  [{ type: 'timeseries', targets: [target, { refId: 'C', type: 'math', expression: '$A * 2' }] }, 'degraded', 'dashboards.noteEmptyQuery', { refs: 'C' }],
  [{ type: 'graph', alert: { name: 'x' }, targets: [target] }, 'degraded', 'dashboards.notePanelAlert', {}],
])('%j: %s', (panel, status, key, parameters) => {
  const { report, board } = importNow({ __inputs: [{ name: 'DS_LOKI', type: 'datasource', pluginId: 'loki' }], panels: [panel] });
  const [line] = report.lines;
  expect([line?.status, line?.notes]).toEqual([status, [{ key, parameters }]]);
  expect(panelsOf(board)[0]?.json.type).toBe((panel as { type: string }).type === 'graph' ? 'timeseries' : (panel as { type: string }).type);
});

test.each<[unknown, string]>([
  ['Prometheus', 'ok'],
  ['-- Mixed --', 'ok'],
  ['$datasource', 'ok'],
  ['${DS_PROMETHEUS}', 'ok'],
  [{ type: 'prometheus', uid: '$ds' }, 'ok'],
  [{ uid: '${logs}' }, 'unsupported'],
  [null, 'ok'],
  [{ type: 'loki', uid: 'x' }, 'unsupported'],
])('the source %j is %s', (datasource, status) => {
  const templating = { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }, { name: 'logs', type: 'datasource', query: 'loki' }] };
  const { report } = importNow({ templating, panels: [{ type: 'stat', datasource, targets: [target] }] });
  expect(report.lines[0]?.status).toBe(status);
});

test('what concerns the whole board is told of it', () => {
  const { report } = importNow({
    panels: [],
    annotations: { list: [{ builtIn: 1 }, { name: 'deployments', expr: 'x' }] },
    templating: { list: [{ name: 'g', type: 'groupby' }] },
  });
  expect(report.notes).toEqual([
    { key: 'dashboards.noteAnnotations', parameters: { count: 1 } },
    { key: 'dashboards.noteVariable', parameters: { name: 'g', type: 'groupby' } },
  ]);
});

test('constants of an export have their values', () => {
  const { board } = importNow({
    __inputs: [{ name: 'VAR_PREFIX', type: 'constant', value: 'shop' }],
    panels: [{ type: 'stat', targets: [{ expr: '${VAR_PREFIX}_orders{x="${other}"}' }] }],
  });
  expect(panelsOf(board)[0]?.targets[0]?.expr).toBe('shop_orders{x="${other}"}');
});

test('an export gives back what we do not know', () => {
  const panel = { id: 9, type: 'timeseries', gridPos: { x: 0, y: 0, w: 12, h: 8 }, pluginVersion: '10.1', odd: { a: [1] }, options: { legend: { showLegend: false, extra: 1 } }, fieldConfig: { defaults: { custom: { future: 2 }, newer: true }, overrides: [] }, targets: [{ refId: 'Q', expr: 'up', editorMode: 'code' }] };
  const given: JsonObject = { title: 'x', uid: 'u', schemaVersion: 41, iteration: 5, panels: [panel, { id: 10, type: 'geomap', gridPos: { x: 12, y: 0, w: 12, h: 8 }, options: { view: 1 }, targets: [] }] };
  expect(exportBoard(importNow(given).board)).toEqual(given);
});

test('what is exported is read as the same board', () => {
  const { board } = importNow(PLAN);
  const again = importNow(exportBoard(board)).board;
  expect(again.sections).toEqual(board.sections);
});
