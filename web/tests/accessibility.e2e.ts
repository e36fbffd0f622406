// Every page with axe, in both colours and both languages, wide and on a phone. Nothing serious, no sideways scrolling.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sideways, violations } from './axe';
import { Browser, settled, type Look } from './browser';
import { Server } from './server';

const EXPRESSION = encodeURIComponent('sum by (endpoint) (rate(http_requests_total[5m]))');
/** Every page of the navigation, and what opens within one. */
const PAGES = [
  ...[...readFileSync('src/routes.ts', 'utf8').matchAll(/\{ name: '(\w+)'/g)].map(([, name = '']) => (name === 'explore' ? `explore?expr=${EXPRESSION}` : name)),
  'dashboards/lingxian',
  'logs?query=level:INFO',
];

let server: Server;
let browser: Browser;
/** Of the board that the demo provides. */
let board = '';

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.demo(), Browser.open()]);
  const boards = await server.json<{ uid: string }[]>('api/search?type=dash-db');
  board = boards[0]?.uid ?? '';
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const LOOKS: Look[] = [
  { theme: 'dark', language: 'zh' },
  { theme: 'light', language: 'zh' },
  { theme: 'dark', language: 'en' },
  { theme: 'light', language: 'en' },
  { theme: 'light', language: 'zh', width: 360, height: 740 },
];

async function check(address: string, look: Look): Promise<void> {
  const page = await browser.page(server.url, `#/${address}`, look);
  await page.locator('main h1, main h2').first().waitFor();
  // A line of logs in full, with all that can be done with it.
  if (address.startsWith('logs?')) await page.locator('[data-hit]').first().click();
  await settled(page);
  const name = `${address} ${JSON.stringify(look)}`;
  expect(await violations(page), name).toEqual([]);
  expect(await sideways(page), `${name} scrolls sideways`).toBeLessThanOrEqual(0);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe(look.language === 'en' ? 'en' : 'zh-CN');
  await page.close();
}

test.each(PAGES)('%s', { timeout: 180_000 }, async (address) => {
  const target = address === 'dashboards/lingxian' ? `dashboards/${encodeURIComponent(board)}` : address;
  await Promise.all(LOOKS.map((look) => check(target, look)));
  expect(browser.offences).toEqual([]);
});
