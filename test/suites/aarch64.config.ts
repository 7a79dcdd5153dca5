// The AArch64 machine: needs Debian packages qemu-system-arm, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross, and fetches Debian's
// arm64 kernel. Some ten seconds, apart from `npm test`.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/aarch64/**/*.test.ts'], testTimeout: 120_000, pool: 'forks' },
});
