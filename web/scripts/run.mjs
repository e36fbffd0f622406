// Runs a script of this folder that uses the page's modules: `node scripts/run.mjs scripts/board-coverage.ts ARGUMENTS`.

import { createServer } from 'vite';

const [file, ...rest] = process.argv.slice(2);
const server = await createServer({ server: { middlewareMode: true, ws: false, watch: null }, appType: 'custom', logLevel: 'error' });
try {
  const { main } = await server.ssrLoadModule(`/${file}`);
  await main(rest);
} finally {
  await server.close();
}
