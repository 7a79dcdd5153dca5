// `sandbox-run pack --at entry|main`: launchers without Node whose filter begins later. What the helper does is the same as for sandbox-run
// (later.test.ts, later-faults.test.ts); here it comes from 64 KB, and main is found by the start code alone.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pack } from '../../lib/cli/commands/pack.ts';
import { inspectLauncher } from '../../lib/launch/pack.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { nativePlaces } from '../../lib/native.ts';
import { type Face, run } from './face.ts';
import { allBut } from './policies.ts';
import { file, type Linking, program, stage } from './stage.ts';
import { expectBareExec } from './transparent.ts';
import { notTried, pidNamespace, users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const nr = (name: string) => String(syscallNumber(native, name));
const getppid = nr('getppid');

const made = new Map<string, string>();

interface Options {
  readonly at?: 'entry' | 'main';
  readonly 'main-policy'?: string;
}

function launcherWith(policyFile: string, options: Options): string {
  const key = `${JSON.stringify(options)}\n${readFileSync(policyFile, 'utf8')}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const output = join(stage, `later-${made.size}`);
  expect(pack.run({ words: [], policy: [policyFile], output, ...options })).toBe(0);
  made.set(key, output);
  return output;
}

const packedAt = (options: Options): Face => ({
  name: `pack ${JSON.stringify(options)}`,
  hasNode: false,
  command: (policyFile, words) => [launcherWith(policyFile, options), '--', ...words],
});
const atMain = packedAt({ at: 'main' });
const atEntry = packedAt({ at: 'entry' });

const hasMusl = spawnSync('musl-gcc', ['--version']).error === undefined;
if (!hasMusl) notTried('programs of musl', 'needs Debian package musl-tools');
const linkings: readonly Linking[] = [
  'dynamic PIE',
  'dynamic non-PIE',
  'static',
  'static PIE',
  ...(hasMusl ? (['musl PIE', 'musl static'] as const) : []),
];

const printing = 'default errno EPERM\nallow write, writev, fstat, newfstatat, ioctl, exit_group, exit\n';

describe.each(users)('as $name', (user) => {
  const start = (face: Face, policy: string, command: readonly string[], env = {}) =>
    run(face, { policy, command, user, env });

  test.each(linkings)('%s', async (linking) => {
    const words = [program('startup', linking, '-s'), getppid];
    const env = { STARTUP_CALL: getppid };
    const main = await start(atMain, printing, words, env);
    expect(main).toMatchObject({ status: 0, stdout: 'constructor 0\nmain -1\n', stderr: '' });
    const entry = await start(atEntry, allBut('errno EPERM getppid'), words, env);
    expect(entry).toMatchObject({ status: 0, stdout: 'constructor -1\nmain -1\n', stderr: '' });
    expect(await start(atMain, allBut('kill getppid'), words)).toMatchObject({
      signal: 'SIGSYS',
      stdout: '',
    });
  });

  test('two phases', async () => {
    const words = [program('startup'), getppid];
    const env = { STARTUP_CALL: nr('getuid') };
    const first = allBut('errno EACCES getuid');
    const whole = `${first}phase main {\ndefault allow\nerrno EPERM getppid\n}\n`;
    expect((await start(packedAt({}), whole, words, env)).stdout).toBe('constructor -13\nmain -1\n');
    const beside = packedAt({ 'main-policy': file('default allow\nerrno EPERM getppid\n') });
    expect((await start(beside, first, words, env)).stdout).toBe('constructor -13\nmain -1\n');
  });

  test('the process is the one that was started, alone, with nothing changed', async () => {
    const probe = (...words: string[]) => start(atMain, allBut(), [program('probe'), ...words]);
    const pid = await probe('pid');
    expect(pid.stdout).toBe(`${pid.pid}\n`);
    expect((await probe('child')).stdout).toBe('-1 ECHILD\n');
    expect((await probe('status', 'TracerPid')).stdout).toBe('TracerPid:\t0\n');
    const bare = await run(atMain, { command: [program('probe'), 'descriptors'], user });
    expect((await probe('descriptors')).stdout).toBe(bare.stdout);
    expect(await probe('exit', '42')).toMatchObject({ status: 42 });
    expect(await probe('die', '15')).toMatchObject({ signal: 'SIGTERM' });
  });

  test('every line of status, limits and fdinfo is a bare exec’s', async () => {
    await expectBareExec(atMain, user);
    await expectBareExec(atEntry, user);
  });

  const unshare = pidNamespace(user);
  test.runIf(unshare !== undefined)('as PID 1', async () => {
    const wrap = (words: readonly string[]) => [...unshare!, ...words];
    const probe = (...words: string[]) =>
      run(atMain, {
        policy: allBut('errno EPERM getppid'),
        command: [program('probe'), ...words],
        user,
        wrap,
      });
    expect((await probe('pid')).stdout).toBe('1\n');
    expect((await probe('child')).stdout).toBe('-1 ECHILD\n');
    expect((await probe('call', getppid)).stdout).toBe('-1\n');
  });

  test('what cannot be started is told as ever', async () => {
    expect(await start(atMain, allBut(), ['/nonexistent'])).toMatchObject({ status: 127, stdout: '' });
    const broken = file('no program\n', undefined, 0o755);
    expect(await start(atMain, allBut(), [broken])).toMatchObject({ status: 126, stdout: '' });
    const own = program('registers', 'static', '-nostdlib', '-fno-stack-protector', '-s');
    const without = await start(atMain, allBut(), [own]);
    expect(without).toMatchObject({ status: 125, stdout: '' });
    expect(without.stderr).toMatch(/main cannot be found[\s\S]*--at entry/);
    if (process.arch === 'x64') {
      const other = await start(atMain, allBut(), [program('probe', 'i386'), 'say', 'x']);
      expect(other).toMatchObject({ status: 125, stdout: '' });
      expect(other.stderr).toMatch(/not a 64-bit program/);
    }
  });

  test.runIf(existsSync('/usr/bin/strace'))('under strace: 125', async () => {
    const wrap = (words: readonly string[]) => ['strace', '-o', '/dev/null', ...words];
    const ending = await run(atMain, {
      policy: allBut(),
      command: [program('startup'), getppid],
      user,
      wrap,
    });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
  });
});

test('a function that is handed an address of code is no main', async () => {
  const ending = await run(atMain, {
    policy: allBut(),
    command: [program('callback', 'static', '-nostdlib', '-fno-stack-protector', '-s')],
  });
  expect(ending).toMatchObject({ status: 125, stdout: '' });
  expect(ending.stderr).toMatch(/main cannot be found/);
});

test('64 KB are enough, and what is inside can be seen', () => {
  const launcher = launcherWith(file(printing), { at: 'main' });
  expect(statSync(launcher).size).toBeLessThanOrEqual(64 * 1024);
  expect(inspectLauncher(readFileSync(launcher)).later).toMatchObject({
    place: nativePlaces.mainByStart,
    offset: 0,
  });
});
