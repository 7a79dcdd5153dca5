import { defineConfig } from 'vitest/config';

// The table of objects against every C library that this machine's mirrors have: `npm run test:objects`. Fetches some 70 MB, takes
// a minute or two.
export default defineConfig({
  test: {
    include: ['test/analysis/objects.packages.ts'],
    testTimeout: 600_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
