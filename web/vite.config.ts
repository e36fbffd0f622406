/// <reference types="vitest/config" />
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// `npm run dev` talks to a Lingshao that already runs.
const server = process.env.LINGSHAO_URL ?? 'http://127.0.0.1:9090';

/**
 * What is loaded together comes in one piece: small ones compress badly, and each is a request that the browser's one thread
 * pays for. What stands in none of them (a page, a kind of panel, a dialog) comes by itself when it is wanted.
 */
const PIECES = [
  // Of every page.
  { name: 'base', test: /node_modules\/svelte\/|src\/(lib\/(api\/|session|preferences|about|router|poll|clipboard|format\/|time\/)|i18n\/index|components\/(CodeText|CopyButton|Icon|Labels|Menu|SeverityMark|Ticked|TimeRangePicker)|pages\/dashboards\/first)/ },
  // Of whatever draws a chart over time.
  { name: 'charts', test: /node_modules\/uplot\/|src\/(charts\/(?!BarGauge|DataTable|Gauge|Pie)|lib\/grafana\/(colors|display|interval|json|reduce|size)\.)/ },
  // Of every board.
  { name: 'boards', test: /src\/(pages\/dashboards\/(Board(Header|Page|View)|Grid|slots|draft)|panels\/(Note|PanelBody|PanelFrame|Slot|Stat\.|Timeseries|Unsupported|doctor|layout|run|series|tiles|values|view)|lib\/grafana\/(apply|data|fields|frame|interpolate|layout|matchers|model|names|options|read-|regexp|repeat|source|variables))/ },
  // Of boards written for an older Grafana.
  { name: 'lift', test: /src\/lib\/grafana\/(lift|migrat)/ },
  // What is read on nearly every page, and on every board, a language each.
  ...['zh', 'en'].flatMap((language) => [
    { name: language, test: new RegExp(`src/i18n/${language}/(charts|common|frame|nav|range|session|units)\\.`) },
    { name: `${language}-boards`, test: new RegExp(`src/i18n/${language}/(dashboards|panels|why)\\.`) },
  ]),
];

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
        codeSplitting: { groups: PIECES },
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
