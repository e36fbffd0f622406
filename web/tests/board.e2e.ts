// What a newcomer sees: the thirteen tiles, with the values that the API gives, fed from nothing but our own host.

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from './browser';
import { eventually, Server } from './server';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.demo(), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const DISK = 'fstype!~"tmpfs|ramfs|devtmpfs|squashfs|iso9660|erofs|overlay|autofs|fuse.*|nsfs"';
const CARD = 'device!~"lo|ifb.*|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tun.*|tap.*"';

/** The plan's tiles in its order: the expression, and how one of its values is written. */
const TILES: [string, string, (value: number) => string][] = [
  ['cpu', 'max(1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m])))', percent(1)],
  ['memory', 'max(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)', percent(1)],
  ['disk', `max(1 - node_filesystem_avail_bytes{${DISK}} / node_filesystem_size_bytes{${DISK}})`, percent(1)],
  ['network', `sum(rate(node_network_receive_bytes_total{${CARD}}[1m]))`, (value) => String(value)],
  ['qps', 'sum(rate(http_requests_total[1m]))', (value) => value.toFixed(1)],
  ['latency', 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))', (value) => String(value)],
  ['errors', '(sum(rate(http_requests_total{status=~"5.."}[1m])) or vector(0)) / sum(rate(http_requests_total[1m]))', percent(2)],
  ['connections', 'sum(http_requests_in_flight)', (value) => String(value)],
  ['users', 'max(active_users)', (value) => value.toLocaleString('en-US')],
  ['orders', 'max(orders_today)', (value) => value.toLocaleString('en-US')],
  ['sales', 'max(sales_today_fen) / 100', (value) => Math.round(value).toLocaleString('en-US')],
  ['groups', 'groups', percent(1)],
  ['payments', '1 - (sum(rate(payment_failures_total[5m])) or vector(0)) / sum(rate(payment_requests_total[5m]))', percent(1)],
];

function percent(decimals: number): (value: number) => string {
  return (value) => (value * 100).toFixed(decimals);
}

/** All values that an expression had in the last seconds, at whole seconds and between. */
async function recent(query: string): Promise<number[]> {
  const end = Date.now() / 1000;
  const parameters = new URLSearchParams({ query, start: String(end - 15), end: String(end), step: '0.25' });
  const answer = await server.json<{ data: { result: { values: [number, string][] }[] } }>(`api/v1/query_range?${parameters}`);
  return answer.data.result.flatMap((series) => series.values.map(([, value]) => Number(value)));
}

/** Of the groups that ended since midnight in Shanghai. */
function groupsToday(): string {
  const day = Math.floor((Date.now() / 1000 + 8 * 3600) % 86_400);
  const ended = (matcher: string) => `sum(increase(group_buys_ended_total${matcher}[${day}s]))`;
  return `${ended('{result="success"}')} / ${ended('')}`;
}

test('the thirteen tiles show what the API says, in the order of the plan', async () => {
  const page = await browser.page(server.url, '#/board');
  const shown = await eventually('13 values', 60, async () => {
    const tiles = await page.locator('[data-tile][data-state="value"]').evaluateAll((all) =>
      all.map((tile) => ({
        id: tile.getAttribute('data-tile') ?? '',
        value: Number(tile.querySelector('[data-value]')?.getAttribute('data-value')),
        text: tile.querySelector('[data-value]')?.textContent ?? '',
      })),
    );
    return TILES.every(([id]) => tiles.some((tile) => tile.id === id)) ? tiles : undefined;
  });
  expect(shown.map((tile) => tile.id).filter((id) => TILES.some(([own]) => own === id))).toEqual(TILES.map(([id]) => id));
  for (const [id, expression, written] of TILES) {
    const tile = shown.find((one) => one.id === id);
    const values = await recent(expression === 'groups' ? groupsToday() : expression);
    expect(values, id).not.toEqual([]);
    const nearest = values.reduce((best, value) =>
      Math.abs(value - (tile?.value ?? NaN)) < Math.abs(best - (tile?.value ?? NaN)) ? value : best,
    );
    // A batch is asked at its own instant, so the value may lie between two of ours.
    const [low, high] = [Math.min(...values), Math.max(...values)];
    expect(tile?.value, id).toBeGreaterThanOrEqual(low - Math.abs(low) * 0.02);
    expect(tile?.value, id).toBeLessThanOrEqual(high + Math.abs(high) * 0.02);
    if (!['network', 'latency', 'cpu'].includes(id)) {
      expect(tile?.text, `${id}: ${nearest}`).toContain(written(tile?.value ?? NaN));
    }
  }
  // Yesterday's same hour comes from the fourteen days that the demo begins with.
  await expect.poll(() => page.locator('[data-tile] [data-change]').count(), { timeout: 40_000 }).toBeGreaterThanOrEqual(10);
  // Right after the start the newest sample may still be the last of the history.
  await expect.poll(() => page.locator('[data-stale]').count(), { timeout: 15_000 }).toBe(0);
  const before = await page.locator('[data-tile="connections"] [data-value], [data-tile="network"] [data-value]').allTextContents();
  await expect
    .poll(() => page.locator('[data-tile="connections"] [data-value], [data-tile="network"] [data-value]').allTextContents(), {
      timeout: 15_000,
    })
    .not.toEqual(before);
  expect(browser.offences).toEqual([]);
  await page.close();
});

/** What a page has loaded, compressed as it was sent. */
async function loaded(page: Page, encoding: 'gzip' | 'br'): Promise<number> {
  const names = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map((entry) => entry.name)
      .filter((name) => /\.(js|css)$/.test(name)),
  );
  expect(names.length).toBeGreaterThan(1);
  let bytes = 0;
  for (const name of names) {
    const response = await fetch(name, { headers: { 'Accept-Encoding': encoding } });
    const length = Number(response.headers.get('content-length'));
    expect(length, name).toBeGreaterThan(0);
    // The smallest are sent as they are.
    expect(response.headers.get('content-encoding') === encoding || length < 300, name).toBe(true);
    bytes += length;
  }
  return bytes;
}

test('the first load is small and compressed, and of our own host alone', async () => {
  const page = await browser.page(server.url, '#/board');
  await page.locator('[data-tile="qps"][data-state="value"]').waitFor();
  expect(await loaded(page, 'gzip')).toBeLessThanOrEqual(80_000);
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('a board by its link is no large load either', async () => {
  const boards = await server.json<{ uid: string }[]>('api/search?type=dash-db');
  const page = await browser.page(server.url, `#/dashboards/${boards.find(({ uid }) => uid.startsWith('file-'))?.uid}`);
  await page.locator('canvas').first().waitFor();
  // With what explains its empty panels, which are looked at once the others are there.
  await page.locator('main ul li code').first().waitFor();
  // With the plan's board, whose panels are of old kinds and partly empty.
  expect(await loaded(page, 'br')).toBeLessThanOrEqual(130_000);
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('pages carry a strict policy, and a stranger cannot frame or script them', async () => {
  const response = await fetch(`${server.url}/`);
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1];
  expect(await response.text()).toContain(`content="${nonce}"`);
  const again = (await fetch(`${server.url}/`)).headers.get('content-security-policy');
  expect(again).not.toBe(policy);
});

test('an old chart link of a message leads to the explorer', async () => {
  const page = await browser.page(server.url, 'graph?g0.expr=sum(up)&g0.tab=1');
  await expect.poll(() => new URL(page.url()).hash).toContain('#/explore?expr=sum%28up%29');
  await expect.poll(() => page.locator('main').innerText()).toContain('sum');
  await page.close();
});
