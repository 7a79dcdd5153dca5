// libsandbox.so: the filter begins behind all constructors and before main, whichever C library, and however the library was loaded;
// where it cannot begin there it begins earlier, never not at all.

import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encode } from '../../lib/bpf/instruction.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { packed, run } from './face.ts';
import { allBut } from './policies.ts';
import { file, program, stage, stagedLibrary } from './stage.ts';
import { notTried, users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const nr = (name: string) => String(syscallNumber(native, name));
const getppid = nr('getppid');

const has = (command: string) => spawnSync(command, ['--version']).error === undefined;
const hasMusl = has('musl-gcc');
const hasPatchelf = has('patchelf');
if (!hasMusl) notTried('libsandbox.so under musl', 'needs Debian package musl-tools');
if (!hasPatchelf) notTried('libsandbox.so as a needed library', 'needs Debian package patchelf');

/** What main needs to print a line and end, in glibc and musl; nothing of what a start needs. */
const printing = 'write:writev:fstat:newfstatat:exit_group';

const programs = [
  ['glibc, PIE', () => program('startup')],
  ['glibc, not PIE', () => program('startup', 'dynamic non-PIE')],
  ['glibc, lazy binding', () => program('startup', 'dynamic PIE', '-Wl,-z,lazy')],
  ...(hasMusl
    ? [
        ['musl, PIE', () => program('startup', 'musl PIE')],
        ['musl, not PIE', () => program('startup', 'musl non-PIE')],
      ]
    : []),
] as [string, () => string][];

describe.each(users)('libsandbox.so as $name', (user) => {
  const start = (command: readonly string[], env: Record<string, string>) =>
    run(packed, { command, env: { LD_PRELOAD: stagedLibrary(), ...env }, user });

  describe.each(programs)('%s', (_, build) => {
    test('constructors are outside, main is inside', async () => {
      const env = {
        SECCOMP_SYSCALL_ALLOW: printing,
        SECCOMP_DEFAULT_ACTION: 'errno:EPERM',
        STARTUP_CALL: getppid,
      };
      const ending = await start([build(), getppid], env);
      expect(ending).toMatchObject({ status: 0, stdout: 'constructor 0\nmain -1\n', stderr: '' });
    });

    test('a refused call kills', async () => {
      const ending = await start([build(), getppid], { SECCOMP_SYSCALL_ALLOW: printing });
      expect(ending).toMatchObject({ signal: 'SIGSYS', stdout: '' });
    });

    test('a thread that a constructor started is inside, too', async () => {
      const env = { SECCOMP_SYSCALL_DENY: 'getppid', SECCOMP_DEFAULT_ACTION: 'errno:EPERM', THREAD: '1' };
      expect((await start([build(), getppid], env)).stdout).toBe('main -1\n');
    });
  });

  const probe = () => program('probe');
  const DENY = { SECCOMP_SYSCALL_DENY: 'getppid', SECCOMP_DEFAULT_ACTION: 'errno:EPERM' };

  test('children do not see it, unless they are to', async () => {
    const command = [
      '/bin/sh',
      '-c',
      'echo "$LD_PRELOAD|$SECCOMP_SYSCALL_DENY"; exec "$0" environment',
      probe(),
    ];
    expect((await start(command, DENY)).stdout).toMatch(/^\|\n.*own 0\n$/);
    const kept = await start(command, { ...DENY, SECCOMP_KEEP_ENV: '1' });
    expect(kept.stdout).toMatch(new RegExp(`^${stagedLibrary()}\\|getppid\\n.*own 3\\n$`));
  });

  test('other libraries stay in LD_PRELOAD', async () => {
    const ours = stagedLibrary();
    for (const list of [`libm.so.6:${ours}`, `${ours} libm.so.6`]) {
      const ending = await start(['/bin/sh', '-c', 'echo "$LD_PRELOAD"'], { ...DENY, LD_PRELOAD: list });
      expect(ending.stdout).toBe('libm.so.6\n');
    }
  });

  test('a filter compiled beforehand, alone and beside lists', async () => {
    const compiled = (text: string) =>
      file(encode(compile(parsePolicy(text, { file: 'test' }), { abis: [native] })[0]!));
    const filter = compiled(allBut('errno EACCES getppid'));
    const env = { SECCOMP_FILTER: filter };
    expect((await start([probe(), 'call', getppid], env)).stdout).toBe('-13\n');
    const both = { ...env, SECCOMP_SYSCALL_DENY: 'getuid', SECCOMP_DEFAULT_ACTION: 'errno:EPERM' };
    expect((await start([probe(), 'call', getppid], both)).stdout).toBe('-13\n');
    expect((await start([probe(), 'call', nr('getuid')], both)).stdout).toBe('-1\n');
    // The list itself does not permit what installs the second filter.
    const tight = {
      SECCOMP_FILTER: compiled(allBut('errno EACCES getppid')),
      SECCOMP_SYSCALL_ALLOW: `${printing}:getppid`,
    };
    expect((await start([program('startup'), getppid], tight)).stdout).toBe('main -13\n');
  });

  test.each([
    ['prctl(option == 38)', /no_new_privs/],
    ['seccomp', /seccomp is not available/],
    ['seccomp(op == SECCOMP_SET_MODE_FILTER)', /cannot be installed/],
  ])('an outer filter that refuses %s: 125, and main is not reached', async (call, message) => {
    const command = [
      '/usr/bin/env',
      `LD_PRELOAD=${stagedLibrary()}`,
      'SECCOMP_SYSCALL_DENY=getppid',
      program('startup'),
      getppid,
    ];
    const ending = await run(packed, { policy: allBut(`errno EPERM ${call}`), command, user });
    expect(ending).toMatchObject({ status: 125, signal: null, stdout: '' });
    expect(ending.stderr).toMatch(message);
  });

  test.each([
    ['no policy', {}, /no policy/],
    ['an unknown name', { SECCOMP_SYSCALL_ALLOW: 'raed' }, /raed[\s\S]*read/],
    ['a filter that is not there', { SECCOMP_FILTER: '/nonexistent' }, /\/nonexistent cannot be read/],
    ['a filter that is none', { SECCOMP_FILTER: '/etc/passwd' }, /is no raw filter|does not take the filter/],
    ['an empty filter', { SECCOMP_FILTER: '/dev/null' }, /is no raw filter/],
    ['an endless filter', { SECCOMP_FILTER: '/dev/zero' }, /is no raw filter/],
  ])('%s: 125, and main is not reached', async (_, env, message) => {
    const ending = await start([probe(), 'say', 'started'], env as unknown as Record<string, string>);
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/^sandbox-run: [^\n]+\n {2}[^\n]+\n$/);
    expect(ending.stderr).toMatch(message);
  });

  test.runIf(process.arch === 'x64')(
    'a program without the C library’s start code: the filter begins in the constructor',
    async () => {
      const own = program('startup', 'dynamic PIE', '-nostartfiles', '-DNO_MAIN');
      const ending = await start([own], {
        SECCOMP_SYSCALL_DENY: 'getppid',
        SECCOMP_DEFAULT_ACTION: 'errno:EPERM',
      });
      expect(ending).toMatchObject({ status: 0, stdout: 'start -1\n' });
    },
  );

  test('behind another library that takes over the start: never not at all', async () => {
    // Its __libc_start_main is found before ours, and calls the C library's directly.
    const other = program('start-hook', 'dynamic PIE', '-shared', '-fPIC');
    const env = { LD_PRELOAD: `${other}:${stagedLibrary()}`, ...DENY };
    expect((await start([program('startup'), getppid], env)).stdout).toBe('main -1\n');
  });

  test.runIf(hasPatchelf)('as a needed library, without LD_PRELOAD', async () => {
    const patched = join(stage, `patched-${user.name.replaceAll(' ', '-')}`);
    copyFileSync(program('startup'), patched);
    // One change a run: patchelf 0.14 loses the first of two.
    for (const words of [
      ['--add-needed', 'libsandbox.so'],
      ['--set-rpath', dirname(stagedLibrary())],
    ]) {
      expect(spawnSync('patchelf', [...words, patched], { encoding: 'utf8' })).toMatchObject({ status: 0 });
    }
    const env = {
      SECCOMP_SYSCALL_ALLOW: printing,
      SECCOMP_DEFAULT_ACTION: 'errno:EPERM',
      STARTUP_CALL: getppid,
    };
    const ending = await run(packed, { command: [patched, getppid], env, user });
    expect(ending).toMatchObject({ status: 0, stdout: 'constructor 0\nmain -1\n', stderr: '' });
    expect(await run(packed, { command: [patched, getppid], user })).toMatchObject({
      status: 125,
      stdout: '',
    });
  });
});
