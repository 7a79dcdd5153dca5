// Keeps the code that V8 makes of the bundles in dist/, in a .cache file beside each, because compiling takes longer than running.
// It is good for one version of Node alone, so it is no part of the package: a checkout's build makes it, and the install
// script does for the Node that it runs on. Without it everything works, a start takes some milliseconds more.
//
// V8 keeps the functions that have been compiled, so the bundles are first put to use here: in a process of its own
// (this file is its script, too), which loads them just as bin/sandbox-run.cjs does.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { argv, env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** Writes dist/*.cache beside the bundles of a package. Throws if a first use of them fails.
 * @param {string} command path of its bin/sandbox-run.cjs @returns {void} */
export function keepCode(command) {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-code-'));
  try {
    const file = join(folder, 'a.policy');
    writeFileSync(file, POLICY);
    const run = ['--dry-run', '--policy', file, '--allow', 'read,write', '--', execPath];
    const made = spawnSync(execPath, [fileURLToPath(import.meta.url), command, file, ...run], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: env.PATH },
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`the first use of ${command} failed: ${made.stderr}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is used: the run path, with all that a policy file may hold, and the commands that people wait for. */
const POLICY = `# a policy
default errno EPERM
kernel 6.1
unknown errno ENOSYS
allow @basic-io, @file-system except umount2, brk, futex, #450
allow clone(clone_flags & CLONE_NEWUSER == 0), mmap(prot & PROT_EXEC == 0 || fd != -1 && len <= 0x100000)
allow socket(domain in {AF_UNIX, AF_INET} && type & SOCK_TYPE_MASK == SOCK_STREAM), ioctl(cmd in {TCGETS, 1..5})
errno EACCES openat(!(flags & O_ACCMODE == O_RDONLY))
log prctl(option == PR_SET_NAME), personality(arg0 == 0 || arg0 >= 0xfffffffe)
kill ptrace
default errno ENOSYS @probe
`;
const COMMANDS = (/** @type {string} */ file) => [
  ['--help'],
  ['check', '--help'],
  ['check', '-p', file, 'read', 'socket(AF_UNIX, SOCK_STREAM, 0)'],
  ['explain', '-p', file],
  ['lint', file],
  ['compile', '-p', file],
  ['diff', file, file],
];

/** @param {string} command @param {string} file @param {readonly string[]} run */
async function useAndKeep(command, file, run) {
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
  for (const words of [run, ...COMMANDS(file)]) {
    process.exitCode = 0;
    await load('start').start(words, (/** @type {string} */ part) => load('parts')[part]);
    // 1 is lint's and check's "no".
    if (process.exitCode > 1) throw new Error(`${words.join(' ')} ended with ${process.exitCode}`);
  }
  process.exitCode = 0;
  for (const [name, { script }] of loaded)
    writeFileSync(join(dist, `${name}.cache`), script.createCachedData());
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const [command, file, ...run] = argv.slice(2);
  if (command === undefined || file === undefined) throw new Error('name the command and a policy');
  await useAndKeep(command, file, run);
}
