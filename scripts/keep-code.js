// Keeps the code that V8 makes of the bundles in dist/, in a .cache file beside each, because compiling takes longer than running.
// It is good for one version of Node alone, so it is no part of the package: a checkout's build makes it, and the install
// script does for the Node that it runs on. Without it everything works, a start takes some milliseconds more.
//
// V8 keeps the functions that have been compiled, so the bundles are first put to use here: in a process of its own
// (this file is its script, too), which loads them just as bin/sandbox-run.cjs does.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { argv, env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** Writes dist/*.cache beside the bundles of a package. Throws if a first use of them fails.
 * @param {string} command path of its bin/sandbox-run.cjs @returns {void} */
export function keepCode(command) {
  const made = spawnSync(execPath, [fileURLToPath(import.meta.url), command, ...RUN], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: env.PATH },
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`the first use of ${command} failed: ${made.stderr}`);
}

/** What is used: the run path with a condition, a group and another format, and the commands that people wait for. */
const POLICY = [
  ...['--rule', 'default kill', '--rule', 'errno EPERM clone(flags & CLONE_NEWUSER)'],
  ...['--rule', 'allow socket(domain in {AF_UNIX, AF_INET} && type & SOCK_TYPE_MASK == SOCK_STREAM)'],
];
const RUN = ['--dry-run', ...POLICY, '--allow', 'read,write,@basic-io', '--', 'true'];
const COMMANDS = [
  ['--help'],
  ['check', '--help'],
  ['check', ...POLICY, '--allow', 'read', 'read', 'socket(AF_UNIX, SOCK_STREAM, 0)'],
  ['explain', ...POLICY],
  ['lint', ...POLICY, '--deny', 'ptrace'],
  ['compile', ...POLICY],
];

/** @param {string} command */
async function useAndKeep(command) {
  const dist = join(dirname(dirname(command)), 'dist');
  const require = createRequire(command);
  /** @type {Map<string, { script: Script, exports: any }>} */
  const loaded = new Map();
  const load = (/** @type {string} */ name) => {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const filename = join(dist, `${name}.cjs`);
    const script = new Script(readFileSync(filename, 'latin1'), { filename });
    const bundle = { exports: {} };
    script.runInThisContext()(bundle, require, filename, load);
    loaded.set(name, { script, exports: bundle.exports });
    return bundle.exports;
  };
  // A run compares its words with those in /proc/self/cmdline, so these are this process's own.
  for (const words of [argv.slice(3), ...COMMANDS]) {
    process.exitCode = 0;
    await load('start').start(words, (/** @type {string} */ part) => load('parts')[part]);
    // 1 is lint's and check's "no".
    if (process.exitCode > 1) throw new Error(`${words.join(' ')} ended with ${process.exitCode}`);
  }
  process.exitCode = 0;
  for (const [name, { script }] of loaded)
    writeFileSync(join(dist, `${name}.cache`), script.createCachedData());
}

if (argv[1] === fileURLToPath(import.meta.url) && argv[2] !== undefined) await useAndKeep(argv[2]);
