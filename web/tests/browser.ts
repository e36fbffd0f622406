// Debian's Chromium, and what every page must keep: no request to another host, nothing that the content security
// policy had to stop, no error in the console.

import { chromium, type Browser as Chromium, type Page } from 'playwright-core';

export interface Look {
  theme?: 'dark' | 'light';
  language?: 'zh' | 'en';
  width?: number;
  height?: number;
}

export class Browser {
  /** What a page did that it may not do. */
  readonly offences: string[] = [];

  private constructor(private readonly chromium: Chromium) {}

  /** With a profile of its own, which is gone with it. */
  static async open(): Promise<Browser> {
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    return new Browser(
      await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        headless: true,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', ...quiet],
      }),
    );
  }

  /** A page of a server, in a language and with colours of one's choice; it knows nothing of other pages' storage. */
  async page(server: string, address: string, look: Look = {}): Promise<Page> {
    const { theme = 'dark', language = 'zh', width = 1440, height = 900 } = look;
    const context = await this.chromium.newContext({ timezoneId: 'Asia/Shanghai', viewport: { width, height } });
    const page = await context.newPage();
    // The browser may be gone already, and the context with it.
    page.on('close', () => void context.close().catch(() => undefined));
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

  async close(): Promise<void> {
    await this.chromium.close();
  }
}

/** Until the page has what it asked for; one that goes on asking is left after a second and a half. */
export async function settled(page: Page): Promise<void> {
  const longest = new Promise((done) => setTimeout(done, 1500));
  await Promise.race([page.waitForLoadState('networkidle'), longest]);
}
