// Debian's Chromium, and what every page must keep: no request to another host, nothing that the content security
// policy had to stop, no error in the console.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

export interface Look {
  theme?: 'dark' | 'light';
  language?: 'zh' | 'en';
  width?: number;
  height?: number;
}

export class Browser {
  /** What a page did that it may not do. */
  readonly offences: string[] = [];

  private constructor(
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async open(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'lingshao-chromium-'));
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', ...quiet],
      timezoneId: 'Asia/Shanghai',
    });
    return new Browser(context, profile);
  }

  /** A page of a server, in a language and with colours of one's choice. */
  async page(server: string, address: string, look: Look = {}): Promise<Page> {
    const { theme = 'dark', language = 'zh', width = 1440, height = 900 } = look;
    const page = await this.context.newPage();
    await page.setViewportSize({ width, height });
    await page.addInitScript(
      ([theme, language]) => {
        localStorage.setItem('lingshao.theme', theme);
        localStorage.setItem('lingshao.language', language);
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
        });
      },
      [theme, language] as const,
    );
    page.on('request', (request) => {
      const own = request.url().startsWith(server) || /^(data|blob):/.test(request.url());
      if (!own) this.offences.push(`request to ${request.url()}`);
    });
    page.on('pageerror', (error) => this.offences.push(`${address}: ${error.message}`));
    page.on('console', (message) => {
      // A refused request is told in the page; the browser's own line about it is no offence.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.offences.push(`${address}: ${message.text()}`);
      }
    });
    await page.goto(`${server}/${address}`);
    return page;
  }

  /** Nobody is signed in any more. */
  async forget(): Promise<void> {
    await this.context.clearCookies();
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
