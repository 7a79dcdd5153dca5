import { defineConfig } from 'vitest/config';

// Each case of the transparency tests ten times: `npm run test:transparency`.
export default defineConfig({
  test: {
    include: ['test/supervise/transparent.test.ts'],
    testTimeout: 600_000,
    env: { TRANSPARENCY_ROUNDS: '10' },
    pool: 'forks',
    maxWorkers: 1,
  },
});
