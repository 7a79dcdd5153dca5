// What a policy permits and recordings lack: exact by call and by argument, and silent about what a recording cannot tell.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { unseen } from '../../lib/asking/unseen.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNames } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { parseRecordings } from '../../lib/supervise/recording.ts';
import { temporaryFolder } from '../support/temporary.ts';

const head = (granted: readonly string[] = []) => JSON.stringify({ recording: 1, command: ['x'], granted });
const row = (call: string, ...args: readonly (number | null)[]) =>
  JSON.stringify({
    abi: 'x86_64',
    call,
    program: 'x',
    phase: 'main',
    count: 1,
    args: args.map((one) => (one === null ? null : `0x${(one >>> 0).toString(16)}`)),
  });
const found = (policy: string, ...lines: readonly string[]) =>
  unseen(parsePolicy(policy, { file: 'p' }), parseRecordings(lines.join('\n'), 'r'), abis.x86_64);

describe('calls', () => {
  test('that were never made, that were, and that the recorder leaves out', () => {
    const all = found(
      'default kill\nallow read, openat, mount, getpid',
      head(['read', 'getpid', 'close']),
      row('openat', null, null, 0, null),
    );
    expect(all).toMatchObject({
      permitted: 4,
      never: ['mount'],
      partly: [],
      beyond: [],
      notRecorded: ['getpid', 'read'],
    });
  });

  test('one is left out only where every recording leaves it out', () => {
    const lines = [head(['read']), row('mount', null, null, null, 0, null), head([]), row('getuid')];
    expect(found('default kill\nallow read, mount', ...lines)).toMatchObject({
      never: ['read'],
      notRecorded: [],
    });
  });

  test('what the policy does not permit', () => {
    expect(
      found(
        'default kill\nallow openat',
        head(),
        row('mount', null, null, null, 0, null),
        row('openat', null, null, 0, null),
      ).beyond,
    ).toEqual([{ call: 'mount', seen: ['flags == 0 (1)'] }]);
  });

  test('a policy that permits everything', () => {
    const all = found('default allow\nunknown allow', head(), row('getuid'));
    expect(all.never).toHaveLength(syscallNames(abis.x86_64).length - 1);
    expect(all.never).not.toContain('getuid');
  });
});

describe('arguments', () => {
  const policy =
    'default kill\nallow fcntl(cmd in {F_GETFD, F_SETFD, F_GETFL}), socket(family == AF_UNIX), openat(flags & O_ACCMODE == O_RDONLY)';

  test('of those permitted the ones that never occurred, as a condition', () => {
    expect(found(policy, head(), row('fcntl', 3, 1, null), row('socket', 1, 1, 0)).partly).toEqual([
      { call: 'fcntl', when: 'cmd in {F_SETFD, F_GETFL}', seen: ['cmd == F_GETFD (1)'] },
    ]);
  });

  test('whatever stands above the parameter’s width, and with a sign', () => {
    const signed = 'default kill\nallow setpriority(which == PRIO_PROCESS && niceval in {-1, 5})';
    expect(
      found(signed, head(), row('setpriority', 0, null, -1), row('setpriority', 0, null, 5)).partly,
    ).toEqual([]);
  });

  test('any arguments are permitted: how it was used', () => {
    expect(
      found('default kill\nallow fcntl', head(), row('fcntl', 3, 1, null), row('fcntl', 4, 2, null)).free,
    ).toEqual([{ call: 'fcntl', seen: ['cmd == F_GETFD (1)', 'cmd == F_SETFD (1)'] }]);
  });

  test('what a recording does not keep is not said', () => {
    const sized = 'default kill\nallow openat(filename == 0), getuid';
    expect(found(sized, head(), row('openat', null, null, 0, null))).toMatchObject({
      partly: [],
      beyond: [],
    });
  });
});

describe('a real program beside its analysis', () => {
  const folder = temporaryFolder('unseen');
  const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
  const sandbox = (...words: string[]) =>
    spawnSync(process.execPath, [cli, ...words], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, XDG_CACHE_HOME: folder },
    });

  test('the mode that no run used is what is left', () => {
    // No C library: the program's own calls are all there are.
    writeFileSync(
      join(folder, 'modes.c'),
      `static long call(long n, long a, long b, long c) {
         long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r; }
       __attribute__((used)) static void begin(long *stack) {
         char *mode = (char *)stack[2];
         if (*mode == 's') { call(41, 1, 1, 0); call(72, 0, 1, 0); } else { call(160, 0, 0, 0); call(72, 0, 3, 0); }
         call(231, 0, 0, 0); }
       __asm__(".globl _start\\n_start: mov %rsp, %rdi\\nand $-16, %rsp\\ncall begin\\nhlt\\n");`,
    );
    const made = spawnSync('gcc', ['-O1', '-static', '-nostdlib', '-o', 'modes', 'modes.c'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(made.stderr).toBe('');
    expect(sandbox('analyze', './modes', '-o', 'modes.policy').status).toBe(0);
    for (const mode of ['s', 'r'])
      expect(
        sandbox('learn', '--all', '--record', `${mode}.rec`, '-o', `${mode}.policy`, '--', './modes', mode)
          .status,
      ).toBe(0);
    const asked = (...files: string[]) =>
      JSON.parse(sandbox('diff', '--json', 'modes.policy', ...files).stdout);
    const kernels = [
      'clock_gettime',
      'clock_getres',
      'getcpu',
      'gettimeofday',
      'restart_syscall',
      'time',
      'getrandom',
    ];
    const never = (...files: string[]) =>
      asked(...files).never.filter((name: string) => !kernels.includes(name));
    expect(never('s.rec')).toEqual(['setrlimit']);
    expect(never('r.rec')).toEqual(['socket']);
    expect(never('s.rec', 'r.rec')).toEqual([]);
    expect(asked('s.rec', 'r.rec').beyond).toEqual([]);
    expect(sandbox('diff', 'modes.policy', 's.rec').stdout).toMatch(/never made .*\n.*setrlimit/);
    expect(sandbox('diff', '--exit-code', 'modes.policy', 's.rec').status).toBe(1);
    const wrong = sandbox('diff', 's.rec', 'modes.policy');
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('the policy first')]);
  });
});
