// The pool of a dead database is not empty: nobody knows how full it is.

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from './browser';
import { Server } from './server';

let shop: HttpServer;
let server: Server;
let browser: Browser;
/** What the shop and the collector of its database say. */
let said = { available: 4, up: 1 };

beforeAll(async () => {
  shop = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4');
    response.end(`db_pool_size 10\ndb_pool_available ${said.available}\npg_up ${said.up}\n`);
  });
  await new Promise<void>((done) => shop.listen(0, '127.0.0.1', done));
  const address = `127.0.0.1:${(shop.address() as AddressInfo).port}`;
  const config = `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: shop, static_configs: [{targets: ['${address}']}]}]\n`;
  [server, browser] = await Promise.all([Server.run(config), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  shop?.close();
});

test('the pool of a dead database has no value, and 0 % is not one', async () => {
  const page = await browser.page(server.url, '#/board');
  const tile = page.locator('[data-tile=pool][data-state=value]');
  await expect.poll(() => tile.locator('.number').allInnerTexts(), { timeout: 30_000 }).toEqual([expect.stringContaining('60')]);
  // The connections are gone, and so all of them are free.
  said = { available: 10, up: 0 };
  await expect.poll(() => tile.count(), { timeout: 30_000 }).toBe(0);
  expect(await page.locator('[data-tile=pool] .number').allInnerTexts()).not.toContain(expect.stringMatching(/^0/));
  said = { available: 9, up: 1 };
  await expect.poll(() => tile.locator('.number').allInnerTexts(), { timeout: 30_000 }).toEqual([expect.stringContaining('10')]);
  expect(browser.offences).toEqual([]);
});
