// How quick the page is: `node scripts/measure.mjs SERVER [BOARD.json]`, with the address of `lingshao demo` and, if you like,
// a large board (Node Exporter Full). Prints milliseconds, the median and the range of some runs; asserts nothing.
//
// Drawing is measured on the page's own modules, through Vite; everything else on the built page that the server gives.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';

const RUNS = 5;
const [server, boardFile] = process.argv.slice(2);
if (server === undefined) {
  console.error('usage: node scripts/measure.mjs SERVER [BOARD.json]');
  process.exit(2);
}

const profile = mkdtempSync(join(tmpdir(), 'lingshao-measure-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  viewport: { width: 1440, height: 900 },
});

function tell(what, values, goal) {
  const sorted = [...values].sort((a, b) => a - b).map(Math.round);
  const median = sorted[sorted.length >> 1];
  console.log(`${what.padEnd(44)} ${String(median).padStart(6)} ms   ${sorted[0]} to ${sorted.at(-1)}${goal === undefined ? '' : `   goal ${goal}`}`);
}

async function runs(work) {
  const values = [];
  for (let run = 0; run < RUNS; run += 1) values.push(await work());
  return values;
}

/** From the start of the navigation until something is drawn. */
async function opened(address, selector) {
  const page = await context.newPage();
  await page.addInitScript((wanted) => {
    const look = () => {
      const canvas = document.querySelector(wanted);
      if (canvas !== null) requestAnimationFrame(() => (window.seenAt = performance.now()));
      else requestAnimationFrame(look);
    };
    addEventListener('DOMContentLoaded', look);
  }, selector);
  await page.goto(`${server}/${address}`);
  await page.waitForFunction(() => window.seenAt !== undefined, null, { timeout: 60_000 });
  const milliseconds = await page.evaluate(() => window.seenAt);
  await page.close();
  return milliseconds;
}

/** Typing a word into a search field until the page has been drawn with fewer rows. */
async function filtered(address, field, word, rows) {
  const page = await context.newPage();
  await many(page);
  await page.goto(`${server}/${address}`);
  await page.locator(rows).first().waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1000);
  const values = await page.evaluate(
    async ([selector, text]) => {
      const input = document.querySelector(selector);
      const found = [];
      for (let end = 1; end <= text.length; end += 1) {
        const began = performance.now();
        input.value = text.slice(0, end);
        input.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        found.push(performance.now() - began);
      }
      return found;
    },
    [field, word],
  );
  await page.close();
  return values;
}

/** The server's lists, grown: 2,000 alerts, 1,000 targets. */
async function many(page) {
  const now = new Date().toISOString();
  const alert = (n) => ({
    fingerprint: String(n), labels: { alertname: `Alert${n % 40}`, instance: `host-${n}:9100`, severity: ['critical', 'warning', 'info'][n % 3] },
    annotations: { summary: `something is wrong on host ${n}` }, startsAt: now, updatedAt: now, endsAt: '2099-01-01T00:00:00Z',
    receivers: [{ name: 'team' }], status: { state: 'active', silencedBy: [], inhibitedBy: [] },
  });
  const target = (n) => ({
    discoveredLabels: {}, labels: { instance: `host-${n}:9100`, job: `job-${n % 20}` }, scrapePool: `job-${n % 20}`, scrapeUrl: `http://host-${n}:9100/metrics`,
    globalUrl: '', lastError: n % 50 === 0 ? 'connection refused' : '', lastScrape: now, lastScrapeDuration: 0.01, health: n % 50 === 0 ? 'down' : 'up',
    scrapeInterval: '15s', scrapeTimeout: '10s',
  });
  const list = (length, make) => Array.from({ length }, (_, n) => make(n));
  await page.route('**/api/v2/alerts', (route) => route.fulfill({ json: list(2000, alert) }));
  await page.route('**/api/v1/targets', (route) =>
    route.fulfill({ json: { status: 'success', data: { activeTargets: list(1000, target), droppedTargets: [], droppedTargetCounts: {} } } }),
  );
}

/** Draws series on the page's own `Plot`, until the frame behind it. */
async function drawn(url, charts, series, points) {
  const page = await context.newPage();
  await page.goto(url);
  const values = await page.evaluate(
    async ([count, lines, length, again]) => {
      const { Plot } = await import('/src/charts/plot.ts');
      const times = Array.from({ length }, (_, at) => 1_800_000_000 + at * 15);
      const found = [];
      for (let run = 0; run < again; run += 1) {
        document.body.replaceChildren();
        const hosts = Array.from({ length: count }, () => {
          const host = document.createElement('div');
          host.style.cssText = 'width:460px;height:240px;display:inline-block';
          document.body.append(host);
          return host;
        });
        const data = Array.from({ length: lines }, (_, line) => ({ name: `s${line}`, values: times.map((_, at) => Math.sin(at / 50 + line) * 100 + Math.random() * 10) }));
        const began = performance.now();
        const plots = hosts.map((host) => {
          const plot = new Plot(host, { cursor: () => undefined });
          plot.resize(460, 240);
          plot.draw({ times, series: data, hidden: new Set(), from: times[0], to: times[length - 1], zone: 'Asia/Shanghai' });
          return plot;
        });
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        found.push(performance.now() - began);
        plots.forEach((plot) => plot.destroy());
      }
      return found;
    },
    [charts, series, points, RUNS],
  );
  await page.close();
  return values;
}

async function json(path, body) {
  const response = await fetch(`${server}/${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  return response.json();
}

try {
  const [board] = await json('api/search?type=dash-db');
  if (board !== undefined) tell('first chart of a board', await runs(() => opened(`#/dashboards/${board.uid}`, 'canvas')), 500);
  tell('first tile', await runs(() => opened('#/board', '[data-tile="qps"][data-state="value"]')));
  if (boardFile !== undefined) {
    const parsed = JSON.parse(readFileSync(boardFile, 'utf8'));
    const { uid } = await json('api/dashboards/db', { dashboard: { ...(parsed.dashboard ?? parsed), id: null, uid: 'measured' }, overwrite: true });
    tell('first row of the given board', await runs(() => opened(`#/dashboards/${uid}`, 'canvas, [data-gauge], svg[role="img"]')), 1000);
    await fetch(`${server}/api/dashboards/uid/${uid}`, { method: 'DELETE' });
  }
  tell('a letter into the filter of 2,000 alerts', await filtered('#/alerts', 'main input', 'host-12', '[data-alert]'), 100);
  tell('a letter into the filter of 1,000 targets', await filtered('#/targets', 'main input[type="search"]', 'host-12', 'main section li'), 100);

  const vite = await createServer({ logLevel: 'error', server: { port: 0, host: '127.0.0.1' } });
  await vite.listen();
  const url = `http://127.0.0.1:${vite.httpServer.address().port}/scripts/measure.html`;
  tell('100,000 points on one chart', await drawn(url, 1, 10, 10_000), 150);
  tell('30 charts of 5 series of 720 points', await drawn(url, 30, 5, 720), 600);
  await vite.close();
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
