// Builds dist/: the library as ES modules with types (tsc), and the run path as one CommonJS file (esbuild), because a start
// is measured in single milliseconds and reading thirty modules takes more than that.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand, keepCode } from './bundle.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

rmSync(join(root, 'dist'), { recursive: true, force: true });

const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
const result = spawnSync(process.execPath, [tsc, '--project', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (result.status !== 0) process.exit(result.status ?? 1);

await bundleCommand(join(root, 'dist', 'start.cjs'));
keepCode(join(root, 'bin', 'sandbox-run.cjs'), join(root, 'dist', 'start.cache'));

// In a checkout npx looks here first; without the link it would install the checkout into its cache, and may ask to.
const bin = join(root, 'node_modules', '.bin');
if (existsSync(bin)) {
  rmSync(join(bin, 'sandbox-run'), { force: true });
  symlinkSync(join('..', '..', 'bin', 'sandbox-run.cjs'), join(bin, 'sandbox-run'));
}
