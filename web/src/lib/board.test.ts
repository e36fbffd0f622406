import { expect, test } from 'vitest';
import type { QueryAnswer } from './api/prometheus';
import type { Row } from './alerts/rows';
import { BATCH_MAX } from './api/prometheus';
import { alarmOf, changeOf, hasCeased, lastOf, readTrend, readValues, staleAfter, trendQueries, valueQueries } from './board';
import { metricOf, TILES, windowsFor, type Tile } from './tiles';

const WINDOWS = windowsFor(15, 41_000);
const NOW = 1_795_694_400;

function tile(id: string): Tile {
  const found = TILES.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
}

const queryOf = (id: string, index = 0) => tile(id).measures[index]?.query(WINDOWS);

test("the tiles are the plan's, in its order; two more come when they have something to show", () => {
  expect(TILES.filter((one) => !one.optional).map((one) => one.id)).toEqual([
    'cpu', 'memory', 'disk', 'network',
    'qps', 'latency', 'errors', 'connections',
    'users', 'orders', 'sales', 'groups', 'payments',
  ]);
  expect(TILES.filter((one) => one.optional).map((one) => one.id)).toEqual(['pool', 'redis']);
});

test('expressions add up over all series, and rates reach over four scrapes', () => {
  expect(queryOf('qps')).toBe('sum(rate(http_requests_total[60s]))');
  expect(queryOf('latency', 2)).toBe('histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[60s])))');
  expect(queryOf('errors')).toBe(
    '(sum(rate(http_requests_total{status=~"5.."}[60s])) or vector(0)) / sum(rate(http_requests_total[60s]))',
  );
  expect(queryOf('sales')).toBe('max(sales_today_fen) / 100');
  expect(queryOf('groups')).toContain('[41000s]');
  expect(windowsFor(30, 5)).toEqual({ rate: '120s', slow: '300s', day: '5s' });
  expect(metricOf(tile('latency'))).toBe('http_request_duration_seconds_bucket');
});

test("without a pool of the shop's, the database's own limit counts", () => {
  const [own, postgres, mysql] = (queryOf('pool') ?? '').split(' or ');
  expect(own).toBe('1 - sum(db_pool_available) / sum(db_pool_size)');
  expect(postgres).toContain('pg_settings_max_connections');
  expect(mysql).toContain('mysql_global_variables_max_connections');
  const [value, fresh] = valueQueries([tile('pool')], WINDOWS, NOW).map((one) => one.query);
  expect(fresh).toContain('max(timestamp(db_pool_size)) or max(timestamp(pg_settings_max_connections))');
  // Of a dead database nothing is known, neither now nor in the trend.
  const dead = ') unless on () (pg_up == 0 or mysql_up == 0)';
  expect([value, fresh].map((query) => query?.endsWith(dead))).toEqual([true, true]);
  expect(trendQueries([tile('pool')], WINDOWS, NOW).every((one) => one.query.endsWith(dead))).toBe(true);
});

test('values and trends of all tiles fit into one request each', () => {
  const ids = valueQueries(TILES, WINDOWS, NOW).map((one) => one.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeLessThanOrEqual(BATCH_MAX);
  expect(trendQueries(TILES, WINDOWS, NOW).length).toBeLessThanOrEqual(BATCH_MAX);
});

const vector = (value: string, metric = {}): QueryAnswer => ({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric, value: [NOW, value] }] },
});
const EMPTY: QueryAnswer = { status: 'success', data: { resultType: 'vector', result: [] } };
const FRESH = 'fresh http_requests_total';

test('a tile has a value, with the age of its newest sample', () => {
  const answers = new Map([['qps.0', vector('12.5')], [FRESH, vector(String(NOW - 4))]]);
  expect(readValues(tile('qps'), answers, NOW)).toEqual({ state: 'value', values: [12.5], where: null, age: 4, error: '' });
  const disk = new Map([['disk.0', vector('0.83')], ['disk where', vector('0.83', { mountpoint: '/data' })]]);
  expect(readValues(tile('disk'), disk, NOW)).toMatchObject({ values: [0.83], where: '/data' });
});

test('a tile without a value knows why', () => {
  const state = (answer: QueryAnswer, fresh: QueryAnswer) =>
    readValues(tile('errors'), new Map([['errors.0', answer], [FRESH, fresh]]), NOW).state;
  expect(state(EMPTY, EMPTY)).toBe('missing');
  expect(state(vector('NaN'), vector(String(NOW)))).toBe('quiet');
  expect(state({ status: 'error', error: 'too much' }, EMPTY)).toBe('error');
});

test('a rate whose samples have stopped has ceased, and has not just begun', () => {
  expect([hasCeased('quiet', true), hasCeased('quiet', false)]).toEqual([true, false]);
  expect([hasCeased('missing', false), hasCeased('value', true), hasCeased(undefined, true)]).toEqual([true, false, false]);
});

test('stale is what three scrapes did not renew, at least ten seconds', () => {
  expect([staleAfter(2), staleAfter(15)]).toEqual([10, 45]);
});

function matrix(values: [number, number][]): QueryAnswer {
  return {
    status: 'success',
    data: { resultType: 'matrix', result: [{ metric: {}, values: values.map(([time, value]) => [time, String(value)]) }] },
  };
}

test('a trend is the last hour, beside it the one of yesterday and the mean of the hour around this moment', () => {
  const before = matrix([[NOW - 86_400 - 3600, 100], [NOW - 86_400 - 1800, 2], [NOW - 86_400, 4], [NOW - 86_400 + 1800, 6]]);
  const trend = readTrend(tile('qps'), new Map([['qps.0', matrix([[NOW, 7], [NOW - 3600, 1]])], ['qps.0 before', before]]), NOW + 3);
  expect(trend.times.length).toBe(61);
  expect([trend.lines[0]?.[0], trend.lines[0]?.[1], trend.lines[0]?.[60]]).toEqual([1, null, 7]);
  expect([trend.before[0], trend.before[60]]).toEqual([100, 4]);
  // The first point lies outside of the hour, the second by those three seconds.
  expect(trend.yesterday).toBe(5);
});

test('where samples have ceased, the last value of the hour is known', () => {
  const trend = readTrend(tile('qps'), new Map([['qps.0', matrix([[NOW - 3600, 1], [NOW - 600, 7]])]]), NOW);
  expect(lastOf(tile('qps'), trend)).toEqual({ value: 7, time: NOW - 600 });
  expect(lastOf(tile('qps'), readTrend(tile('qps'), new Map(), NOW))).toBeNull();
});

test('what gathers over the day is compared with the same moment of yesterday', () => {
  const before = matrix([[NOW - 86_400 - 60, 800], [NOW - 86_400, 810], [NOW - 86_400 + 1800, 990]]);
  const trend = readTrend(tile('orders'), new Map([['orders.0 before', before]]), NOW + 30);
  expect(trend.yesterday).toBe(810);
  expect(readTrend(tile('orders'), new Map(), NOW).yesterday).toBeNull();
});

test.each([
  ['orders', 120, 100, 'up', 'good', 20],
  ['orders', 80, 100, 'down', 'bad', -20],
  ['orders', 100.5, 100, 'same', 'neutral', 0],
  ['orders', 0, 0, 'same', 'neutral', 0],
  ['orders', 3, 0, 'up', 'good', Infinity],
  ['orders', 103, 100, 'up', 'neutral', 3],
  ['latency', 0.3, 0.2, 'up', 'bad', 50],
  ['payments', 0.987, 0.99, 'down', 'neutral', -0.3],
  ['qps', 5, 10, 'down', 'neutral', -50],
  ['payments', 0.9, 0.99, 'down', 'bad', -9],
  ['cpu', 0.25, 0.3, 'down', 'good', -5],
  ['cpu', 0.2505, 0.25, 'same', 'neutral', 0],
] as const)('%s: %d after %d is %s and %s', (id, value, yesterday, direction, mood, amount) => {
  const change = changeOf(tile(id), value, yesterday);
  expect([change.direction, change.mood]).toEqual([direction, mood]);
  expect(change.amount).toBeCloseTo(amount, 6);
});

const row = (query: string, severity: Row['severity'], state: Row['state']) =>
  ({ id: query, severity, state, rule: { rule: { query } } }) as unknown as Row;

test('a tile takes the worst of the rules about it, and those that nobody hears of do not count', () => {
  const failing = 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05';
  const rows = [
    row(failing, 'critical', 'pending'),
    row('rate(http_requests_total{status="500"}[1m]) > 1', 'warning', 'firing'),
    row('rate(http_requests_total{status="502"}[1m]) > 1', 'critical', 'quiet'),
    row('rate(http_requests_total{status="503"}[1m]) > 1', 'critical', 'silenced'),
    row('group_buy_expired_unsettled > 0', 'critical', 'firing'),
  ];
  expect(alarmOf(tile('errors'), rows)?.severity).toBe('warning');
  expect(alarmOf(tile('errors'), rows.slice(0, 1))?.state).toBe('pending');
  expect(alarmOf(tile('qps'), rows)).toBeNull();
  expect(alarmOf(tile('groups'), rows)?.severity).toBe('critical');
});

test('every tile is concerned by its own expression', () => {
  for (const one of TILES) {
    const query = `${one.measures[one.main]?.query(WINDOWS)} > 0`;
    expect(alarmOf(one, [row(query, 'info', 'firing')]), one.id).not.toBeNull();
  }
});
