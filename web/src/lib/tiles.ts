// The tiles of the real-time board: what each asks, how it counts, which rules concern it. Order and groups are the plan's.

import type { Key } from '../i18n';

export type TileGroup = 'system' | 'application' | 'business';

/** What the expressions are built with. */
export interface Windows {
  /** Of rates: `60s`, or four scrapes when that is longer. */
  rate: string;
  /** Of rates of rare events. */
  slow: string;
  /** Since midnight in Shanghai. */
  day: string;
}

export interface Measure {
  /** What it is called beside the other measures of its tile. */
  label: Key | null;
  query: (windows: Windows) => string;
}

export interface Tile {
  id: string;
  group: TileGroup;
  title: Key;
  /** How it counts, in a sentence. */
  counting: Key;
  /** What to do when its metric is not there. */
  hint: Key;
  /** What it means when there are samples, and still no value. */
  quiet: Key;
  unit: string;
  decimals: number | null;
  /** A word behind the number. */
  suffix?: Key;
  measures: readonly Measure[];
  /** Which of the measures is drawn large, compared with yesterday. */
  main: number;
  /** Its newest sample decides whether the tile is stale. The name before `{` is what is said to be missing. */
  freshness: string;
  /** What the value comes from when that is not there, each newest where those before it are missing. */
  otherwise?: readonly string[];
  /** While this gives anything, what the tile asks says nothing: it has no value then, and shows the last one. */
  blind?: string;
  /** Where more is better, a rise is good news. */
  better: 'more' | 'less' | 'neither';
  /** Shares are compared by their difference, everything else by its ratio. */
  change: 'points' | 'ratio';
  /** What has gathered since midnight is compared with the same moment, what goes up and down with the hour around it. */
  yesterday: 'hour' | 'moment';
  /** Seconds between the points of its trend. */
  step?: number;
  /** Where the value was found: the label of the series that the query gives. */
  where?: { query: string; label: string };
  /** Shown only when there is something to show. */
  optional?: boolean;
  /** Whether a rule with this expression is about what the tile shows, given the metrics in it. */
  concerns: (expr: string, metrics: ReadonlySet<string>) => boolean;
}

/** The expression of a measure, without a value while the tile is blind. */
export function queryFor(tile: Tile, measure: Measure, windows: Windows): string {
  return unlessBlind(tile, measure.query(windows));
}

export function unlessBlind(tile: Tile, query: string): string {
  return tile.blind === undefined ? query : `(${query}) unless on () (${tile.blind})`;
}

/** Not mounted from a disk, or full by nature. */
const NO_DISKS = 'fstype!~"tmpfs|ramfs|devtmpfs|squashfs|iso9660|erofs|overlay|autofs|fuse.*|nsfs"';
/** Devices that carry the traffic of other devices once more. */
const NO_CARDS = 'device!~"lo|ifb.*|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tun.*|tap.*"';

/** The shop's own pools; without them the fullest server: sessions of its own limit, as the collectors tell. */
const POOL = [
  '1 - sum(db_pool_available) / sum(db_pool_size)',
  'max(sum by (instance) (pg_stat_activity_count{backend_type="client backend"}) / on (instance) pg_settings_max_connections)',
  'max(mysql_global_status_threads_connected / on (instance) mysql_global_variables_max_connections)',
].join(' or ');

const SHARE = { unit: 'percentunit', decimals: 1, change: 'points' } as const;
const NUMBER = { unit: 'locale', decimals: 0, change: 'ratio' } as const;
const one = (query: Measure['query']) => ({ measures: [{ label: null, query }], main: 0 });
const reads =
  (...names: string[]) =>
  (_: string, metrics: ReadonlySet<string>): boolean =>
    names.some((name) => metrics.has(name));

/** Rules about failed requests read the same metric as those about their number. */
const FAILURES = /status(_code)?\s*(=~|=|!~|!=)/;

export const TILES: readonly Tile[] = [
  {
    id: 'cpu',
    group: 'system',
    title: 'board.cpu',
    counting: 'board.cpuCounting',
    hint: 'board.hintHost',
    quiet: 'board.quietStart',
    ...SHARE,
    ...one(({ rate }) => `max(1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[${rate}])))`),
    freshness: 'node_cpu_seconds_total{mode="idle"}',
    better: 'less',
    yesterday: 'hour',
    concerns: reads('node_cpu_seconds_total', 'node_load1', 'node_load5', 'node_load15'),
  },
  {
    id: 'memory',
    group: 'system',
    title: 'board.memory',
    counting: 'board.memoryCounting',
    hint: 'board.hintHost',
    quiet: 'board.quietStart',
    ...SHARE,
    ...one(() => 'max(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)'),
    freshness: 'node_memory_MemAvailable_bytes',
    better: 'less',
    yesterday: 'hour',
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('node_memory_')),
  },
  {
    id: 'disk',
    group: 'system',
    title: 'board.disk',
    counting: 'board.diskCounting',
    hint: 'board.hintHost',
    quiet: 'board.quietStart',
    ...SHARE,
    ...one(() => `max(1 - node_filesystem_avail_bytes{${NO_DISKS}} / node_filesystem_size_bytes{${NO_DISKS}})`),
    where: {
      query: `topk(1, 1 - node_filesystem_avail_bytes{${NO_DISKS}} / node_filesystem_size_bytes{${NO_DISKS}})`,
      label: 'mountpoint',
    },
    freshness: `node_filesystem_avail_bytes{${NO_DISKS}}`,
    better: 'less',
    yesterday: 'hour',
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('node_filesystem_')),
  },
  {
    id: 'network',
    group: 'system',
    title: 'board.network',
    counting: 'board.networkCounting',
    hint: 'board.hintHost',
    quiet: 'board.quietStart',
    unit: 'Bps',
    decimals: null,
    measures: [
      { label: 'board.networkIn', query: ({ rate }) => `sum(rate(node_network_receive_bytes_total{${NO_CARDS}}[${rate}]))` },
      { label: 'board.networkOut', query: ({ rate }) => `sum(rate(node_network_transmit_bytes_total{${NO_CARDS}}[${rate}]))` },
    ],
    main: 0,
    freshness: `node_network_receive_bytes_total{${NO_CARDS}}`,
    better: 'neither',
    change: 'ratio',
    yesterday: 'hour',
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('node_network_')),
  },
  {
    id: 'qps',
    group: 'application',
    title: 'board.qps',
    counting: 'board.qpsCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    unit: 'none',
    decimals: 1,
    suffix: 'board.perSecond',
    ...one(({ rate }) => `sum(rate(http_requests_total[${rate}]))`),
    freshness: 'http_requests_total',
    better: 'neither',
    change: 'ratio',
    yesterday: 'hour',
    concerns: (expr, metrics) => metrics.has('http_requests_total') && !FAILURES.test(expr),
  },
  {
    id: 'latency',
    group: 'application',
    title: 'board.latency',
    counting: 'board.latencyCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietRequests',
    unit: 's',
    decimals: null,
    measures: ([['board.p50', 0.5], ['board.p95', 0.95], ['board.p99', 0.99]] as const).map(([label, quantile]) => ({
      label,
      query: ({ rate }) =>
        `histogram_quantile(${quantile}, sum by (le) (rate(http_request_duration_seconds_bucket[${rate}])))`,
    })),
    main: 1,
    freshness: 'http_request_duration_seconds_bucket{le="+Inf"}',
    better: 'less',
    change: 'ratio',
    yesterday: 'hour',
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('http_request_duration_seconds')),
  },
  {
    id: 'errors',
    group: 'application',
    title: 'board.errors',
    counting: 'board.errorsCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietRequests',
    ...SHARE,
    decimals: 2,
    ...one(
      ({ rate }) =>
        `(sum(rate(http_requests_total{status=~"5.."}[${rate}])) or vector(0)) / sum(rate(http_requests_total[${rate}]))`,
    ),
    freshness: 'http_requests_total',
    better: 'less',
    yesterday: 'hour',
    concerns: (expr, metrics) => metrics.has('http_requests_total') && FAILURES.test(expr),
  },
  {
    id: 'connections',
    group: 'application',
    title: 'board.connections',
    counting: 'board.connectionsCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    ...NUMBER,
    ...one(() => 'sum(http_requests_in_flight)'),
    freshness: 'http_requests_in_flight',
    better: 'neither',
    yesterday: 'hour',
    concerns: reads('http_requests_in_flight'),
  },
  {
    id: 'pool',
    group: 'application',
    title: 'board.pool',
    counting: 'board.poolCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    ...SHARE,
    ...one(() => POOL),
    freshness: 'db_pool_size',
    otherwise: ['pg_settings_max_connections', 'mysql_global_variables_max_connections'],
    // Of a database that is dead nobody holds a connection: all of the pool is free, and 0 % would be good news.
    blind: 'pg_up == 0 or mysql_up == 0',
    better: 'less',
    yesterday: 'hour',
    optional: true,
    concerns: reads(
      'db_pool_available',
      'db_pool_size',
      'pg_settings_max_connections',
      'mysql_global_variables_max_connections',
    ),
  },
  {
    id: 'redis',
    group: 'application',
    title: 'board.redis',
    counting: 'board.redisCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    ...NUMBER,
    ...one(() => 'sum(redis_connected_clients)'),
    freshness: 'redis_connected_clients',
    better: 'neither',
    yesterday: 'hour',
    optional: true,
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('redis_')),
  },
  {
    id: 'users',
    group: 'business',
    title: 'board.users',
    counting: 'board.usersCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    ...NUMBER,
    suffix: 'board.people',
    ...one(() => 'max(active_users)'),
    freshness: 'active_users',
    better: 'more',
    yesterday: 'hour',
    concerns: reads('active_users'),
  },
  {
    id: 'orders',
    group: 'business',
    title: 'board.orders',
    counting: 'board.ordersCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    ...NUMBER,
    suffix: 'board.orderUnit',
    ...one(() => 'max(orders_today)'),
    freshness: 'orders_today',
    better: 'more',
    yesterday: 'moment',
    concerns: reads('orders_today', 'orders_total', 'orders_created_total'),
  },
  {
    id: 'sales',
    group: 'business',
    title: 'board.sales',
    counting: 'board.salesCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietStart',
    unit: 'currency:financial:¥',
    decimals: 0,
    change: 'ratio',
    // The shop counts in fen.
    ...one(() => 'max(sales_today_fen) / 100'),
    freshness: 'sales_today_fen',
    better: 'more',
    yesterday: 'moment',
    concerns: reads('sales_today_fen'),
  },
  {
    id: 'groups',
    group: 'business',
    title: 'board.groups',
    counting: 'board.groupsCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietGroups',
    ...SHARE,
    ...one(
      ({ day }) =>
        `sum(increase(group_buys_ended_total{result="success"}[${day}])) / sum(increase(group_buys_ended_total[${day}]))`,
    ),
    freshness: 'group_buys_ended_total',
    better: 'more',
    yesterday: 'moment',
    // Each point reads up to a day of samples.
    step: 300,
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('group_buy')),
  },
  {
    id: 'payments',
    group: 'business',
    title: 'board.payments',
    counting: 'board.paymentsCounting',
    hint: 'board.hintShop',
    quiet: 'board.quietPayments',
    ...SHARE,
    ...one(
      ({ slow }) =>
        `1 - (sum(rate(payment_failures_total[${slow}])) or vector(0)) / sum(rate(payment_requests_total[${slow}]))`,
    ),
    freshness: 'payment_requests_total',
    better: 'more',
    yesterday: 'hour',
    concerns: (_, metrics) => [...metrics].some((name) => name.startsWith('payment_')),
  },
];

export const GROUPS: readonly TileGroup[] = ['system', 'application', 'business'];
const RATE_SECONDS_MIN = 60;
/** A shop's payments are few: in a minute, one that fails would be a fifth of all. */
const SLOW_SECONDS_MIN = 300;

export function windowsFor(scrapeIntervalSeconds: number, secondsSinceMidnight: number): Windows {
  const scrapes = Math.ceil(4 * scrapeIntervalSeconds);
  return {
    rate: `${Math.max(RATE_SECONDS_MIN, scrapes)}s`,
    slow: `${Math.max(SLOW_SECONDS_MIN, scrapes)}s`,
    day: `${Math.max(1, Math.floor(secondsSinceMidnight))}s`,
  };
}

/** The name of the metric whose absence explains a tile without a value. */
export const metricOf = (tile: Tile): string => tile.freshness.replace(/\{.*$/, '');
