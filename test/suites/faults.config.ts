// Starts where each step is made to fail in turn: half a minute, apart from `npm test`.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/kernel/*-faults.test.ts'], testTimeout: 60_000, pool: 'forks', maxWorkers: 2 },
});
