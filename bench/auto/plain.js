// A fresh Debian 12 with nothing added but the programs that are asked for, for figures that do not depend on what a machine has: `npm run bench:auto -- usr-bin --plain`,
// `-- tightness --plain`. Needs root, Debian's debootstrap, and a mirror.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Makes one with these packages, and runs run.js with these words there, with this Node and this package. */
export function inPlainDebian(words, packages) {
  const tree = mkdtempSync(join(tmpdir(), 'sandbox-run-plain-'));
  try {
    const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
    start('debootstrap', [...include, 'bookworm', tree], 'ignore');
    mkdirSync(join(tree, 'opt/sandbox-run'), { recursive: true });
    copyFileSync(process.execPath, join(tree, 'opt/node'));
    // Mounts that end with the command.
    const script =
      'mount --bind "$1" "$2/opt/sandbox-run" && mount -t proc proc "$2/proc" && tree=$2 && shift 2 && exec chroot "$tree" /opt/node /opt/sandbox-run/bench/auto/run.js "$@"';
    const here = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
    start(
      'unshare',
      ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', here, tree, ...words],
      'inherit',
    );
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function start(program, words, stdout) {
  const { status, error } = spawnSync(program, words, {
    stdio: ['ignore', stdout, 'inherit'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
  });
  if (error !== undefined) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ended with status ${status}`);
}
