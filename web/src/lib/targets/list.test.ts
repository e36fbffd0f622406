import { expect, test } from 'vitest';
import { labelsKey, type Target } from '../api/targets';
import { adviceOf, lastScrape, ordered, poolsOf, wanted } from './list';

function target(scrapePool: string, scrapeUrl: string, health: Target['health'], lastError = ''): Target {
  return {
    discoveredLabels: {},
    labels: { job: scrapePool, instance: scrapeUrl },
    scrapePool,
    scrapeUrl,
    globalUrl: scrapeUrl,
    lastError,
    lastScrape: '2026-11-26T12:03:51.044Z',
    lastScrapeDuration: 0.01,
    health,
    scrapeInterval: '15s',
    scrapeTimeout: '10s',
  };
}

const ALL = [
  target('api', 'http://10.0.0.10/metrics', 'up'),
  target('api', 'http://10.0.0.2/metrics', 'up'),
  target('shop', 'http://10.0.0.3/metrics', 'up'),
  target('shop', 'http://10.0.0.4/metrics', 'down', 'connection refused'),
  target('new', 'http://10.0.0.5/metrics', 'unknown'),
];

test('what is down comes first, with its pool', () => {
  const hosts = ordered(ALL).map((one) => new URL(one.scrapeUrl).hostname);
  expect(hosts).toEqual(['10.0.0.4', '10.0.0.3', '10.0.0.5', '10.0.0.2', '10.0.0.10']);
});

test('a pool tells how many of all are up, whatever the page shows', () => {
  const shown = ordered(ALL).slice(0, 1);
  expect(poolsOf(shown, ALL)).toEqual([{ name: 'shop', targets: shown, up: 1, all: 2 }]);
});

test.each([
  ['refused', '', 1],
  ['job=shop', '', 2],
  ['10.0.0.4 shop', 'down', 1],
  ['', 'up', 3],
  ['nothing', '', 0],
] as const)('%s %s finds %d', (text, health, count) => {
  const words = text.split(' ').filter((word) => word !== '');
  expect(ALL.filter((one) => wanted(one, words, health))).toHaveLength(count);
});

test.each([
  ['cannot connect: tcp connect error: Connection refused (os error 111)', 'refused'],
  ['context deadline exceeded', 'timeout'],
  ['server returned HTTP status 404 Not Found', 'missing'],
  ['failed to lookup address information: Name or service not known', 'dns'],
  ['server returned HTTP status 401 Unauthorized', 'auth'],
  ['something else', null],
])('%s', (error, advice) => {
  expect(adviceOf(error)).toBe(advice);
});

test('a target that was never scraped says so', () => {
  expect(lastScrape({ ...ALL[0]!, lastScrape: '0001-01-01T00:00:00Z' })).toBeNull();
  expect(lastScrape(ALL[0]!)).toBe(Date.UTC(2026, 10, 26, 12, 3, 51, 44) / 1000);
});

test('labels have one key in any order', () => {
  expect(labelsKey({ b: '2', a: '1', __name__: 'up' })).toBe(labelsKey({ a: '1', b: '2' }));
});
