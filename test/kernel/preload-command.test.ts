// `sandbox-run preload`: libsandbox.so where a program loads it, a refusal where it cannot, and the program's end where it did not.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { type Face, run } from './face.ts';
import { allBut } from './policies.ts';
import { program, stage, stagedCommand } from './stage.ts';
import { users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const getppid = String(syscallNumber(native, 'getppid'));
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
  ] as const)('%s: constructors are outside, main is inside', async (linking) => {
    const command = [program('startup', linking), getppid];
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

  test('a library that does not begin its filter: 125, and main is not reached', async () => {
    // A package whose libsandbox.so is another library, so that it is loaded and does nothing.
    const folder = join(stage, `broken-${user.name.replaceAll(' ', '-')}`);
    cpSync(dirname(dirname(stagedCommand())), folder, { recursive: true });
    copyFileSync(
      program('nothing', 'dynamic PIE', '-shared', '-fPIC'),
      join(folder, 'build', 'Release', 'libsandbox.so'),
    );
    const broken = preload(join(folder, 'bin', 'sandbox-run.cjs'));
    const ending = await run(broken, { policy: allBut(), command: [program('startup'), getppid], user });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/has not begun its filter by main/);
  });

  test('a policy with phases is refused', async () => {
    const policy = `${allBut()}phase main {\ndefault kill\n}\n`;
    const ending = await run(preload(), { policy, command: [program('startup'), getppid], user });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/--at main/);
  });
});

function setuidCopy(): string {
  const path = join(stage, 'setuid-preload');
  copyFileSync(program('startup'), path);
  chmodSync(path, 0o4755);
  return path;
}
