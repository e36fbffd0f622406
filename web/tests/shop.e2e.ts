// The business monitors on a shop's real (SQLite) database: seen, previewed, acted on by hand, paused, stopped, set going.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { session } from '../src/i18n/zh/session';
import { shop } from '../src/i18n/zh/shop';
import { sideways, violations } from './axe';
import { Browser, type Look } from './browser';
import { eventually, passwordHash, Server } from './server';
import { numberOf, ShopDatabase, sqlite } from './shop';

const ATTACK = `<img src=x onerror="document.title='stolen'">`;
const CANCELLED = 103;
const PENDING = 101;

let database: ShopDatabase;
let server: Server;
let browser: Browser;

beforeAll(async () => {
  database = new ShopDatabase();
  for (const id of [1, 2]) database.place(id);
  database.place(3, { seconds: 60 });
  for (const id of [4, 5, 6]) database.place(id, { paid: true });
  database.group(1, [4, 5], 2);
  database.group(2, [6], 2);
  [server, browser] = await Promise.all([Server.run(database.config('{order_timeout: {mode: observe}, group_settle: {mode: dry_run}}')), Browser.open()]);
  await ticked(server);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  database?.remove();
});

interface Told {
  shop: { tickAt: number; monitors: { name: string; pausedBy: string | null }[]; stopped: boolean } | null;
}

const ticked = (of: Server) => eventually('a tick', 30, async () => (await of.json<Told>('api/lingshao/v1/shop')).shop ?? undefined);
const open = (address = '', look: Look = {}) => browser.page(server.url, `#/shop${address}`, look);
const card = (page: Page, monitor: string) => page.locator(`[data-monitor="${monitor}"]`);
const dialog = (page: Page) => page.getByRole('dialog');

/** What stands in the dialog, and then says it again. */
async function confirm(page: Page): Promise<string> {
  const button = page.locator('[data-confirm]:enabled');
  await button.waitFor();
  const said = await dialog(page).innerText();
  await button.click();
  await dialog(page).waitFor({ state: 'detached' });
  return said;
}

test('each monitor says how far it may go, what it found, and what it would do', async () => {
  const page = await open();
  await card(page, 'order_timeout').waitFor();
  expect(await card(page, 'order_timeout').locator('[data-mode]').getAttribute('data-mode')).toBe('observe');
  expect(await card(page, 'group_settle').locator('[data-mode]').innerText()).toContain(shop.mode_dry_run);
  await card(page, 'order_timeout').locator('[data-fact="would_cancel"]').waitFor();
  const orders = card(page, 'order_timeout').locator('tbody tr');
  expect(await orders.evaluateAll((rows) => rows.map((row) => row.getAttribute('data-order')))).toEqual(['1', '2']);
  expect(await orders.first().innerText()).toContain(numberOf(1));
  expect(await orders.first().innerText()).toContain('¥19.90');
  expect(await card(page, 'order_timeout').innerText()).toContain('¥39.80');
  const groups = card(page, 'group_settle');
  expect(await groups.locator('[data-group="1"]').innerText()).toContain(shop.verdict_success);
  expect(await groups.locator('[data-group="2"]').innerText()).toContain(shop.verdict_failed);
  expect(await page.locator('[data-up="true"]').innerText()).toContain('SQLite');
  await page.close();
});

test('the day, stock and groups', async () => {
  const page = await open('/figures');
  await expect.poll(() => page.locator('[data-figures]').innerText()).toContain('¥59.70');
  const payments = await page.locator('[data-payments] li').innerText();
  for (const part of ['wechat', '60.0 %', `${shop.outcome_paid} 3`, `${shop.outcome_failed} 1`, `${shop.outcome_closed} 1`]) expect(payments).toContain(part);
  expect(await page.locator('[data-product="3"]').innerText()).toContain(shop.low);
  expect(await page.locator('[data-product="1"]').count()).toBe(0);
  await page.close();
});

test('one order is cancelled by hand, after the page has said what that means', async () => {
  const page = await open();
  const orders = card(page, 'order_timeout');
  await orders.getByLabel(shop.choose.replace('{what}', numberOf(1))).check();
  await orders.locator('[data-run]').click();
  const said = await confirm(page);
  expect(said).toContain('1 笔订单，共 ¥19.90');
  expect(said).toContain(shop.saysRun_orderNoProvider);
  expect(said).toContain(shop.inShop.replace('{shop}', 'lx').replace('{database}', 'SQLite'));
  await expect.poll(() => database.status(1), { timeout: 15_000 }).toBe(CANCELLED);
  expect([database.status(2), database.stock(1)]).toEqual([PENDING, 1002]);
  await orders.locator('[data-order="1"]').waitFor({ state: 'detached' });
  await page.goto(`${server.url}/#/shop/audit`);
  const line = page.locator('[data-kind="cancelled"]');
  await line.waitFor();
  expect(await line.innerText()).toContain(`${shop.state_pending} → ${shop.state_cancelled}`);
  expect(await line.innerText()).toContain('local');
  // Its records are found from there.
  await line.getByRole('link').click();
  await page.locator('[data-hit]').first().waitFor();
  expect(await page.locator('[data-hit]').first().innerText()).toContain('cancelled 1');
  await page.close();
});

test('a monitor is paused and goes on; what it says of it tells what to do', async () => {
  const page = await open();
  const orders = card(page, 'order_timeout');
  await orders.locator('[data-pause]').click();
  expect(await confirm(page)).toContain(shop.saysPause_order_timeout);
  await orders.locator('[data-refuses="paused"]').waitFor();
  expect(await orders.locator('[data-refuses]').innerText()).toContain(shop.todo_paused);
  expect(await page.getByRole('status').first().innerText()).toContain(shop.monitor_order_timeout);
  await orders.getByLabel(shop.chooseAll).check();
  expect(await orders.locator('[data-run]').isDisabled()).toBe(true);
  await orders.locator('[data-resume]').click();
  await confirm(page);
  await orders.locator('[data-refuses]').waitFor({ state: 'detached' });
  expect(await orders.locator('[data-run]').isEnabled()).toBe(true);
  await page.close();
});

test('everything is stopped with the keyboard alone; a confirmation that does not fit is begun again', async () => {
  const page = await open();
  const stop = page.locator('[data-stop]');
  await stop.focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-confirm]:enabled').waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  expect(await stop.evaluate((button) => button === document.activeElement)).toBe(true);

  const wrong = '**/api/lingshao/v1/shop/stop';
  await page.route(wrong, (route) => {
    const said = route.request().postDataJSON() as { confirm?: string };
    return route.continue(said.confirm === undefined ? {} : { postData: JSON.stringify({ ...said, confirm: '1-00' }) });
  });
  await page.keyboard.press('Enter');
  await page.locator('[data-confirm]:enabled').click();
  await dialog(page).getByText(shop.confirmOld).waitFor();
  await page.unroute(wrong);
  await dialog(page).getByRole('button', { name: shop.confirmAgain }).click();
  const said = await confirm(page);
  expect(said).toContain('shop.stop');
  await page.getByText(shop.stoppedTitle).first().waitFor();
  await card(page, 'refunds').locator('[data-refuses="stopped"]').waitFor();
  await page.locator('[data-go]').click();
  expect(await confirm(page)).toContain(shop.saysGoActsNone);
  await page.locator('[data-stop]').waitFor();
  await page.close();
});

test('refunds say how they stand, and one that waits for a person is tried under a new number', async () => {
  const now = Date.now();
  const row = (number: string, state: string, why: string) =>
    JSON.stringify({ number, order: number.split('-')[1], trade: numberOf(6), purpose: 'group_failed', paid: 1990, fen: 1990, state, marked: state === 'DONE', attempts: 2, planned_at: now - 7_200_000, sent_at: now - 7_000_000, next_at: now, why });
  const add = (number: string, state: string, why: string) =>
    ['INSERT INTO shop_ledger VALUES (?, ?, ?, ?, 0, ?, ?)', ['lx', 'refund', number, numberOf(6), now, row(number, state, why)]] as [string, (string | number)[]];
  sqlite(join(server.folder, 'data', 'state.db'), add('LSlx-6-f0', 'HUMAN', ATTACK), add('LSlx-5-f0', 'DONE', ''), add('LSlx-4-f0', 'HUMAN', ''));
  const page = await open('/refunds?which=all');
  const human = page.locator('[data-refund="LSlx-6-f0"]');
  await human.waitFor();
  expect(await human.innerText()).toContain(shop.state_HUMAN);
  expect(await human.innerText()).toContain(ATTACK);
  expect(await page.locator('[data-refund="LSlx-5-f0"] [data-retry]').count()).toBe(0);
  await human.locator('[data-retry]').click();
  expect(await confirm(page)).toContain('¥19.90 用新的退款单号退款');
  await page.locator('[data-refund="LSlx-6-f1"]').waitFor();
  expect(await page.locator('[data-refund="LSlx-6-f1"]').innerText()).toContain(shop.state_PLANNED);
  // Another was given back elsewhere: somebody says so, and nothing of it is to be decided any more.
  const settled = page.locator('[data-refund="LSlx-4-f0"]');
  await settled.locator('[data-settle]').click();
  expect(await confirm(page)).toContain('¥19.90 已经用别的方式退给顾客');
  await expect.poll(() => settled.innerText()).toContain(shop.state_DONE);
  expect(await settled.locator('[data-settle]').count()).toBe(0);
  // What is not at its end is open: the order of the other shows nothing yet, as the monitor only observes.
  await page.getByRole('button', { name: shop.refundsOpen, exact: true }).click();
  await expect.poll(() => page.locator('[data-refund]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-refund')))).toEqual(['LSlx-6-f1', 'LSlx-4-f0']);
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  await page.close();
});

test('the audit trail comes in pages, is verified and exported; keys that are none are refused', async () => {
  const post = (body: unknown) =>
    fetch(`${server.url}/api/lingshao/v1/shop/monitors/group_settle/run`, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  expect((await post({ keys: [ATTACK] })).status).toBe(400);
  // Keys that no group has are written down, found nowhere, and that is told.
  for (let n = 0; n < 60; n += 1) {
    const asked = (await (await post({ keys: [`nobody-${n}`] })).json()) as { confirm: string };
    expect((await post({ keys: [`nobody-${n}`], confirm: asked.confirm })).status).toBe(200);
  }
  const page = await open('/audit');
  await page.locator('[data-detail]', { hasText: /nobody-59[:：]/ }).waitFor();
  const first = await page.locator('[data-line]').first().getAttribute('data-line').then(Number);
  await page.locator('[data-older]').click();
  await expect.poll(() => page.locator('[data-line]').first().getAttribute('data-line').then(Number)).toBe(first - 50);
  await page.locator('[data-verify]').click();
  await page.getByText(shop.whole).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: shop.export }).click()]);
  expect(file.suggestedFilename()).toBe('shop-audit.ndjson');
  await page.close();
});

// Both colours, both languages, wide and on a phone.
const LOOKS: Look[] = [
  { theme: 'dark', language: 'zh' },
  { theme: 'light', language: 'en', width: 360, height: 740 },
];

test.each(LOOKS)('anybody can read and use all of it: %o', { timeout: 180_000 }, async (look) => {
  const page = await open('', look);
  await page.locator('details summary').first().click();
  for (const [view, there] of [['', '[data-order]'], ['/refunds?which=all', '[data-refund]'], ['/figures', '[data-stock]'], ['/audit', '[data-line]']] as const) {
    await page.goto(`${server.url}/#/shop${view}`);
    await page.locator(there).first().waitFor();
    expect(await violations(page), view).toEqual([]);
    expect(await sideways(page), `${view} scrolls sideways`).toBeLessThanOrEqual(0);
    // A text that is missing shows its key.
    expect(await page.locator('main').innerText()).not.toMatch(/\bshop\.(?!stop|url)\w+/);
  }
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('in act mode a viewer only sees, and an operator lets a stopped shop go on', { timeout: 120_000 }, async () => {
  const user = (name: string, role: string) => `    - {name: ${name}, password_hash: '${passwordHash(`${name} secret`)}', role: ${role}}\n`;
  const own = new ShopDatabase();
  for (const id of [1, 2]) own.place(id);
  const more = `  safety: {kill_switch: shop.stop}\nweb:\n  users:\n${user('ming', 'viewer')}${user('chen', 'operator')}`;
  const acting = await Server.run(own.config('{order_timeout: {mode: act}}', more), { 'shop.stop': '' });
  const signIn = async (name: string) => {
    const page = await browser.page(acting.url, '#/shop');
    await page.getByLabel(session.name).fill(name);
    await page.getByLabel(session.password).fill(`${name} secret`);
    await page.getByRole('button', { name: session.signIn }).click();
    return page;
  };
  try {
    const viewer = await signIn('ming');
    await card(viewer, 'order_timeout').locator('[data-refuses="stopped"]').waitFor();
    for (const button of ['[data-go]', '[data-pause] >> nth=0']) expect(await viewer.locator(button).isDisabled(), button).toBe(true);
    await viewer.close();
    const operator = await signIn('chen');
    await card(operator, 'order_timeout').locator('[data-order="2"]').waitFor();
    expect([own.status(1), own.status(2)]).toEqual([PENDING, PENDING]);
    await operator.locator('[data-go]').click();
    const said = await confirm(operator);
    expect(said).toContain(shop.saysGoActs.replace('{names}', shop.monitor_order_timeout));
    expect(said).toContain('2 笔订单，共 ¥39.80');
    await expect.poll(() => [own.status(1), own.status(2)], { timeout: 20_000 }).toEqual([CANCELLED, CANCELLED]);
    await card(operator, 'order_timeout').locator('[data-fact="cancelled"]', { hasText: '2' }).waitFor();
    await operator.goto(`${acting.url}/#/shop/audit`);
    await expect.poll(() => operator.locator('[data-kind="started"]').innerText()).toContain('chen');
    await operator.close();
  } finally {
    await acting.stop();
    own.remove();
  }
});

test('without a shop the page says how to begin', async () => {
  const plain = await Server.run('global: {scrape_interval: 1s}\n');
  const page = await browser.page(plain.url, '#/shop');
  await expect.poll(() => page.locator('[data-unconfigured]').innerText()).toContain('{mode: observe');
  expect(await page.locator('[data-stop]').count()).toBe(0);
  await page.close();
  await plain.stop();
});
