import { defineConfig } from 'vitest/config';

// The presets with real programs: `npm run test:presets`. Two minutes, and Debian's packages of the programs.
export default defineConfig({
  test: { include: ['test/presets/**/*.programs.ts'], testTimeout: 120_000, pool: 'forks', maxWorkers: 2 },
});
