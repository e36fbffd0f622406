// Signing in: who may see, who may change, and what a wrong password gets.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { nav } from '../src/i18n/zh/nav';
import { session } from '../src/i18n/zh/session';
import { Browser, type Look } from './browser';
import { passwordHash as hash, Server } from './server';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  const user = (name: string, role: string) => `    - {name: ${name}, password_hash: '${hash(`${name} secret`)}', role: ${role}}\n`;
  const config = `web:\n  users:\n${user('ming', 'viewer')}${user('li', 'editor')}collect: {host: {scrape_interval: 2s}}\n`;
  [server, browser] = await Promise.all([Server.run(config), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

async function signIn(name: string, password: string, look: Look = {}) {
  const page = await browser.page(server.url, '#/dashboards', look);
  await page.getByLabel(session.name).fill(name);
  await page.getByLabel(session.password).fill(password);
  await page.getByRole('button', { name: session.signIn }).click();
  return page;
}

test('nothing is shown to a stranger, and a wrong password is said to be wrong', async () => {
  expect((await fetch(`${server.url}/api/v1/query?query=up`)).status).toBe(401);
  const page = await signIn('ming', 'wrong');
  await expect.poll(() => page.getByRole('alert').textContent()).toBe(session.wrong);
  expect(await page.locator('nav').count()).toBe(0);
  await page.close();
});

test('a viewer sees and may not change; the session survives a reload and ends with signing out', async () => {
  const page = await signIn('ming', 'ming secret');
  await page.locator('nav').waitFor();
  await page.reload();
  await page.locator('nav').waitFor();
  expect(await page.locator('header').first().innerText()).toContain(`ming · ${session.viewer}`);
  const cookies = await page.context().cookies();
  expect(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([{ httpOnly: true, sameSite: 'Strict' }]);
  const refused = await page.evaluate(async () => {
    const body = JSON.stringify({ dashboard: { title: 'x', panels: [] } });
    return (await fetch('api/dashboards/db', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status;
  });
  expect(refused).toBe(403);
  await page.getByRole('button', { name: session.signOut }).click();
  await page.getByLabel(session.password).waitFor();
  // As the page asks: without the header the browser would put up a dialog of its own.
  const asked = page.evaluate(async () => (await fetch('api/v1/query?query=up', { headers: { 'X-Lingshao-UI': '1' } })).status);
  expect(await asked).toBe(401);
  await page.close();
});

test('on a phone the frame is one row, and the way out is in the menu', async () => {
  const page = await signIn('ming', 'ming secret', { width: 360, height: 740 });
  await page.getByRole('button', { name: nav.open }).waitFor();
  expect(await page.locator('header').first().evaluate((header) => (header as HTMLElement).offsetHeight)).toBeLessThan(64);
  await page.getByRole('button', { name: nav.open }).click();
  await page.getByRole('button', { name: session.signOut }).click();
  await page.getByLabel(session.password).waitFor();
  await page.close();
});

test('an editor may save a board', async () => {
  const page = await signIn('li', 'li secret');
  await page.locator('nav').waitFor();
  const saved = await page.evaluate(async () => {
    const body = JSON.stringify({ dashboard: { title: 'x', panels: [] } });
    return (await fetch('api/dashboards/db', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status;
  });
  expect(saved).toBe(200);
  await page.close();
});
