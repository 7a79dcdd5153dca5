// Real programs under --auto, whose first analysis takes a second or more each: half a minute, apart from `npm test`.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/analysis/{auto,choosers,languages,scripts,servers,static}.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
