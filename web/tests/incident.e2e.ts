// A payment outage from the button to the phones and back: what the demo is for.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { demo } from '../src/i18n/zh/demo';
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

test('an outage colours its tile, reaches WeCom, e-mail and SMS, and resolves', { timeout: 420_000 }, async () => {
  const page = await browser.page(server.url, '#/board');
  const button = page.locator('button[data-incident="payment-outage"]');
  expect(await button.textContent()).toBe(demo['payment-outage']);
  await button.click();
  await page.locator('span[data-incident="payment-outage"]').waitFor();

  const tile = page.locator('[data-tile="payments"]');
  await expect.poll(() => tile.getAttribute('class'), { timeout: 150_000, interval: 1000 }).toContain('critical');
  await expect.poll(() => page.locator('[data-firing="critical"]').count(), { timeout: 30_000 }).toBe(1);

  const about = (message: Message) => `${message.subject ?? ''} ${message.text}`.includes('支付失败率');
  const told = await eventually('three channels told', 90, async () => {
    const messages = (await inbox()).filter(about);
    return new Set(messages.map((message) => message.channel)).size === 3 ? messages : undefined;
  });
  expect(told.map((message) => message.channel).sort()).toEqual(expect.arrayContaining(['email', 'sms', 'wecom']));

  const phones = await browser.page(server.url, '#/inbox');
  for (const channel of ['wecom', 'email', 'sms']) {
    await expect
      .poll(() => phones.locator(`[data-channel="${channel}"]`).allInnerTexts(), { timeout: 20_000 })
      .toContainEqual(expect.stringContaining('支付失败率'));
  }

  // It ends by itself half a minute after its alert; then the alert ends, and WeCom is told so.
  await expect.poll(() => tile.getAttribute('class'), { timeout: 200_000, interval: 1000 }).not.toContain('critical');
  await button.waitFor({ timeout: 60_000 });
  await eventually('WeCom told of the end', 60, async () => {
    const ends = (await inbox()).filter((message) => message.channel === 'wecom' && about(message) && message.text.includes('恢复'));
    return ends.length > 0 ? ends : undefined;
  });
  expect(browser.offences).toEqual([]);
});
