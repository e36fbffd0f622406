/// <reference types="vitest/config" />
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// `npm run dev` talks to a Lingshao that already runs.
const server = process.env.LINGSHAO_URL ?? 'http://127.0.0.1:9090';

export default defineConfig({
  plugins: [svelte()],
  // Relative, so that the page works behind any `web.route_prefix`.
  base: './',
  build: {
    // Phones open links in WeCom's webview, whose engine may be old.
    target: ['es2020', 'chrome90'],
    // Inline data would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      output: {
        // What every page needs comes in one piece: small ones compress badly, and each is a request.
        codeSplitting: { groups: [{ name: 'base', test: /node_modules\/svelte\/|src\/(lib\/(api\/http|session|preferences|about|router|poll)|i18n\/index)/ }] },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/-/', '/demo', '/metrics'].map((path) => [path, { target: server, changeOrigin: true }]),
    ),
  },
  test: {
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/i18n/loaded.ts'],
    environment: 'node',
    // Logic without state of its own: files share what they have loaded.
    pool: 'threads',
    isolate: false,
  },
});
