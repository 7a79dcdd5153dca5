import { defineConfig } from 'vitest/config';

// The package as users get it: `npm run test:package`. Packs twice, installs into fresh folders (the dependencies and two further
// versions of Node come from npm's cache, or from the registry the first time), and builds from source: about two minutes.
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    globalSetup: ['test/package/pack.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
