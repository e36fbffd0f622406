// A phone of 360 px looks at every page as somebody who may only look. Usage: phone.mjs URL NAME PASSWORD FOLDER PLAYWRIGHT [PAGE …]
// Prints one JSON line: per page how far it is too wide, and what went wrong in it.
const [url, name, password, folder, playwright, ...wanted] = process.argv.slice(2);
const { chromium } = await import(playwright);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const context = await browser.newContext({
  viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, timezoneId: 'Asia/Shanghai', locale: 'zh-CN',
});
const page = await context.newPage();
const errors = [];
page.on('pageerror', (error) => errors.push(error.message));
page.on('console', (message) => message.type() === 'error' && !message.text().startsWith('Failed to load') && errors.push(message.text()));
await page.goto(`${url}/`);
await page.locator('input[type=password]').waitFor();
await page.screenshot({ path: `${folder}/sign-in.png` });
await page.locator('input').first().fill(name);
await page.locator('input[type=password]').fill(password);
await page.locator('form button').click();
await page.locator('nav').waitFor({ state: 'attached' });
const pages = wanted.length ? wanted : ['board', 'dashboards', 'dashboards/lingxian', 'explore', 'logs', 'shop', 'alerts', 'silences', 'rules', 'targets'];
const seen = {};
for (const name of pages) {
  await page.goto(`${url}/#/${name}`);
  await page.waitForTimeout(2500);
  const file = `${folder}/${name.replaceAll(/[^a-z]/g, '-')}.png`;
  const too_wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await page.screenshot({ path: file, fullPage: true });
  const text = (await page.locator('main').first().innerText().catch(() => '')).slice(0, 2000);
  // Buttons that this person's role cannot use would be a trap.
  seen[name] = { too_wide, text, errors: errors.splice(0) };
}
console.log(JSON.stringify(seen));
await browser.close();
