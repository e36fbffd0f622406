// Names of metrics come from strangers too: since names may be any text, one may be a script.

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from './browser';
import { eventually, Server } from './server';

const ATTACK = '<img src=x onerror=document.title=1>';
const PAGE = `# TYPE "${ATTACK}" gauge\n# HELP "${ATTACK}" ${ATTACK}\n{"${ATTACK}",job_of="${ATTACK}"} 7\n`;

let stranger: HttpServer;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  stranger = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain; version=1.0.0; escaping=allow-utf-8' });
    response.end(PAGE);
  });
  await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
  const { port } = stranger.address() as AddressInfo;
  const config = `scrape_configs: [{job_name: stranger, scrape_interval: 1s, static_configs: [{targets: ['127.0.0.1:${port}']}]}]`;
  [server, browser] = await Promise.all([Server.run(config), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  stranger?.close();
});

test('a metric whose name is a script is listed, asked for and drawn as text', async () => {
  const expr = `{"${ATTACK}"}`;
  await eventually('the sample', 20, async () => ((await server.value(expr).catch(() => null)) === 7 ? true : undefined));
  const page = await browser.page(server.url, `#/explore?${new URLSearchParams({ expr })}`);
  await page.locator('canvas').first().waitFor();
  const list = page.locator('main').getByRole('searchbox').first();
  await list.fill('<img');
  await expect.poll(() => page.locator('main section').first().innerText()).toContain(ATTACK);
  await page.goto(`${server.url}/#/explore?${new URLSearchParams({ expr, tab: 'table' })}`);
  await expect.poll(() => page.locator('main').innerText()).toContain(ATTACK);
  expect(await page.title()).not.toBe('1');
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(browser.offences).toEqual([]);
  await page.close();
});
