// Builds dist/: the library as ES modules with types (tsc), and the command as a few CommonJS files (bundle.js).

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './bundle.js';
import { keepCode } from './keep-code.js';
import { writeManual } from './manual.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

rmSync(join(root, 'dist'), { recursive: true, force: true });

const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
const result = spawnSync(process.execPath, [tsc, '--project', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (result.status !== 0) process.exit(result.status ?? 1);

const licences = await bundleCommand(join(root, 'dist'));
writeFileSync(
  join(root, 'dist', 'LICENSES.txt'),
  `The files beside this one hold code of these packages, too.\n\n${licences}`,
);
await writeManual(join(root, 'dist'));
keepCode(join(root, 'bin', 'sandbox-run.cjs'));

// In a checkout npx looks here first; without the link it would install the checkout into its cache, and may ask to.
const bin = join(root, 'node_modules', '.bin');
if (existsSync(bin)) {
  rmSync(join(bin, 'sandbox-run'), { force: true });
  symlinkSync(join('..', '..', 'bin', 'sandbox-run.cjs'), join(bin, 'sandbox-run'));
}
