// Every page with axe, in both colours and both languages, wide and on a phone. Nothing serious, no sideways scrolling.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { Browser, settled, type Look } from './browser';
import { Server } from './server';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
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

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

async function violations(page: Page): Promise<string[]> {
  // Past the content security policy: through the debugger, as a person's browser extension would.
  const found = (await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)`)) as Violation[];
  return found
    .filter((one) => one.impact === 'serious' || one.impact === 'critical')
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}

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
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(sideways, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe(look.language === 'en' ? 'en' : 'zh-CN');
  await page.close();
}

test.each(PAGES)('%s', { timeout: 180_000 }, async (address) => {
  const target = address === 'dashboards/lingxian' ? `dashboards/${encodeURIComponent(board)}` : address;
  await Promise.all(LOOKS.map((look) => check(target, look)));
  expect(browser.offences).toEqual([]);
});
