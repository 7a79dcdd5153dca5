// The report of an analysis in a real browser: `npm run test:report`. Needs Debian's chromium-headless-shell.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/analysis/report.browser.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
