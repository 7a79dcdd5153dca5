// restrictSelf in Node processes of their own: what holds for all threads afterwards, and what has not changed where it fails.

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { neededByNode } from '../../lib/index.ts';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = temporaryFolder('restrict');
const library = join(folder, 'restrict.cjs');

beforeAll(async () => {
  // From the sources as they are, and in one file, because many processes load it.
  await build({
    entryPoints: [join(root, 'lib', 'node', 'restrict.ts')],
    outfile: library,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'lib', 'node', 'x')).href),
      __filename: 'undefined',
    },
  });
});

/** A program that has `restrictSelf`, `as(uid)`, `threads()` and `say()`. */
function program(code: string): string {
  const file = join(folder, `program-${programs++}.mjs`);
  writeFileSync(
    file,
    `import { readFileSync, readdirSync, writeSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const { restrictSelf } = createRequire(import.meta.url)(${JSON.stringify(library)});
    /** Seccomp mode and no_new_privs of every thread, by its name. */
    const threads = () => readdirSync('/proc/self/task').map((task) => {
      const status = readFileSync('/proc/self/task/' + task + '/status', 'utf8');
      const field = (name) => new RegExp('^' + name + ':\\\\s*(.*)$', 'm').exec(status)[1];
      return { name: field('Name'), seccomp: field('Seccomp'), privileges: field('NoNewPrivs') };
    });
    const say = (value) => writeSync(1, JSON.stringify(value) + '\\n');
    const attempt = (call) => { try { return call() ?? 'done'; } catch (error) { return error.code ?? error.name + ': ' + error.message; } };
    const as = (id) => { if (process.getuid() === 0) { process.setgroups([]); process.setgid(id); process.setuid(id); } };
    ${code}`,
  );
  return file;
}

function run(code: string, options: { env?: Record<string, string>; words?: readonly string[] } = {}) {
  const result = spawnSync(process.execPath, [...(options.words ?? []), program(code)], {
    encoding: 'utf8',
    env: { ...process.env, UV_USE_IO_URING: '0', ...options.env },
  });
  const said = result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return { status: result.status, signal: result.signal, said, stderr: result.stderr };
}

let programs = 0;

/** The use that the documentation shows. */
const policy =
  'default allow\nerrno EPERM @exec, ptrace, process_vm_readv, process_vm_writev, socket, io_uring_setup';

describe.each(
  isRoot
    ? [
        ['root', 0],
        ['nobody', 65534],
      ]
    : [['an ordinary user', 0]],
)('as %s', (_, id) => {
  test('no exec, no ptrace, no new sockets, in every thread and in later ones', () => {
    const { status, said, stderr } = run(`
      import { spawnSync } from 'node:child_process';
      import { once } from 'node:events';
      import { readFile } from 'node:fs/promises';
      import { createConnection, createServer } from 'node:net';
      import { Worker } from 'node:worker_threads';
      const code = \`
        const { parentPort } = require('node:worker_threads');
        const { spawnSync } = require('node:child_process');
        parentPort.on('message', () => parentPort.postMessage(spawnSync('true').error?.code));
        parentPort.postMessage('ready');\`;
      as(${id});
      const before = new Worker(code, { eval: true });
      await once(before, 'message');
      const server = createServer((socket) => socket.end('old')).listen(0);
      await once(server, 'listening');
      await readFile('/etc/passwd');
      say(threads().length > 4);
      restrictSelf(${JSON.stringify(policy)}, { acceptRing: true });
      say([...new Set(threads().map(({ seccomp, privileges }) => seccomp + privileges))]);
      say(spawnSync('true').error?.code);
      const socket = createConnection(server.address().port);
      say(await new Promise((resolve) => socket.on('error', (error) => resolve(error.code))));
      before.postMessage(1);
      say((await once(before, 'message'))[0]);
      await before.terminate();
      const after = new Worker(code, { eval: true });
      await once(after, 'message');
      after.postMessage(1);
      say((await once(after, 'message'))[0]);
      await after.terminate();
      say((await readFile('/etc/passwd', 'utf8')).length > 0);
      server.close();
      process.exitCode = 7;`);
    expect(stderr).toBe('');
    expect(said).toEqual([true, ['21'], 'EPERM', 'EPERM', 'EPERM', 'EPERM', true]);
    expect(status).toBe(7);
  });

  test('kill ends the process', () => {
    const { signal, said } = run(
      `as(${id}); restrictSelf('default allow\\nkill chdir'); say(1); process.chdir('/'); say(2);`,
    );
    expect([signal, said]).toEqual(['SIGSYS', [1]]);
  });

  test('twice: each time narrower', () => {
    const { said } = run(`as(${id});
      const tries = () => say([attempt(() => process.chdir('/')), attempt(() => process.umask(0o22) && 'done')]);
      tries();
      restrictSelf('default allow\\nerrno EACCES chdir'); tries();
      restrictSelf('default allow\\nerrno EPERM umask, chdir'); tries();`);
    // The kernel asks the newest first, and of two errnos takes its.
    expect(said.map(([folder]) => folder)).toEqual(['done', 'EACCES', 'EPERM']);
  });

  test('a thread with a filter of its own: it is named, and nothing has changed', () => {
    const loner = join(folder, `loner-${id}.so`);
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-pthread',
      '-O1',
      '-o',
      loner,
      join(import.meta.dirname, 'loner.c'),
    ]);
    const { said, stderr } = run(
      `as(${id});
      try { restrictSelf(${JSON.stringify(policy)}, { acceptRing: true }); } catch (error) { say([error.name, error.exitStatus, error.message]); }
      say(threads());`,
      { env: { LD_PRELOAD: loner } },
    );
    expect(stderr).toBe('');
    const [error, threads] = said;
    expect(error.slice(0, 2)).toEqual(['LaunchError', 125]);
    expect(error[2]).toMatch(/^thread \d+ \(loner\) cannot be narrowed: .*; nothing has changed$/);
    const others = threads.filter((one: { name: string }) => one.name !== 'loner');
    expect(others.length).toBeGreaterThan(4);
    expect(
      others.filter(
        (one: { seccomp: string; privileges: string }) => one.seccomp !== '0' || one.privileges !== '0',
      ),
    ).toEqual([]);
  });
});

describe('what Node needs', () => {
  const work = `
    let keep = [];
    for (let round = 0; round < 150; round++) { keep.push(new Array(20000).fill(round)); if (keep.length > 50) keep = []; }
    const compute = new Function('a', 'let sum = 0; for (let i = 0; i < 1e6; i++) sum += a[i % a.length]; return sum;');
    for (let round = 0; round < 10; round++) compute([1, 2, 3]);
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.exitCode = 42;`;

  test('is not refused', () => {
    const { said } = run(`
      for (const text of ['default allow\\nkill futex', 'allow read, write', 'default allow\\nerrno EPERM mprotect(prot & PROT_WRITE)']) {
        say(attempt(() => restrictSelf(text)));
      }
      say(threads().filter((one) => one.seccomp !== '0').length);`);
    expect(said[0]).toBe(
      'UsageError: Node cannot go on without futex(0, FUTEX_WAIT_PRIVATE) (kill), futex(0, FUTEX_WAKE_PRIVATE, 1) (kill); nothing has changed',
    );
    expect(said[1]).toContain('munmap(0, 4096) (kill)');
    expect(said[2]).toContain('mprotect(0, 4096, PROT_READ|PROT_WRITE) (errno EPERM)');
    expect(said[3]).toBe(0);
  });

  test('is enough to compute, wait and end', () => {
    const names = [...new Set(neededByNode.map((text) => text.split('(')[0]))];
    const rest = 'errno ENOSYS @probe\\nerrno EPERM @io-uring except io_uring_enter\\nallow io_uring_enter';
    const { status, stderr } = run(
      `restrictSelf('default kill\\nallow ${names.join(', ')}\\nallow gettid, clock_gettime, prctl, sched_yield, ioctl, openat, newfstatat, statx, getuid, geteuid, getgid, getegid, capget, readlink, getcwd, lseek\\n${rest}', { acceptRing: true }); ${work}`,
      { words: ['--expose-gc'] },
    );
    expect([status, stderr]).toEqual([42, '']);
  });

  test('is really needed', async () => {
    const names = [...new Set(neededByNode.map((text) => text.split('(')[0]!))];
    const ends = await Promise.all(
      names.map((name) => {
        const file = program(`restrictSelf('default allow\\nkill ${name}', { force: true }); ${work}`);
        return new Promise((resolve) =>
          execFile(process.execPath, ['--expose-gc', file], (error) => resolve(error?.code)),
        );
      }),
    );
    const spared = names.filter((_, at) => ends[at] === 42);
    // Some only by other versions of Node, or when a signal comes.
    const others = ['brk', 'epoll_ctl', 'mprotect', 'rt_sigreturn', 'fstat', 'fcntl'];
    expect(spared.filter((name) => !others.includes(name))).toEqual([]);
  });
});

describe('an io_uring', () => {
  // libuv of Node 20 makes one if it is told to, later ones always.
  const env = { UV_USE_IO_URING: '1' };
  const tried = (policy: string, options = '{}') =>
    run(
      `say(attempt(() => restrictSelf(${JSON.stringify(policy)}, ${options}))); say(threads().some((one) => one.seccomp !== '0'));`,
      { env },
    ).said;

  test('does what a filter refuses: that is said, and nothing is promised', () => {
    expect(tried('default allow\nerrno EPERM socket, ptrace')).toEqual([
      'UsageError: this Node has an io_uring, through which native code does socket past any filter; nothing has changed',
      false,
    ]);
    expect(tried('default allow\nerrno EPERM openat(flags & O_CREAT)')[0]).toMatch(/does openat past/);
  });

  test('is accepted where that is said, and does not matter to other calls', () => {
    expect(tried('default allow\nerrno EPERM socket', '{ acceptRing: true }')).toEqual(['done', true]);
    expect(tried('default allow\nerrno EPERM @exec, ptrace')).toEqual(['done', true]);
  });

  test('is not made under a filter that refuses it', () => {
    const file = program(`restrictSelf('default allow\\nerrno EPERM socket'); say(1);`);
    const words = [
      '--rule',
      'default allow',
      '--rule',
      'errno ENOSYS @io-uring',
      '--',
      process.execPath,
      file,
    ];
    const result = spawnSync(process.execPath, [join(root, 'bin', 'sandbox-run.cjs'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });
    expect([result.stdout, result.stderr]).toEqual(['1\n', '']);
  });
});

test('what cannot be', () => {
  const { said } = run(`
    say(attempt(() => restrictSelf('default allow\\nphase main {\\ndefault kill\\n}')));
    say(attempt(() => restrictSelf('allow opennat')));
    say(threads().filter((one) => one.seccomp !== '0' || one.privileges !== '0').length);`);
  expect(said[0]).toMatch(/^UsageError: a policy with phases/);
  expect(said[1]).toMatch(/^PolicyError: .*opennat/);
  expect(said[2]).toBe(0);
});
