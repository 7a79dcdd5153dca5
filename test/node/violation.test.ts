// What differs from node:child_process: refusals, and starts without a filter, which there are none of.

import { spawn as bareSpawn, spawnSync as bareSync, type ChildProcess } from 'node:child_process';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  exec,
  execFile,
  execFileSync,
  fork,
  LaunchError,
  PolicyError,
  parsePolicy,
  spawn,
  spawnSync,
  UsageError,
  ViolationError,
} from '../../lib/index.ts';
import { isRoot } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Shells use it for `kill`, and nothing else here does. */
const policy = 'default allow\nkill kill(sig == SIGWINCH)\nerrno EPERM kill(sig == SIGCONT)';
const refused = 'echo before; kill -WINCH $$; echo after';
const CODE = 'ERR_SANDBOX_VIOLATION';

/** The events of a child in their order. */
async function events(child: ReturnType<typeof spawn>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const name of ['spawn', 'error', 'exit', 'close']) {
    child.on(name, (...given) => seen.push([name, ...given]));
  }
  await new Promise((resolve) => child.on('close', resolve));
  return seen;
}

describe('a program that is killed for a call', () => {
  test('spawn: an error event before exit', async () => {
    const child = spawn('/bin/sh', ['-c', refused], { sandbox: policy });
    const [started, failed, exited, closed] = await events(child);
    expect(started).toEqual(['spawn']);
    expect(failed).toMatchObject(['error', { code: CODE, pid: child.pid, fatal: true, refusal: undefined }]);
    expect((failed as unknown[])[1]).toBeInstanceOf(ViolationError);
    expect([exited, closed]).toEqual([
      ['exit', null, 'SIGSYS'],
      ['close', null, 'SIGSYS'],
    ]);
  });

  test('spawn with onViolation: the call of it, and no error event', async () => {
    const told: ViolationError[] = [];
    const sandbox = { policy, onViolation: (error: ViolationError) => told.push(error) };
    const seen = await events(spawn('/bin/sh', ['-c', refused], { sandbox }));
    expect(seen).toEqual([['spawn'], ['exit', null, 'SIGSYS'], ['close', null, 'SIGSYS']]);
    expect(told).toMatchObject([{ code: CODE, fatal: true }]);
  });

  test('spawn with explain: every refused call, decoded, before the end', async () => {
    const told: ViolationError[] = [];
    const sandbox = { policy, explain: true, onViolation: (error: ViolationError) => told.push(error) };
    const child = spawn('/bin/sh', ['-c', `kill -CONT $$; ${refused}`], { sandbox, stdio: 'pipe' });
    const seen = await events(child);
    expect(seen).toEqual([['spawn'], ['exit', null, 'SIGSYS'], ['close', null, 'SIGSYS']]);
    expect(told).toMatchObject([
      { fatal: false, refusal: { call: 'kill', action: 'errno EPERM', process: child.pid } },
      { fatal: true, refusal: { call: 'kill', action: 'kill', process: child.pid } },
    ]);
    expect(told[1]?.message).toContain(`kill(${child.pid}, SIGWINCH)`);
    expect(told[1]?.refusal?.arguments.map(({ name, text }) => [name, text])).toEqual([
      ['pid', String(child.pid)],
      ['sig', 'SIGWINCH'],
    ]);
  });

  test('spawn with explain alone: the error has the call', async () => {
    const child = spawn('/bin/sh', ['-c', refused], { sandbox: { policy, explain: true } });
    const [, failed] = await events(child);
    expect(failed).toMatchObject(['error', { code: CODE, refusal: { call: 'kill' } }]);
  });

  test('fork', async () => {
    const module = join(temporaryFolder('fork'), 'module.mjs');
    writeFileSync(module, 'process.kill(process.pid, "SIGWINCH")');
    const child = fork(module, {
      sandbox: policy,
      silent: true,
    });
    expect((await events(child as never))[1]).toMatchObject(['error', { code: CODE }]);
  });

  test('exec and execFile: the error of the callback, with all output', async () => {
    const [error, stdout] = await new Promise<[unknown, string]>((resolve) =>
      exec(refused, { sandbox: policy }, (...given) => resolve([given[0], given[1]])),
    );
    expect(error).toMatchObject({ code: CODE, signal: 'SIGSYS', killed: false, cmd: refused });
    expect((error as Error).cause).toBeInstanceOf(ViolationError);
    expect(stdout).toBe('before\n');
    await expect(promisify(exec)(refused, { sandbox: policy })).rejects.toMatchObject({
      code: CODE,
      stdout: 'before\n',
    });
    const explained = { policy, explain: true };
    await expect(
      promisify(execFile)('/bin/sh', ['-c', refused], { sandbox: explained }),
    ).rejects.toMatchObject({
      code: CODE,
      cause: { refusal: { call: 'kill' } },
      message: expect.stringContaining('SIGWINCH'),
    });
  });

  test('a timeout stays a timeout', async () => {
    const error = await promisify(execFile)('sleep', ['9'], { sandbox: policy, timeout: 50 }).catch(
      (one) => one,
    );
    expect(error).toMatchObject({ code: null, killed: true, signal: 'SIGTERM' });
  });

  test('spawnSync and execFileSync: the result’s error, beside the rest', () => {
    const words = ['-c', refused] as const;
    const result = spawnSync('/bin/sh', words, { sandbox: policy, encoding: 'utf8' });
    expect(result).toMatchObject({
      status: null,
      signal: 'SIGSYS',
      stdout: 'before\n',
      error: { code: CODE },
    });
    const told: ViolationError[] = [];
    const sandbox = { policy, explain: true, onViolation: (error: ViolationError) => told.push(error) };
    expect(spawnSync('/bin/sh', words, { sandbox }).error).toMatchObject({ refusal: { call: 'kill' } });
    expect(told).toMatchObject([{ refusal: { call: 'kill' } }]);
    expect(() => execFileSync('/bin/sh', words, { sandbox: policy })).toThrow(
      expect.objectContaining({ code: CODE, signal: 'SIGSYS' }),
    );
  });
});

describe('when the filter begins', () => {
  // Calls that the C library's start makes, and nobody afterwards.
  const late = 'default allow\nkill arch_prctl, set_tid_address';

  test('main: the start is not filtered', () => {
    const options = { sandbox: { policy: late, at: 'main' }, encoding: 'utf8' } as const;
    const inside = spawnSync('cat', ['/proc/self/status'], options);
    expect([inside.status, inside.error]).toEqual([0, undefined]);
    expect(inside.stdout).toMatch(/^Seccomp:\t2$/m);
    // The same from exec on kills the start.
    expect(spawnSync('cat', ['/proc/self/status'], { sandbox: late }).error).toMatchObject({ code: CODE });
  });

  test('main: found through PATH and cwd of the program', async () => {
    const sandbox = { policy: late, at: 'main' } as const;
    const child = spawn('./cat', ['/proc/self/status'], { sandbox, cwd: '/bin' });
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    expect(await events(child)).toEqual([['spawn'], ['exit', 0, null], ['close', 0, null]]);
    expect(text).toMatch(/^Seccomp:\t2$/m);
    const missing = spawn('no-such-program', { sandbox });
    expect(await events(missing)).toMatchObject([
      ['error', { code: 'ENOENT', path: 'no-such-program' }],
      ['close', -2, null],
    ]);
  });

  test('a policy with phases needs no word of it', () => {
    const sandbox = `default allow\nphase main {\n${late}, kill\n}`;
    expect(spawnSync('cat', ['/dev/null'], { sandbox }).status).toBe(0);
    expect(spawnSync('/bin/sh', ['-c', 'kill -0 $$'], { sandbox }).error).toMatchObject({ code: CODE });
  });

  test('a place that is not there is an error, and nothing runs', async () => {
    const seen = await events(
      spawn('/usr/bin/ldd', ['/bin/true'], { sandbox: { policy, at: 'entry' }, env: { PATH: '' } }),
    );
    expect(seen.map((one) => (one as unknown[])[0])).toContain('spawn');
    const script = spawn('/dev/null', { sandbox: { policy, at: 'main' } });
    expect((await events(script))[0]).toMatchObject(['error', { code: 'EACCES' }]);
  });
});

describe('nothing starts without its filter', () => {
  test.each([
    ['no option', undefined],
    ['no sandbox', {}],
    ['an empty policy', { sandbox: { policy: undefined } }],
    ['a number', { sandbox: 5 }],
    ['an unknown option', { sandbox: { policy, explian: true } }],
    ['a wrong place', { sandbox: { policy, at: 'later' } }],
    ['a wrong onViolation', { sandbox: { policy, onViolation: 5 } }],
    ['explain at main', { sandbox: { policy, at: 'main', explain: true } }],
    [
      'phases that are said not to be',
      { sandbox: { policy: 'default allow\nphase main {\ndefault kill\n}', at: 'exec' } },
    ],
  ])('%s', (_, options) => {
    expect(() => spawn('true', options as never)).toThrow(UsageError);
    expect(() => spawnSync('true', options as never)).toThrow(UsageError);
    expect(() => exec('true', options as never)).toThrow(UsageError);
  });

  test('a mistake in the policy is told with its place', () => {
    expect(() => spawn('true', { sandbox: 'allow\nallow opennat' })).toThrow(PolicyError);
    expect(() => spawn('true', { sandbox: 'allow opennat' })).toThrow(/opennat/);
  });

  /** A Node inside a filter that takes something away, which starts a program through us. */
  const nested = (outer: string, code: string) =>
    bareSync(
      process.execPath,
      [
        'bin/sandbox-run.cjs',
        '--rule',
        'default allow',
        '--rule',
        outer,
        '--',
        process.execPath,
        '--input-type=module',
        '-e',
        `import { spawn, spawnSync } from './dist/lib/index.js'; ${code}`,
      ],
      { encoding: 'utf8' },
    );
  const tryBoth = `
    const result = spawnSync('echo', ['ran'], { sandbox: 'default allow', encoding: 'utf8' });
    console.log(result.error?.name, result.error?.exitStatus, result.status, result.stdout);
    spawn('echo', ['ran'], { sandbox: 'default allow', stdio: 'inherit' })
      .on('spawn', () => console.log('spawn')).on('exit', () => console.log('exit'))
      .on('error', (error) => console.log('error', error.name, error.message))
      .on('close', () => console.log('close'));`;

  test.each([
    ['prctl', 'errno EPERM prctl(option == PR_SET_NO_NEW_PRIVS)', /no_new_privs/],
    ['seccomp', 'errno EPERM seccomp(op == SECCOMP_SET_MODE_FILTER)', /filters cannot be installed/],
  ])('where the outer sandbox refuses %s', (_, outer, reason) => {
    const { stdout, stderr } = nested(outer, tryBoth);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^LaunchError 125 null (?:null|undefined)\nerror LaunchError (.*)\nclose\n$/);
    expect(stdout).toMatch(reason);
  });

  test('where files in memory are refused, a private file does it', () => {
    const { stdout, stderr } = nested('errno EPERM memfd_create', tryBoth);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^undefined undefined 0 ran\n\n(?:ran\nspawn|spawn\nran)\nexit\nclose\n$/);
  });

  test('where Node would go another way, its file does not exist', () => {
    const code = `
      import { ChildProcess } from 'node:child_process';
      const { spawn: original } = ChildProcess.prototype;
      const Handle = Object.getPrototypeOf(new ChildProcess()._handle);
      const start = Handle.spawn;
      // As if a later Node did not ask the handle that it has.
      ChildProcess.prototype.spawn = function (options) { this._handle = new ChildProcess()._handle; return original.call(this, options); };
      try { spawn('echo', ['ran'], { sandbox: 'default allow', stdio: 'inherit' }); } catch (error) { console.log(error.name, error.message); }`;
    const { stdout } = bareSync(
      process.execPath,
      ['--input-type=module', '-e', `import { spawn } from './dist/lib/index.js'; ${code}`],
      { encoding: 'utf8' },
    );
    expect(stdout).toMatch(/^SandboxError Node v\S+ starts programs in a way that is not known here\n$/);
  });
});

function isLauncher(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).includes('sandbox-launch');
  } catch {
    return false;
  }
}

describe('whatever else happens in the call', () => {
  const filtered = ['-c', 'grep -c Seccomp:.2 /proc/self/status'] as const;
  const outputOf = async (child: ChildProcess) => {
    let text = '';
    child.stdout?.on('data', (data) => {
      text += data;
    });
    await new Promise((resolve) => child.on('close', resolve));
    return text.trim();
  };

  test('a getter that starts a program does not take the place of the one that is meant', async () => {
    const inner: ChildProcess[] = [];
    const env = {
      PATH: process.env.PATH,
      get BARE() {
        inner.push(bareSpawn('sh', filtered));
        return '';
      },
      get OURS() {
        inner.push(spawn('sh', filtered, { sandbox: 'default allow\nkill mount' }));
        return '';
      },
    };
    const outer = spawn('sh', filtered, { sandbox: policy, env });
    expect(await Promise.all([outer, ...inner].map(outputOf))).toEqual(['1', '1', '1']);
    // And nothing is left of it.
    expect(await outputOf(bareSpawn('sh', filtered))).toBe('0');
  });

  test('a call that throws leaves Node as it was', async () => {
    expect(() => spawn('true', [], { sandbox: policy, uid: 'x' as never })).toThrow(/uid/);
    expect(await outputOf(bareSpawn('sh', filtered))).toBe('0');
  });

  test('in a worker', async () => {
    const launchers = () => readdirSync('/proc/self/fd').filter((fd) => isLauncher(fd)).length;
    const before = launchers();
    const library = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', 'lib', 'index.js')).href;
    const code = `const { parentPort } = require('node:worker_threads');
      setInterval(() => {}, 1000); // It stays until it is ended.
      import('${library}').then(({ execFile }) =>
        execFile('sh', ${JSON.stringify(filtered)}, { sandbox: 'default allow' }, (error, stdout) => parentPort.postMessage(error?.stack ?? stdout)));`;
    const worker = new Worker(code, { eval: true });
    expect(await new Promise((resolve) => worker.on('message', resolve))).toBe('1\n');
    expect(launchers()).toBe(before + 1);
    await worker.terminate();
    // Its launchers have ended with it.
    expect(launchers()).toBe(before);
  });
});

describe('what is left behind', () => {
  test('no descriptor, no child', async () => {
    const open = () =>
      readdirSync('/proc/self/fd')
        .map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, '');
          } catch {
            return '';
          }
        })
        .filter((one) => !one.includes('/proc/'))
        .sort();
    const value = parsePolicy(policy, { file: 'test' });
    const round = async () => {
      await events(spawn('true', { sandbox: value }));
      await events(spawn('no-such-program', { sandbox: value }));
      await events(spawn('/bin/sh', ['-c', refused], { sandbox: { policy: value, explain: true } }));
      await events(spawn('true', { sandbox: { policy: value, at: 'main' } }));
      spawnSync('true', { sandbox: value });
      spawnSync('no-such-program', { sandbox: value });
      spawnSync('/bin/sh', ['-c', refused], { sandbox: { policy: value, explain: true } });
      try {
        spawn('true', ['x'.repeat(200_000)], { sandbox: value });
      } catch {}
      // Sockets close a turn later.
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await round();
    const before = open();
    for (let count = 0; count < 3; count++) await round();
    expect(open()).toEqual(before);
    const children = bareSync('ps', ['-o', 'stat=,args=', '--ppid', String(process.pid)], {
      encoding: 'utf8',
    });
    expect(children.stdout.split('\n').filter((line) => line.startsWith('Z'))).toEqual([]);
  });

  test('policies come and go', () => {
    for (let count = 0; count < 40; count++) {
      expect(spawnSync('true', { sandbox: `default allow\nerrno ${count + 1} ptrace` }).status).toBe(0);
    }
    const kept = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('sandbox-launch');
      } catch {
        return false;
      }
    });
    expect(kept.length).toBeLessThanOrEqual(32);
  });

  test.runIf(isRoot)('another user cannot change the launcher, and need not read it', () => {
    const options = { sandbox: policy, uid: 65534, gid: 65534, encoding: 'utf8' } as const;
    expect(spawnSync('id', ['-u'], options).stdout).toBe('65534\n');
    const sandbox = { policy, explain: true };
    expect(spawnSync('/bin/sh', ['-c', refused], { ...options, sandbox }).error).toMatchObject({
      refusal: { call: 'kill' },
    });
  });
});

test('errors are of the one family', () => {
  expect(new ViolationError(1, true)).toBeInstanceOf(Error);
  expect(new LaunchError('x').exitStatus).toBe(125);
});
