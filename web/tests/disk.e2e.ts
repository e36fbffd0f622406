// A full disk is told on every page, in both languages and colours, and no longer than it lasts.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { common as en } from '../src/i18n/en/common';
import { common as zh } from '../src/i18n/zh/common';
import { sideways, violations } from './axe';
import { Browser, type Look } from './browser';
import { Server } from './server';

const CONFIG = 'global: {scrape_interval: 1s, evaluation_interval: 1s}\nalerting: {time_zone: Asia/Shanghai}\n';

const isRoot = process.getuid?.() === 0;
let disk = '';
let server: Server;
let browser: Browser;

/** Until not one page is left. */
function fill(): void {
  const file = openSync(join(disk, 'ballast'), 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096, 1));
  } catch {
    closeSync(file);
  }
}

beforeAll(async () => {
  if (!isRoot) return;
  disk = mkdtempSync(join(tmpdir(), 'lingshao-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
  [server, browser] = await Promise.all([Server.run(CONFIG, {}, join(disk, 'data')), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  if (disk !== '') {
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

const LOOKS: Look[] = [
  { theme: 'dark', language: 'zh' },
  { theme: 'light', language: 'en' },
  { theme: 'light', language: 'zh', width: 360, height: 740 },
];

// Mounting needs root, which `make test` has in a fresh machine; elsewhere the server's own tests say the same.
test.skipIf(!isRoot)('a full disk is told on every page until there is room', { timeout: 120_000 }, async () => {
  const pages = await Promise.all(LOOKS.map((look, at) => browser.page(server.url, ['#/board', '#/alerts', '#/logs'][at] ?? '', look)));
  const [board] = pages;
  if (board === undefined) throw new Error('no page');
  const banner = board.locator('[data-troubles]');
  await expect.poll(() => banner.getAttribute('data-troubles')).toBe('0');
  expect((await banner.innerText()).trim()).toBe('');
  expect(await banner.evaluate((one) => (one as HTMLElement).offsetHeight)).toBe(0);
  const before = Date.now();
  fill();
  for (const [at, page] of pages.entries()) {
    const look = LOOKS[at] ?? {};
    const words = look.language === 'en' ? en : zh;
    const own = page.locator('[role=alert][data-troubles]');
    await expect.poll(() => own.innerText(), { timeout: 30_000 }).toContain(words.trouble_full);
    const text = await own.innerText();
    expect(text).toContain(words.part_metrics);
    expect(text).toContain(words.remedy_full.replace('{folder}', join(disk, 'data')));
    const since = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.exec(text)?.[0] ?? '';
    // The page speaks of the shop's time.
    expect(Math.abs(Date.parse(`${since.replace(' ', 'T')}+08:00`) - before), text).toBeLessThan(15_000);
    expect(await violations(page), JSON.stringify(look)).toEqual([]);
    expect(await sideways(page), JSON.stringify(look)).toBeLessThanOrEqual(0);
  }
  // Also on a screen on the wall.
  await board.evaluate(() => (location.hash = '#/board?kiosk'));
  await expect.poll(() => board.locator('#navigation').count()).toBe(0);
  expect(await banner.innerText()).toContain(zh.trouble_full);
  rmSync(join(disk, 'ballast'));
  await expect.poll(async () => (await banner.innerText()).trim(), { timeout: 30_000 }).toBe('');
  expect(browser.offences).toEqual([]);
});
