// The page of logs against the real store: lines are sent as a Filebeat would, and found as a person would.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { logs } from '../src/i18n/zh/logs';
import { Browser } from './browser';
import { Server } from './server';

const CONFIG = `
listeners: {elasticsearch: 127.0.0.1:0}
collect: {host: {scrape_interval: 2s}}
`;
const ATTACK = `<img src=x onerror="document.title='stolen'">`;
/** More than a JavaScript number holds. */
const ORDER = '9007199254740993';
const MINUTE = 60_000;
/** Lines of the last 50 minutes, and what is different about some of them. */
const LINES = 10_500;
const PAYMENTS_FAILED = 7;

let server: Server;
let browser: Browser;
const began = Date.now();

/** The document of a line; the first ones are the newest. */
function line(number: number): string {
  const time = new Date(began - Math.round((number * 50 * MINUTE) / LINES)).toISOString();
  const common = `"@timestamp":"${time}","service":"lingxian","request_id":"req${number}z","user_id":${number % 100 === 3 ? 12345 : 10_000 + (number % 50)}`;
  if (number < PAYMENTS_FAILED) {
    return `{${common},"level":"ERROR","message":"支付失败: 余额不足 ${number}","path":"/api/v1/payments/wechat","status_code":500,"process_time":2.5,"order_id":${ORDER}}`;
  }
  if (number === 20) {
    return `{${common},"level":"WARNING","message":${JSON.stringify(ATTACK)},"path":${JSON.stringify(`/x?q="${ATTACK}"`)},${JSON.stringify(ATTACK)}:1,"status_code":404,"process_time":0.1}`;
  }
  return `{${common},"level":"INFO","message":"request finished ${number}","path":"/api/v1/orders","status_code":200,"process_time":0.05}`;
}

async function send(documents: string[]): Promise<void> {
  const body = documents.map((one) => `{"create":{"_index":"shop"}}\n${one}\n`).join('');
  const response = await fetch(`${server.listener('elasticsearch')}/_bulk`, { method: 'POST', body, headers: { 'Content-Type': 'application/x-ndjson' } });
  expect(await response.json()).toMatchObject({ errors: false });
}

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.run(CONFIG), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (query: Record<string, string>, look = {}) => browser.page(server.url, `#/logs?${new URLSearchParams(query)}`, look);
const total = (page: Page) => page.locator('[data-total]').getAttribute('data-total').then(Number);
const asked = (page: Page) => new URLSearchParams(new URL(page.url()).hash.split('?')[1]).get('query');
const box = (page: Page) => page.getByRole('textbox', { name: logs.box });

test('without any logs the page says how to send some, and shows the first one by itself', async () => {
  const page = await open({});
  await page.locator('[data-producers]').getByText('filebeat.yml').waitFor();
  await send([line(1)]);
  await page.locator('[data-hit]').first().waitFor({ timeout: 15_000 });
  expect(await page.locator('[data-hit]').first().innerText()).toContain('支付失败: 余额不足 1');
  await page.close();
  const rest = Array.from({ length: LINES }, (_, number) => number).filter((number) => number !== 1);
  for (let at = 0; at < rest.length; at += 2000) await send(rest.slice(at, at + 2000).map(line));
  expect(browser.offences).toEqual([]);
});

test.each<[string, number]>([
  ['level:ERROR AND timestamp:[now-1h TO now]', PAYMENTS_FAILED],
  ['process_time:>2 AND timestamp:[now-1h TO now]', PAYMENTS_FAILED],
  ['path:/api/v1/payments/* AND status_code:500', PAYMENTS_FAILED],
  ['user_id:12345', 105],
  ['余额', PAYMENTS_FAILED],
])('%s, as the plan or a person writes it', async (query, expected) => {
  const page = await open({});
  await page.locator('[data-hit]').first().waitFor();
  await box(page).fill(query);
  await page.keyboard.press('Enter');
  await expect.poll(() => total(page), { timeout: 10_000 }).toBe(expected);
  expect(asked(page)).toBe(query);
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('a wrong query is underlined where it is wrong, and an example puts it right', async () => {
  const page = await open({ query: 'level:ERROR AND message:"open' });
  await page.locator('main').getByRole('alert').waitFor();
  expect(await box(page).getAttribute('aria-invalid')).toBe('true');
  expect((await page.locator('pre .error').allTextContents()).join('')).toContain('"');
  await page.locator('main').getByRole('button', { name: 'path:/api/v1/payments/* AND status_code:500' }).click();
  await expect.poll(() => total(page)).toBe(PAYMENTS_FAILED);
  await page.close();
});

test('a line is opened, its fields are told exactly, and a value is asked for and excluded', async () => {
  const page = await open({ query: 'status_code:500' });
  await page.locator('[data-hit]').first().click();
  const detail = page.locator('[data-detail]');
  await detail.getByText(ORDER).first().waitFor();
  await detail.getByRole('button', { name: logs.filterIn.replace('{what}', 'path:/api/v1/payments/wechat') }).click();
  await expect.poll(() => asked(page)).toBe('status_code:500 AND path:"/api/v1/payments/wechat"');
  await expect.poll(() => total(page)).toBe(PAYMENTS_FAILED);
  await page.locator('[data-hit]').first().click();
  await detail.getByRole('button', { name: logs.filterOut.replace('{what}', 'path:/api/v1/payments/wechat') }).click();
  await expect.poll(() => asked(page)).toBe('status_code:500 AND NOT path:"/api/v1/payments/wechat"');
  await page.locator('[data-nothing]').waitFor();
  await page.getByRole('button', { name: logs.noneFilter }).click();
  await expect.poll(() => total(page)).toBe(LINES);
  await page.close();
});

test('the lines around a line, and those of its request', async () => {
  const page = await open({ query: '"request finished 100"' });
  await page.locator('[data-hit]').first().click();
  await page.getByRole('button', { name: logs.detailContext }).click();
  const context = page.locator('[data-context]');
  await context.getByText('request finished 101').waitFor();
  await context.getByText('request finished 99').waitFor();
  expect(await context.locator('[aria-current]').innerText()).toContain('request finished 100');
  await page.getByRole('button', { name: logs.pivot.replace('{name}', 'request_id') }).click();
  await expect.poll(() => asked(page)).toBe('request_id:"req100z"');
  await expect.poll(() => total(page)).toBe(1);
  await page.close();
});

test('fields show their values, filter by them, and become columns', async () => {
  const page = await open({});
  const fields = page.getByRole('region', { name: logs.fields });
  await fields.getByRole('button', { name: /^level/ }).click();
  await fields.getByRole('button', { name: logs.filterIn.replace('{what}', 'level:ERROR') }).click();
  await expect.poll(() => total(page)).toBe(PAYMENTS_FAILED);
  await fields.getByRole('button', { name: logs.addColumn.replace('{field}', 'order_id') }).click();
  await expect.poll(() => page.locator('[data-hit]').first().innerText()).toContain(ORDER);
  await page.close();
});

test('names of fields and values are completed by keys', async () => {
  const page = await open({});
  await page.locator('[data-hit]').first().waitFor();
  await box(page).pressSequentially('stat');
  await page.getByRole('option', { name: /status_code/ }).waitFor();
  await page.keyboard.press('Tab');
  await page.getByRole('option', { name: /^500/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  while (!(await page.locator('[role="option"][aria-selected="true"]').innerText()).startsWith('500')) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expect.poll(() => asked(page)).toBe('status_code:500');
  await expect.poll(() => total(page)).toBe(PAYMENTS_FAILED);
  await page.close();
});

test('ten thousand lines are walked through to the end, and few of them exist at a time', async () => {
  const page = await open({});
  await page.locator('[data-hit]').first().waitFor();
  await page.locator('[data-hit]').first().focus();
  await expect
    .poll(
      async () => {
        await page.keyboard.press('End');
        return page.locator('[data-hit]').last().innerText();
      },
      { timeout: 30_000 },
    )
    .toContain(`request finished ${LINES - 1}`);
  expect(await page.locator('[data-hit]').count()).toBeLessThan(100);
  await page.close();
});

test('a stretch of the histogram is zoomed into', async () => {
  const page = await open({});
  const chart = page.locator('canvas').first();
  await chart.waitFor();
  const place = await chart.boundingBox();
  if (place === null) throw new Error('no chart');
  const y = place.y + place.height / 3;
  await page.mouse.move(place.x + place.width * 0.3, y);
  await page.mouse.down();
  await page.mouse.move(place.x + place.width * 0.6, y, { steps: 8 });
  await page.mouse.up();
  await expect.poll(() => page.url()).toMatch(/from=\d{13}&to=\d{13}/);
  await expect.poll(() => total(page)).toBeLessThan(LINES / 2);
  expect(await total(page)).toBeGreaterThan(LINES / 5);
  await page.close();
});

test('new lines come by themselves, wait while one reads further down, and are counted', async () => {
  const page = await open({ live: '1', query: 'service:lingxian' });
  await page.locator('[data-hit]').first().waitFor();
  const fresh = (text: string) => `{"level":"INFO","service":"lingxian","message":"${text}"}`;
  await send([fresh('live one')]);
  await expect.poll(() => page.locator('[data-hit]').first().innerText(), { timeout: 10_000 }).toContain('live one');
  await page.locator('[data-hit]').first().focus();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('PageDown');
  await page.keyboard.press('PageDown');
  await send([fresh('live two'), fresh('live three')]);
  await page.locator('[data-new="2"]').waitFor({ timeout: 10_000 });
  expect(await page.locator('[data-hit]').allInnerTexts()).not.toContainEqual(expect.stringContaining('live three'));
  await page.locator('[data-new]').click();
  await expect.poll(() => page.locator('[data-hit]').first().innerText()).toContain('live three');
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('what was found is exported whole', async () => {
  const page = await open({ query: 'level:ERROR' });
  await page.locator('[data-hit]').first().waitFor();
  await page.getByRole('button', { name: logs.export }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /NDJSON/ }).click()]);
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
  const found = Buffer.concat(chunks).toString().split('\n').filter((text) => text.includes('支付失败'));
  expect(found).toHaveLength(PAYMENTS_FAILED);
  expect(found[0]).toContain(ORDER);
  await page.close();
});

test('nothing in this range: the newest line is told, and one goes there', async () => {
  const page = await open({ from: String(began - 26 * 60 * MINUTE), to: String(began - 25 * 60 * MINUTE), query: 'level:ERROR' });
  await page.getByRole('button', { name: logs.noneGo }).click();
  await page.locator('[data-hit]').first().waitFor();
  expect(await total(page)).toBe(PAYMENTS_FAILED);
  await page.close();
});

test('what producers send is text, wherever it is shown', async () => {
  const page = await open({ query: 'status_code:404', col: 'path' });
  await page.locator('[data-hit]').first().click();
  await expect.poll(() => page.locator('[data-detail]').innerText()).toContain('<img src=x');
  await page.getByRole('button', { name: logs.detailJson, exact: true }).click();
  await page.getByRole('button', { name: logs.detailContext }).click();
  await page.locator('[data-context]').waitFor();
  const fields = page.getByRole('region', { name: logs.fields });
  await fields.getByRole('button', { name: /^path/ }).click();
  await fields.getByText('<img src=x').first().waitFor();
  expect(await page.title()).not.toBe('stolen');
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('on a phone lines are read, opened and filtered', async () => {
  const page = await open({ query: 'level:ERROR' }, { width: 360, height: 740 });
  await page.locator('[data-hit]').first().click();
  await page.locator('[data-detail]').getByRole('button', { name: logs.filterIn.replace('{what}', 'status_code:500') }).click();
  await expect.poll(() => asked(page)).toBe('level:ERROR AND status_code:500');
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(sideways).toBeLessThanOrEqual(0);
  await page.close();
});

test('an index is chosen by its name or alias, and the address keeps the choice', async () => {
  const made = await fetch(`${server.listener('elasticsearch')}/nginx-1`, {
    method: 'PUT',
    body: '{"aliases":{"edge":{}}}',
    headers: { 'Content-Type': 'application/json' },
  });
  expect(made.status).toBe(200);
  const document = `{"@timestamp":"${new Date(began).toISOString()}","message":"at the edge"}`;
  const body = `{"create":{"_index":"nginx-1"}}\n${document}\n`;
  await fetch(`${server.listener('elasticsearch')}/_bulk`, { method: 'POST', body, headers: { 'Content-Type': 'application/x-ndjson' } });
  const page = await open({ query: 'edge' });
  const choice = page.getByRole('combobox', { name: logs.indexChoice });
  await choice.waitFor();
  expect(await choice.locator('option').allInnerTexts()).toEqual([logs.indexAll, 'edge', 'nginx-1', 'shop']);
  await expect.poll(() => total(page)).toBe(1);
  await choice.selectOption('shop');
  await expect.poll(() => total(page)).toBe(0);
  await choice.selectOption('edge');
  await expect.poll(() => total(page)).toBe(1);
  await page.reload();
  await expect.poll(() => choice.inputValue()).toBe('edge');
  await page.close();
});
