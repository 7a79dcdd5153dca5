// The package's install script: nothing is built where a prebuilt addon lies in the package that this Node can load; otherwise
// the native part is built from source. `npm ci` in a checkout and `npm run build:native` always build, `npm rebuild
// sandbox-run` is how a user asks again. Plain JavaScript: it runs before anything has been compiled.
//
// node-gyp is no dependency of the package, because it would bring forty packages to machines that never build: every package
// manager has one of its own for install scripts, and tells where.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepCode } from './keep-code.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (process.platform !== 'linux')
  stop('seccomp exists only on Linux; on another system there is nothing to build');
// A checkout may hold what an interrupted `npm pack` left there, of an older source.
const isCheckout = existsSync(join(root, 'tsconfig.json'));
if (isCheckout || !prebuiltWorks()) build();
const command = join(root, 'bin', 'sandbox-run.cjs');
if (existsSync(join(root, 'dist', 'start.cjs'))) {
  try {
    keepCode(command);
  } catch (error) {
    // Starts are slower without it, and else the same.
    process.stderr.write(`sandbox-run: V8's code is not kept: ${error.message}\n`);
  }
}

function build() {
  const cxx = process.env.CXX;
  if (!has('make') || !(cxx ? has(cxx.split(' ')[0]) : has('c++') || has('g++')))
    stop(
      'building the native part needs make, a C and a C++ compiler',
      'on Debian: apt-get install build-essential; on Alpine: apk add build-base linux-headers',
    );
  if (!has(process.env.PYTHON ?? 'python3'))
    stop(
      'building the native part needs Python 3 for node-gyp',
      'on Debian: apt-get install python3; on Alpine: apk add python3',
    );
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined)
    stop(
      'building the native part needs node-gyp, and neither npm nor PATH has it',
      'npm install -g node-gyp',
    );
  const headers = nodeHeaders();
  const words = ['rebuild', ...(headers === undefined ? [] : [`--nodedir=${headers}`])];
  const result = spawnSync(
    nodeGyp.endsWith('.js') ? process.execPath : nodeGyp,
    nodeGyp.endsWith('.js') ? [nodeGyp, ...words] : words,
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? result.error ?? ''}`);
  stop(
    "node-gyp could not build the native part; the compiler's words stand above",
    headers === undefined
      ? 'without Node headers beside node, node-gyp has to download them: is there a network? Or set npm_config_nodedir'
      : undefined,
  );
}

/** Its script, or a program: ours in a checkout; the one that npm, pnpm or yarn names or has; the one on PATH. */
function findNodeGyp() {
  const script = join('node-gyp', 'bin', 'node-gyp.js');
  const candidates = [
    join(root, 'node_modules', script),
    process.env.npm_config_node_gyp,
    npmPackage() && join(npmPackage(), 'node_modules', script),
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node-gyp')),
  ];
  return candidates.find((one) => one && existsSync(one));
}

/** Where npm lies: the one that runs this, or the one beside node. */
function npmPackage() {
  const cli = process.env.npm_execpath;
  const places = [
    ...(cli ? [dirname(dirname(cli))] : []),
    join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm'),
  ];
  return places.find((one) => existsSync(join(one, 'node_modules', 'node-gyp')));
}

/** Headers of the very Node that runs this, so that nothing is downloaded: the prefix that has include/node below it. */
function nodeHeaders() {
  const candidates = [process.env.npm_config_nodedir, dirname(dirname(process.execPath))];
  return candidates.find((one) => one && existsSync(join(one, 'include', 'node', 'node_api.h')));
}

/** Whether the package ships an addon for this machine that this Node loads. */
function prebuiltWorks() {
  const place = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'sandbox_run.node');
  if (!existsSync(place)) return false;
  // In a process of its own: what cannot be loaded may also crash.
  const loads = 'process.dlopen({ exports: {} }, process.argv[1])';
  const { status, stderr } = spawnSync(process.execPath, ['-e', loads, place], { encoding: 'utf8' });
  if (status !== 0)
    process.stderr.write(
      `sandbox-run: the prebuilt addon does not load here, so it is built from source: ${/^(?:\w*Error: .*)$/m.exec(stderr)?.[0] ?? `status ${status}`}\n`,
    );
  return status === 0;
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function stop(message, advice) {
  process.stderr.write(`sandbox-run: ${message}\n${advice === undefined ? '' : `  ${advice}\n`}`);
  process.exit(1);
}
