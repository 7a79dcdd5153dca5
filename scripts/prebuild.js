// Fills prebuilds/PLATFORM-ARCH with the addon, the launcher and the preload library, for the package: `npm pack` runs it, and
// removes the folder again, so that a checkout never runs what an older source was built to.
//
// The same source gives the same bytes: it is built in a folder of its own with nothing in it but what belongs to it, and
// binding.gyp keeps paths and build identifiers out. (The compiler is part of that: another one makes other code.)

import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const FILES = ['sandbox_run.node', 'sandbox-launch', 'libsandbox.so'];

if (process.argv[2] === '--remove') {
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-prebuild-'));
try {
  for (const name of ['native', 'binding.gyp', 'package.json', 'scripts'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const built = spawnSync(process.execPath, [join(folder, 'scripts', 'build-native.js')], {
    stdio: 'inherit',
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const name of FILES) copyFileSync(join(folder, 'build', 'Release', name), join(target, name));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
