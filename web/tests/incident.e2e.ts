// Incidents from the button to the phones and back: what the demo is for. All of them at once, as they mostly wait.

import { afterAll, beforeAll, test, type ExpectStatic } from 'vitest';
import { demo } from '../src/i18n/zh/demo';
import type { Page } from 'playwright-core';
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

interface Message {
  channel: 'wecom' | 'email' | 'sms';
  subject: string | null;
  text: string;
}

const inbox = async () => (await server.json<{ messages: Message[] }>('api/lingshao/v1/demo/inbox')).messages;

/** Presses the button of an incident, and waits until it runs. */
async function begin(expect: ExpectStatic, page: Page, name: keyof typeof demo): Promise<void> {
  const button = page.locator(`button[data-incident="${name}"]`);
  expect(await button.textContent()).toBe(demo[name]);
  await button.click();
  await page.locator(`span[data-incident="${name}"]`).waitFor();
}

const mood = (page: Page, tile: string) => page.locator(`[data-tile="${tile}"]`).getAttribute('class');

/** What the phones show of a channel. */
async function shown(expect: ExpectStatic, page: Page, channel: Message['channel'], words: string): Promise<void> {
  const bubbles = page.locator(`[data-channel="${channel}"]`);
  await expect.poll(() => bubbles.allInnerTexts(), { timeout: 30_000 }).toContainEqual(expect.stringContaining(words));
}

test.concurrent('a failed group is told, ends by itself half a minute later, and its end is told', { timeout: 300_000 }, async ({ expect }) => {
  const page = await browser.page(server.url, '#/board');
  await begin(expect, page, 'failed-group');
  await expect.poll(() => mood(page, 'groups'), { timeout: 150_000, interval: 1000 }).toMatch(/\binfo\b/);
  const about = async (end: boolean) => {
    const messages = (await inbox()).filter(({ channel, text }) => channel === 'wecom' && text.includes('GroupBuyUnsettled'));
    return messages.find(({ text }) => text.includes('恢复') === end);
  };
  await eventually('WeCom told', 60, () => about(false));
  await expect.poll(() => mood(page, 'groups'), { timeout: 150_000, interval: 1000 }).not.toMatch(/\binfo\b/);
  await page.locator('button[data-incident="failed-group"]').waitFor({ timeout: 60_000 });
  await eventually('WeCom told of the end', 60, () => about(true));
  const phones = await browser.page(server.url, '#/inbox');
  await shown(expect, phones, 'wecom', '恢复');
  expect(browser.offences).toEqual([]);
  await phones.close();
  await page.close();
});

test.concurrent('a payment outage colours its tile and reaches WeCom, e-mail and SMS', { timeout: 240_000 }, async ({ expect }) => {
  const page = await browser.page(server.url, '#/board');
  await begin(expect, page, 'payment-outage');
  await expect.poll(() => mood(page, 'payments'), { timeout: 150_000, interval: 1000 }).toContain('critical');
  await expect.poll(() => page.locator('[data-firing="critical"]').count(), { timeout: 30_000 }).toBe(1);
  const about = ({ subject, text }: Message) => `${subject ?? ''} ${text}`.includes('支付失败率');
  await eventually('three channels told', 90, async () => {
    const channels = new Set((await inbox()).filter(about).map(({ channel }) => channel));
    return channels.size === 3 ? channels : undefined;
  });
  const phones = await browser.page(server.url, '#/inbox');
  for (const channel of ['wecom', 'email', 'sms'] as const) {
    await shown(expect, phones, channel, '支付失败率');
  }
  expect(browser.offences).toEqual([]);
});

test.concurrent('a slow database and a stock that runs down are told, also at the same time', { timeout: 240_000 }, async ({ expect }) => {
  const page = await browser.page(server.url, '#/board');
  await begin(expect, page, 'slow-database');
  await begin(expect, page, 'stock-run-down');
  const told = async (words: string) => (await inbox()).find(({ channel, text }) => channel === 'wecom' && text.includes(words));
  await Promise.all([eventually('slowness told', 150, () => told('响应时间过长')), eventually('stock told', 150, () => told('库存预警'))]);
  await expect.poll(() => mood(page, 'latency'), { timeout: 30_000, interval: 1000 }).toMatch(/\bwarning\b/);
  const phones = await browser.page(server.url, '#/inbox');
  await shown(expect, phones, 'wecom', '响应时间过长');
  await shown(expect, phones, 'wecom', '库存预警');
  expect(browser.offences).toEqual([]);
  await phones.close();
  await page.close();
});
