// What fires: why, silenced in two taps, and never as HTML.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from './browser';
import { eventually, Server } from './server';

const ATTACK = `<img src=x onerror=\\"document.title='stolen'\\">`;
const RULES = `
groups:
- name: always
  interval: 1s
  rules:
  - alert: Always
    expr: vector(7) > 5
    labels: {severity: critical, team: "${ATTACK}"}
    annotations: {summary: "seven is too much ${ATTACK}", description: "${ATTACK}"}
  - alert: Other
    expr: vector(1) > 0
    labels: {severity: warning}
`;
const CONFIG = `
rule_files: [rules.yml]
alerting:
  route: {receiver: team, group_wait: 0s, group_interval: 1s}
  receivers: [{name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
`;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.run(CONFIG, { 'rules.yml': RULES }), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test('an alert says why, is silenced in two taps on a phone, and is text', async () => {
  const page = await browser.page(server.url, '#/alerts', { width: 360, height: 740 });
  const line = page.locator('[data-alert="Always"]').first();
  await line.waitFor({ timeout: 30_000 });
  await expect.poll(() => line.innerText()).toContain('seven is too much <img src=x');

  // Tap one opens the sheet with everything filled in, tap two confirms.
  await line.locator('[data-silence]').click();
  await page.locator('[data-preview="1"]').waitFor();
  await page.locator('[data-confirm]').click();
  const silences = await eventually('the silence', 10, async () => {
    const all = await server.json<{ status: { state: string }; matchers: { name: string; value: string }[]; startsAt: string; endsAt: string }[]>('api/v2/silences');
    return all.length > 0 ? all : undefined;
  });
  expect(silences).toHaveLength(1);
  expect(silences[0]?.matchers).toContainEqual(expect.objectContaining({ name: 'alertname', value: 'Always' }));
  const seconds = (Date.parse(silences[0]?.endsAt ?? '') - Date.parse(silences[0]?.startsAt ?? '')) / 1000;
  // The server begins it when it hears of it.
  expect(Math.abs(seconds - 3600)).toBeLessThan(30);
  const states = async () => {
    const alerts = await server.json<{ labels: { alertname: string }; status: { state: string } }[]>('api/v2/alerts');
    return Object.fromEntries(alerts.map((alert) => [alert.labels.alertname, alert.status.state]));
  };
  await expect.poll(states, { timeout: 10_000 }).toEqual({ Always: 'suppressed', Other: 'active' });

  expect(await page.title()).not.toBe('stolen');
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('rules and silences show the same alert without running it', async () => {
  for (const address of ['#/rules', '#/silences']) {
    const page = await browser.page(server.url, address);
    await expect.poll(() => page.locator('main').innerText(), { timeout: 20_000 }).toContain('Always');
    expect(await page.title()).not.toBe('stolen');
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    await page.close();
  }
  expect(browser.offences).toEqual([]);
});
