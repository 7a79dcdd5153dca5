import { defineConfig } from 'vitest/config';

// Real containers: `npm run test:containers`. Some two minutes; needs root and Debian's podman, buildah and debootstrap.
export default defineConfig({
  test: {
    include: ['test/containers/**/*.test.ts'],
    globalSetup: ['test/containers/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
  },
});
