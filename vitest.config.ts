import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/analysis/{auto,ceilings,choosers,chosen,conditional,crtstuff,executable,extensions,languages,lookups,name-services,openssl,pam,scripts,servers,static,vdso}.test.ts',
      'test/fuzz/**',
      'test/kernel/*-faults.test.ts',
      'test/aarch64/**',
      'test/containers/**',
      'test/package/**',
      'test/conformance/**',
      'test/docs/**',
      'test/supervise/transparent.test.ts',
    ],
    testTimeout: 30_000,
    // Kernel tests start real programs; two workers are what a small CI machine has.
    pool: 'forks',
    maxWorkers: 2,
  },
});
