import { defineConfig } from 'vitest/config';

// Learning from real programs: `npm run test:programs`. Takes a few minutes, and Debian's packages of what it runs.
export default defineConfig({
  test: { include: ['test/supervise/real.programs.ts'], testTimeout: 120_000, pool: 'forks', maxWorkers: 1 },
});
