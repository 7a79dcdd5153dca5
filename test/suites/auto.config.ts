// Analyses that take a second or more each: real programs under --auto, and what one choice of the analysis changes in whole programs.
// Some minutes, apart from `npm test`.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'test/analysis/{auto,ceilings,choosers,chosen,conditional,crtstuff,executable,extensions,languages,lookups,name-services,openssl,pam,scripts,servers,static,vdso}.test.ts',
    ],
    testTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
