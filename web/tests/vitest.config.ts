import { defineConfig } from 'vitest/config';

// The page in a real browser on the real binary. One file after the other: two cores, one browser.
export default defineConfig({
  test: {
    include: ['tests/**/*.e2e.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
