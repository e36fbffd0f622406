// The server is played at the level of `fetch`: `parse_query` gives trees that a real one gave, and each count that the
// diagnosis asks for stands in a table (0 where it does not).
import { afterEach, expect, test, vi } from 'vitest';
import { whyEmpty, type Cause } from './emptiness';
import trees from './emptiness.trees.json';

const NAMES = [
  'http_requests_total',
  'http_request_duration_seconds_bucket',
  'http_request_duration_seconds_count',
  'http_request_duration_seconds_sum',
  'orders_total',
  'payment_requests_total',
  'product_stock',
  'gone_metric',
  'up',
];
const VALUES: Record<string, string[]> = {
  __name__: NAMES,
  status: ['200', '404', '500'],
  method: ['GET', 'PUT'],
  endpoint: ['/api/v1/cart', '/api/v1/pay'],
  tenant: [],
};

type Table = Record<string, number | [labels: Record<string, string>, value: string][]>;

function answer(table: Table, query: string): unknown {
  const value = table[query];
  const rows = typeof value === 'number' ? [[{}, String(value)] as const] : (value ?? []);
  const result = rows.map(([metric, text]) => ({ metric, value: [0, text] }));
  return { status: 'success', data: { resultType: 'vector', result: value === 0 ? [] : result } };
}

function serve(table: Table): void {
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    if (path.endsWith('parse_query')) {
      const query = (init.body as URLSearchParams).get('query') as keyof typeof trees;
      return Response.json({ status: 'success', data: trees[query] });
    }
    if (path.endsWith('queries')) {
      const asked = (JSON.parse(init.body as string) as { queries: { id: string; query: string }[] }).queries;
      return Response.json({ results: asked.map(({ id, query }) => ({ id, ...(answer(table, query) as object) })) });
    }
    const label = /label\/(\w+)\/values/.exec(path)?.[1];
    const data = label === undefined ? ['__name__', 'endpoint', 'method', 'status'] : VALUES[label];
    return Response.json({ status: 'success', data });
  });
}

async function check(expr: keyof typeof trees, table: Table, expected: Partial<Cause>[]): Promise<void> {
  serve(table);
  const causes = await whyEmpty(expr, 1000);
  expect(causes).toHaveLength(expected.length);
  expected.forEach((one, index) => expect(causes[index]).toMatchObject(one));
}

afterEach(() => vi.unstubAllGlobals());

test('a metric that nobody exports is offered its nearest names', () =>
  check('http_request_total', {}, [
    {
      kind: 'unknown',
      metric: 'http_request_total',
      offers: expect.arrayContaining([{ name: 'http_requests_total', expr: 'http_requests_total' }]),
    },
  ]));

test('a quantile over the name of a histogram is offered its buckets, with the matchers kept', () =>
  check('histogram_quantile(0.95, http_request_duration_seconds{job="shop"}) > 2', {}, [
    {
      kind: 'base',
      metric: 'http_request_duration_seconds',
      offers: [
        {
          name: 'http_request_duration_seconds_bucket',
          expr: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="shop"}[5m]))) > 2',
        },
      ],
    },
  ]));

test('the one matcher that excludes everything is named, with values that are there', () =>
  check(
    'http_requests_total{status="500", method="POST"}',
    {
      'count(http_requests_total)': 12,
      'count(http_requests_total{status="500"})': 4,
    },
    [
      {
        kind: 'excluded',
        matcher: 'method="POST"',
        left: 4,
        values: 2,
        offers: [
          { name: 'PUT', expr: 'http_requests_total{status="500", method="PUT"}' },
          { name: 'GET', expr: 'http_requests_total{status="500", method="GET"}' },
        ],
      },
    ],
  ));

test('a label that the metric does not have is told apart from a value', () =>
  check('http_requests_total{tenant="a"}', { 'count(http_requests_total)': 12 }, [
    {
      kind: 'label',
      label: 'tenant',
      labels: ['endpoint', 'method', 'status'],
      offers: [{ name: '', expr: 'http_requests_total' }],
    },
  ]));

test('matchers that only together find nothing are each tried without', () =>
  check(
    'http_requests_total{status="404", endpoint="/pay"}',
    {
      'count(http_requests_total)': 12,
      'count(http_requests_total{status="404"})': 3,
      'count(http_requests_total{endpoint="/pay"})': 2,
    },
    [
      {
        kind: 'together',
        without: [
          { matcher: 'status="404"', left: 2, expr: 'http_requests_total{endpoint="/pay"}' },
          { matcher: 'endpoint="/pay"', left: 3, expr: 'http_requests_total{status="404"}' },
        ],
      },
    ],
  ));

test('a comparison shows the values that came nearest', () =>
  check('product_stock < 5', { 'count(product_stock)': 8, 'bottomk(6, product_stock)': [[{ product_id: '3' }, '7']] }, [
    {
      kind: 'filtered',
      comparison: '< 5',
      expr: 'product_stock',
      total: 8,
      samples: [{ metric: { product_id: '3' }, value: [0, '7'] }],
    },
  ]));

test('a ratio of each series by itself is told, and both sides are summed', () => {
  const division = 'rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m])';
  return check(
    `${division} > 1`,
    { [`count(${division})`]: 4, [`topk(6, ${division})`]: [[{ status: '500' }, '1'], [{ status: '502' }, 'NaN']] },
    [
      {
        kind: 'selfDivision',
        metric: 'http_requests_total',
        offers: [
          {
            name: 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
            expr: 'sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 1',
          },
        ],
      },
      { kind: 'filtered', total: 4 },
    ],
  );
});

test('sides without a partner show the labels of each', () =>
  check(
    'orders_total / on (job) payment_requests_total',
    {
      'count(orders_total)': 1,
      'count(payment_requests_total)': 1,
      'topk(1, orders_total)': [[{ __name__: 'orders_total', job: 'shop' }, '1']],
      'topk(1, payment_requests_total)': [[{ __name__: 'payment_requests_total', job: 'pay' }, '1']],
    },
    [{ kind: 'mismatch', op: '/', left: { job: 'shop' }, right: { job: 'pay' }, offers: [] }],
  ));

test('a window with one sample is too short for a rate', () =>
  check('rate(up[1s])', { 'count(present_over_time(up[1s]))': 4 }, [{ kind: 'window', selector: 'up[1s]' }]));

test('absent is empty because the series are there', () =>
  check('absent(up)', { 'count(up)': 4 }, [{ kind: 'absent', selector: 'up', total: 4 }]));

test('a metric without a sample at the moment tells when the last one was', () =>
  check('sum(gone_metric) > 0', { 'max(max_over_time(timestamp(gone_metric)[1d:1m]))': 123 }, [
    { kind: 'stale', metric: 'gone_metric', last: 123 },
  ]));

test('a quantile over series without buckets is told', () =>
  check('histogram_quantile(0.9, up)', { 'count(up)': 4 }, [{ kind: 'buckets', expr: 'up' }]));

test('unless takes away what the right side has', () =>
  check('up unless up', { 'count(up)': 4 }, [{ kind: 'unless', expr: 'up' }]));
