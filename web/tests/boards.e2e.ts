// The plan's own board as it is, imported by a person; saved, changed, brought back; and nothing of it becomes HTML.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dashboards } from '../src/i18n/zh/dashboards';
import { Browser } from './browser';
import { eventually, Server } from './server';

const PLAN = resolve('../examples/lingxian/original/dashboard.json');

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.demo(), Browser.open()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

interface Found {
  uid: string;
  title: string;
}

const boards = () => server.json<Found[]>('api/search?type=dash-db');

test("the plan's board is imported unchanged, reported a panel a line, and says what is wrong under its titles", async () => {
  const before = (await boards()).length;
  const page = await browser.page(server.url, '#/dashboards');
  await page.getByRole('button', { name: dashboards.import }).first().click();
  await page.locator('input[type="file"]').setInputFiles(PLAN);
  const report = page.getByRole('dialog').locator('table').first();
  for (const title of ['QPS', '响应时间', '错误率', '活跃用户', '订单数量']) {
    await report.getByRole('row').filter({ hasText: title }).first().waitFor();
  }
  await page.getByRole('dialog').getByRole('button', { name: dashboards.importSave }).click();
  await expect.poll(() => new URL(page.url()).hash, { timeout: 15_000 }).toMatch(/^#\/dashboards\/[^/?]+/);
  expect((await boards()).length).toBe(before + 1);

  const uid = decodeURIComponent(/^#\/dashboards\/([^?]+)/.exec(new URL(page.url()).hash)?.[1] ?? '');
  const saved = await server.json<{ dashboard: { panels: { targets: { expr: string }[] }[] } }>(`api/dashboards/uid/${uid}`);
  const original = JSON.parse(readFileSync(PLAN, 'utf8')) as { dashboard: { panels: { targets: { expr: string }[] }[] } };
  const expressions = (board: typeof original.dashboard) => board.panels.map((panel) => panel.targets[0]?.expr);
  expect(expressions(saved.dashboard)).toEqual(expressions(original.dashboard));

  // The quantile has no buckets: nothing to draw, the reason, and the expression that would be right.
  const latency = page.locator('section, article').filter({ has: page.getByText('响应时间', { exact: true }) }).last();
  await expect.poll(() => latency.innerText(), { timeout: 30_000 }).toContain('http_request_duration_seconds_bucket');
  // The ratio divides each series by itself.
  const errors = page.locator('section, article').filter({ has: page.getByText('错误率', { exact: true }) }).last();
  await expect.poll(() => errors.innerText(), { timeout: 30_000 }).toMatch(/sum\s*\(/);
  // The shop's figure, as the API gives it at the last step of the range.
  const users = page.locator('section, article').filter({ has: page.getByText('活跃用户', { exact: true }) }).last();
  await eventually('active users on the panel', 30, async () => {
    const now = Date.now() / 1000;
    const range = new URLSearchParams({ query: 'max(active_users)', start: String(now - 120), end: String(now), step: '1' });
    const answer = await server.json<{ data: { result: { values: [number, string][] }[] } }>(`api/v1/query_range?${range}`);
    const values = new Set(answer.data.result.flatMap((series) => series.values.map(([, value]) => value)));
    return (await users.innerText()).split(/\s+/).find((word) => values.has(word));
  });
  expect(browser.offences).toEqual([]);
  await page.close();
});

test('what a board, its legends and its labels say is text, whatever it says', async () => {
  const attack = `<img src=x onerror="document.title='stolen'"><script>document.title='stolen'</script>`;
  const target = (expr: string, legendFormat: string) => ({ refId: 'A', expr, legendFormat });
  const board = {
    uid: 'attack',
    title: attack,
    tags: [attack],
    panels: [
      { id: 1, type: 'timeseries', title: attack, description: attack, gridPos: { x: 0, y: 0, w: 12, h: 8 }, targets: [target('up', attack)] },
      { id: 2, type: 'stat', title: 's', gridPos: { x: 12, y: 0, w: 6, h: 8 }, targets: [target(`label_replace(sum(up), "x", ${JSON.stringify(attack)}, "", "")`, '{{x}}')] },
      { id: 3, type: 'text', title: 't', gridPos: { x: 18, y: 0, w: 6, h: 8 }, options: { mode: 'html', content: `${attack}<a href="javascript:alert(1)">x</a>` } },
      { id: 4, type: 'table', title: 'u', gridPos: { x: 0, y: 8, w: 12, h: 8 }, targets: [{ ...target('up', ''), format: 'table', instant: true }] },
      { id: 5, type: attack, title: attack, gridPos: { x: 12, y: 8, w: 12, h: 8 } },
    ],
  };
  await server.post('api/dashboards/db', { dashboard: board, overwrite: true });
  for (const address of ['#/dashboards/attack', '#/dashboards']) {
    const page = await browser.page(server.url, address);
    await expect.poll(() => page.locator('main').innerText(), { timeout: 20_000 }).toContain('<img src=x');
    await page.waitForTimeout(2000);
    expect(await page.title()).not.toBe('stolen');
    expect(await page.locator('img[src="x"], main script, a[href^="javascript:"]').count()).toBe(0);
    await page.close();
  }
  expect(browser.offences).toEqual([]);
});

test('a board in a file is shown and cannot be changed; a saved one has versions', async () => {
  const own = await server.json<Found[]>('api/search?type=dash-db');
  const provided = own.find((board) => board.uid.startsWith('file-'));
  expect(provided?.title).toBe('灵鲜好物监控面板');
  const refused = await fetch(`${server.url}/api/dashboards/uid/${provided?.uid}`, { method: 'DELETE' });
  expect(refused.status).toBeGreaterThanOrEqual(400);

  const save = (title: string, version: number) =>
    server.post('api/dashboards/db', { dashboard: { uid: 'mine', title, version, panels: [] }, message: `as ${title}` });
  await save('one', 0);
  await save('two', 1);
  await expect(save('three', 1)).rejects.toThrow('412');
  const page = await browser.page(server.url, '#/dashboards/mine');
  await page.getByText('two').first().waitFor();
  await server.post('api/dashboards/uid/mine/restore', { version: 1 });
  await page.reload();
  await page.getByText('one').first().waitFor();
  await page.close();
});
