// Builds the native part, or does nothing where a prebuilt one lies in the package that this Node can load.
// `npm ci` runs it as the install script; `npm run build:native` and `npm rebuild` run it again.
// Plain JavaScript: it runs before anything has been compiled.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (process.platform !== 'linux')
  stop('seccomp exists only on Linux; on another system there is nothing to build');
if (prebuiltWorks()) process.exit(0);
if (!has('make') || !(process.env.CXX ? has(process.env.CXX) : has('c++') || has('g++')))
  stop(
    'building the native part needs make, a C and a C++ compiler; on Debian: apt-get install build-essential',
  );
if (!has(process.env.PYTHON ?? 'python3'))
  stop('building the native part needs Python 3 for node-gyp; on Debian: apt-get install python3');

const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const headers = nodeHeaders();
const result = spawnSync(
  process.execPath,
  [nodeGyp, 'rebuild', ...(headers === undefined ? [] : [`--nodedir=${headers}`])],
  { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
);
if (result.status !== 0) {
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  const hint =
    headers === undefined
      ? ' (without Node headers beside node, node-gyp has to download them: is there a network?)'
      : '';
  stop(`node-gyp could not build the native part; the compiler's words stand above${hint}`);
}

/** Headers of the very Node that runs this, so that nothing is downloaded: the prefix that has include/node below it. */
function nodeHeaders() {
  const candidates = [process.env.npm_config_nodedir, dirname(dirname(process.execPath))];
  return candidates.find((one) => one && existsSync(join(one, 'include', 'node', 'node_api.h')));
}

/** Whether the package ships an addon for this machine that this Node loads. A checkout has none. */
function prebuiltWorks() {
  const place = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'sandbox_run.node');
  if (!existsSync(place)) return false;
  // In a process of its own: what cannot be loaded may also crash.
  return (
    spawnSync(process.execPath, ['-e', 'process.dlopen({ exports: {} }, process.argv[1])', place]).status ===
    0
  );
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function stop(message) {
  process.stderr.write(`sandbox-run: ${message}\n`);
  process.exit(1);
}
