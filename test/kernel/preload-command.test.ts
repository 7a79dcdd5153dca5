// `sandbox-run preload`: libsandbox.so where a program loads it, a refusal where it cannot, and the program's end where it did not.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { type Face, run } from './face.ts';
import { allBut, minimal } from './policies.ts';
import { program, stage, stagedCommand } from './stage.ts';
import { users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const nr = (name: string) => String(syscallNumber(native, name));
const getppid = nr('getppid');
const hasMusl = spawnSync('musl-gcc', ['--version']).error === undefined;

const preload = (command: string = stagedCommand()): Face => ({
  name: 'sandbox-run preload',
  hasNode: true,
  command: (policyFile, words) => [
    process.execPath,
    command,
    'preload',
    '--policy',
    policyFile,
    '--',
    ...words,
  ],
});
const printing = 'default errno EPERM\nallow write, writev, fstat, newfstatat, exit_group\n';

describe.each(users)('sandbox-run preload as $name', (user) => {
  test.each([
    'dynamic PIE',
    'dynamic non-PIE',
    ...(hasMusl ? (['musl PIE'] as const) : []),
  ] as const)('%s: what a start asks for is permitted up to main, and no further', async (linking) => {
    const command = [program('startup', linking), nr('getppid')];
    const ending = await run(preload(), { policy: printing, command, user, env: { STARTUP_CALL: getppid } });
    expect(ending).toMatchObject({ status: 0, stdout: 'constructor 0\nmain -1\n', stderr: '' });
  });

  test('the process is the one that was started, with nothing added', async () => {
    const start = (...words: string[]) =>
      run(preload(), { policy: allBut(), command: [program('probe'), ...words], user });
    const pid = await start('pid');
    expect(pid.stdout).toBe(`${pid.pid}\n`);
    expect((await start('child')).stdout).toBe('-1 ECHILD\n');
    expect((await start('status', 'TracerPid')).stdout).toBe('TracerPid:\t0\n');
    expect((await start('variable', 'LD_PRELOAD')).stdout).toBe('(not set)\n');
    expect((await start('environment')).stdout).toMatch(/own 0\n$/);
    const bare = await run(preload(), { command: [program('probe'), 'descriptors'], user });
    expect((await start('descriptors')).stdout).toBe(bare.stdout);
  });

  test.each([
    ['a static program', () => program('startup', 'static'), /static program[\s\S]*--at main/],
    ['a static PIE', () => program('startup', 'static PIE'), /static program/],
    ['a setuid program', setuidCopy, /setuid[\s\S]*--at main/],
  ])('%s is refused: 125', async (_, path, message) => {
    const ending = await run(preload(), { policy: allBut(), command: [path(), getppid], user });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(message);
  });

  describe('a library that is loaded and does nothing', () => {
    const folder = join(stage, `broken-${user.name.replaceAll(' ', '-')}`);
    const start = (env: Readonly<Record<string, string>>) => {
      cpSync(dirname(dirname(stagedCommand())), folder, { recursive: true });
      copyFileSync(
        program('nothing', 'dynamic PIE', '-shared', '-fPIC'),
        join(folder, 'build', 'Release', 'libsandbox.so'),
      );
      const broken = preload(join(folder, 'bin', 'sandbox-run.cjs'));
      return run(broken, { policy: minimal, command: [program('startup'), getppid], user, env });
    };

    test('125, and main is not reached', async () => {
      const ending = await start({});
      expect(ending).toMatchObject({ status: 125, stdout: '' });
      expect(ending.stderr).toMatch(/has not begun its filter by main/);
    });

    test('and before main the program is stopped before it matters', async () => {
      expect(await start({ STARTUP_CALL: nr('socket') })).toMatchObject({ signal: 'SIGSYS', stdout: '' });
      expect(await start({ BECOME: program('startup') })).toMatchObject({ signal: 'SIGSYS', stdout: '' });
    });
  });

  test('a profile of another tool', async () => {
    const profile = JSON.stringify({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['getppid'], action: 'SCMP_ACT_ERRNO' }],
    });
    const ending = await run(preload(), { policy: profile, command: [program('startup'), getppid], user });
    expect(ending).toMatchObject({ status: 0, stdout: 'main -1\n', stderr: '' });
  });

  describe('up to main', () => {
    const start = (policy: string, call: string, env = {}) =>
      run(preload(), {
        policy,
        command: [program('startup'), getppid],
        user,
        env: { STARTUP_CALL: nr(call), ...env },
      });

    test('what no start asks for is refused as the policy says', async () => {
      for (const call of ['socket', 'ptrace', 'mkdirat'] as const) {
        expect(await start(minimal, call)).toMatchObject({ signal: 'SIGSYS', stdout: '' });
        expect((await start(printing, call)).stdout).toBe('constructor -1\nmain -1\n');
      }
    });

    test('a constructor becomes no other program, and writes nowhere but to standard error', async () => {
      const become = await start(minimal, 'gettid', { BECOME: program('startup') });
      expect(become).toMatchObject({ signal: 'SIGSYS' });
      // Its own line goes to standard output, which this policy does not permit.
      expect(await start('default kill\nallow exit_group\n', 'gettid')).toMatchObject({
        signal: 'SIGSYS',
        stdout: '',
      });
    });

    test('a start works where the policy refuses by name what it needs', async () => {
      const policy = allBut(
        'kill @memlock, mmap(prot & PROT_EXEC), @file-system except write',
        'errno EPERM mprotect',
      );
      const ending = await start(`${policy}errno EPERM getppid\n`, 'gettid');
      expect(ending).toMatchObject({ status: 0, stdout: 'constructor 0\nmain -1\n', stderr: '' });
    });

    test('a thread of a constructor', async () => {
      const ending = await start(allBut('errno EPERM getppid, clone3, clone'), 'gettid', { THREAD: '1' });
      expect(ending).toMatchObject({ stdout: 'constructor 0\nmain -1\n' });
    });

    test('in two phases the first one says what a start may do', async () => {
      const policy = `${allBut('errno EACCES socket')}phase main {\n${printing}}\n`;
      expect((await start(policy, 'socket')).stdout).toBe('constructor -13\nmain -1\n');
      expect((await start(policy, 'getppid')).stdout).toBe('constructor 0\nmain -1\n');
    });
  });
});

function setuidCopy(): string {
  const path = join(stage, 'setuid-preload');
  copyFileSync(program('startup'), path);
  chmodSync(path, 0o4755);
  return path;
}
