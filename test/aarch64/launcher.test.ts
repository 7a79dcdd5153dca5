// The launcher, the compiler of names and the injector on AArch64, in a real kernel on an emulated processor. The registers come first:
// without that test passing no architecture gets the exec gate.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { filtersFor, phasesFor } from '../../lib/launch/filters.ts';
import { packLauncher } from '../../lib/launch/pack.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { nativePlaces } from '../../lib/native.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { allBut, minimal } from '../kernel/policies.ts';
import { injectorSources } from '../support/native-core.ts';
import { type Table, testEndings } from './cases.ts';
import { crossCompile, crossLauncher } from './machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-arm64-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const abi = abis.aarch64;
const nr = (name: string) => String(syscallNumber(abi, name));
const getppid = nr('getppid');
const SIGSYS = 31;

const launcher = crossLauncher(folder);
const compiled = (name: string, sources: readonly string[], ...options: string[]) =>
  crossCompile(join(folder, name), sources, [
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    ...(options.includes('-static-pie') ? [] : ['-static']),
    '-pthread',
    ...options,
  ]);
const native = `-I${join(import.meta.dirname, '..', '..', 'native')}`;
const files: Record<string, Uint8Array | string> = {
  'bin/probe': compiled('probe', ['test/kernel/programs/probe.c']),
  'bin/startup': compiled('startup', ['test/kernel/programs/startup.c']),
  'bin/startup-pie': compiled('startup-pie', ['test/kernel/programs/startup.c'], '-static-pie', '-fPIE'),
  'bin/registers': compiled(
    'registers',
    ['test/kernel/programs/registers.c'],
    '-nostdlib',
    '-fno-stack-protector',
  ),
  'bin/exec-again': compiled(
    'exec-again',
    ['test/kernel/programs/registers.c'],
    '-nostdlib',
    '-fno-stack-protector',
    '-DEXEC_AGAIN',
  ),
  'bin/later': compiled('later', ['test/aarch64/programs/later.c', ...injectorSources], native),
  'bin/kill-at': compiled('kill-at', ['test/kernel/programs/kill-at.c']),
  'bin/yama': compiled('yama', ['test/aarch64/programs/yama.c']),
  'bin/launch': launcher,
  'bin/not-a-program': 'echo hello\n',
};

const policies: Record<string, string> = {
  writes: 'default kill\nallow write, exit_group\n',
  noexec: 'default errno EPERM\nallow write, exit_group, exit\nkill execve\n',
  nothing: 'default kill\n',
  minimal,
  all: allBut(),
  errno: allBut('errno EPERM getppid'),
  kill: allBut('kill getppid'),
  trap: allBut('trap getppid'),
  argument: allBut('errno EPERM ioctl(cmd == 0x5412)'),
};
for (const [name, text] of Object.entries(policies)) {
  const payload = {
    arch: abi.auditArch,
    flags: 0,
    filters: filtersFor(parsePolicy(text, { file: name }), [abi]),
    command: [],
    policy: text,
  };
  files[`bin/in-${name}`] = packLauncher(launcher, payload);
}
for (const at of ['entry', 'main'] as const) {
  const policy = parsePolicy(policies.errno!, { file: at });
  const { filters, later } = phasesFor(policy, [abi], at);
  const place = at === 'entry' ? nativePlaces.entry : nativePlaces.mainByStart;
  files[`bin/in-later-${at}`] = packLauncher(launcher, {
    ...{ arch: abi.auditArch, flags: 0, filters, command: [], policy: '' },
    later: { place, offset: 0, filters: later!.filters },
  });
}
const damaged = Buffer.from(files['bin/in-all']!);
damaged[damaged.length - 20]! ^= 1;
files['bin/in-damaged'] = damaged;
files['bin/in-cut'] = Buffer.from(files['bin/in-all']!).subarray(0, -40);

const needed = [...minimal.matchAll(/^allow (.*)$/gm)].flatMap((line) =>
  line[1]!.split(',').map((one) => one.trim()),
);
const printing = [...needed, 'execve'].join(':');

const table: Table = [
  [
    'exec clears the registers that carry the cookie',
    { words: ['/bin/in-writes', '/bin/registers'] },
    { status: 0, output: `${'0'.repeat(16)} ${'0'.repeat(16)} ${'0'.repeat(16)}\n` },
  ],
  ['the launch did need the cookie', { words: ['/bin/in-noexec', '/bin/exec-again'] }, { signal: SIGSYS }],
  [
    'what is permitted works',
    { words: ['/bin/in-minimal', '/bin/probe', 'say', 'hello'] },
    { status: 0, output: 'hello\n' },
  ],
  [
    'as nobody, too',
    { words: ['/bin/in-minimal', '/bin/probe', 'say', 'hello'], user: 65534 },
    { status: 0, output: 'hello\n' },
  ],
  [
    'a refused call ends it with SIGSYS',
    { words: ['/bin/in-kill', '/bin/probe', 'call', getppid] },
    { signal: SIGSYS, output: '' },
  ],
  ['errno', { words: ['/bin/in-errno', '/bin/probe', 'call', getppid] }, { status: 0, output: '-1\n' }],
  [
    'trap',
    { words: ['/bin/in-trap', '/bin/probe', 'trap', getppid] },
    { status: 0, output: `trapped ${getppid} arch c00000b7\n` },
  ],
  [
    'an argument, as wide as the kernel reads it',
    { words: ['/bin/in-argument', '/bin/probe', 'call', nr('ioctl'), '-1', '0x100005412'] },
    { output: '-1\n' },
  ],
  [
    'and no other',
    { words: ['/bin/in-argument', '/bin/probe', 'call', nr('ioctl'), '-1', '0x5413'] },
    { output: '-9\n' },
  ],
  [
    'execve is refused inside',
    { words: ['/bin/in-minimal', '/bin/probe', 'exec', '/bin/probe'] },
    { signal: SIGSYS },
  ],
  [
    'the exit status is the program’s',
    { words: ['/bin/in-all', '/bin/probe', 'exit', '42'] },
    { status: 42 },
  ],
  ['death by a signal is real', { words: ['/bin/in-all', '/bin/probe', 'die', '15'] }, { signal: 15 }],
  ['no child is left', { words: ['/bin/in-all', '/bin/probe', 'child'] }, { output: '-1 ECHILD\n' }],
  [
    'no_new_privs',
    { words: ['/bin/in-all', '/bin/probe', 'status', 'NoNewPrivs'] },
    { output: 'NoNewPrivs:\t1\n' },
  ],
  ['nested', { words: ['/bin/in-all', '/bin/in-errno', '/bin/probe', 'call', getppid] }, { output: '-1\n' }],
  ['found in PATH', { words: ['/bin/in-all', 'probe', 'say', 'found'] }, { status: 0, output: 'found\n' }],
  ['not found: 127', { words: ['/bin/in-all', 'nowhere'] }, { status: 127, output: /not found in PATH/ }],
  [
    'no program: 126, reported under a filter that permits nothing',
    { words: ['/bin/in-nothing', '/bin/not-a-program'] },
    { status: 126, output: /neither a program/ },
  ],
  [
    'a damaged payload: 125',
    { words: ['/bin/in-damaged', '/bin/probe', 'say', 'x'] },
    { status: 125, output: /damaged/ },
  ],
  [
    'a truncated payload: 125',
    { words: ['/bin/in-cut', '/bin/probe', 'say', 'x'] },
    { status: 125, output: /damaged/ },
  ],
  [
    'no policy: 125',
    { words: ['/bin/launch', '/bin/probe', 'say', 'x'] },
    { status: 125, output: /no policy/ },
  ],
  [
    'a list of names',
    { words: ['/bin/launch', '/bin/probe', 'say', 'listed'], env: { SECCOMP_SYSCALL_ALLOW: printing } },
    { status: 0, output: 'listed\n' },
  ],
  [
    'execve forbidden by the list',
    {
      words: ['/bin/launch', '/bin/probe', 'say', 'listed'],
      env: { SECCOMP_SYSCALL_ALLOW: needed.join(':') },
    },
    { status: 0, output: 'listed\n' },
  ],
  [
    'what the list lacks',
    { words: ['/bin/launch', '/bin/probe', 'call', getppid], env: { SECCOMP_SYSCALL_ALLOW: printing } },
    { signal: SIGSYS },
  ],
  [
    'a group, denied',
    {
      words: ['/bin/launch', '/bin/probe', 'call', nr('mount')],
      env: { SECCOMP_SYSCALL_DENY: '@mount', SECCOMP_DEFAULT_ACTION: 'errno:EACCES' },
    },
    { output: '-13\n' },
  ],
  [
    'an unknown name: 125',
    { words: ['/bin/launch', '/bin/probe', 'say', 'x'], env: { SECCOMP_SYSCALL_DENY: 'raed' } },
    { status: 125, output: /raed[\s\S]*read/ },
  ],
  ...(['startup', 'startup-pie'] as const).flatMap((program) => [
    [
      `${program}: at main, by its start code`,
      { words: ['/bin/later', 'start', `/bin/${program}`, getppid], env: { STARTUP_CALL: getppid } },
      { status: 0, output: 'constructor 0\nmain -1\n' },
    ] as const,
    [
      `${program}: at entry`,
      {
        words: ['/bin/later', 'entry', `/bin/${program}`, getppid],
        env: { STARTUP_CALL: getppid },
        user: 65534,
      },
      { status: 0, output: 'constructor -1\nmain -1\n' },
    ] as const,
  ]),
  ...(['startup', 'startup-pie'] as const).flatMap((program) =>
    (['entry', 'main'] as const).map(
      (at) =>
        [
          `${program}: a packed launcher at ${at}`,
          {
            words: [`/bin/in-later-${at}`, `/bin/${program}`, getppid],
            env: { STARTUP_CALL: getppid },
            user: 65534,
          },
          { status: 0, output: `constructor ${at === 'entry' ? '-1' : '0'}\nmain -1\n` },
        ] as const,
    ),
  ),
  [
    'a thread of a constructor',
    { words: ['/bin/later', 'start', '/bin/startup', getppid], env: { THREAD: '1' } },
    { status: 0, output: 'main -1\n' },
  ],
  // Some of the helper's requests in turn, as test/kernel/later-faults.test.ts has them all: the program ends, and says nothing.
  ...Array.from(
    { length: 30 },
    (_, index) =>
      [
        `the helper killed at request ${2 + 7 * index}`,
        { words: ['/bin/kill-at', String(2 + 7 * index), '/bin/later', 'start', '/bin/startup', getppid] },
        { output: /^(later: .*helper that begins the filter was killed[\s\S]*|step 7.*\n[\s\S]*)$/ },
      ] as const,
  ),
  ...(['0', '1', '2', '3'] as const).flatMap((scope) =>
    ([65534, 0] as const).map((user) => {
      // Under 2 it takes CAP_SYS_PTRACE, under 3 nobody traces. 3 cannot be taken back, so it comes last.
      const works = scope < '2' || (scope === '2' && user === 0);
      return [
        `Yama's ptrace_scope ${scope}, as ${user === 0 ? 'root' : 'nobody'}: ${works ? 'at main' : '125'}`,
        { words: ['/bin/yama', scope, String(user), '/bin/later', 'start', '/bin/startup', getppid] },
        works ? { status: 0, output: 'main -1\n' } : { status: 125, output: /^step 7 errno 1\n$/ },
      ] as const;
    }),
  ),
];

describe('on AArch64', () => {
  testEndings(table, files);

  test('the launcher is small there, too', () => {
    expect(launcher.length).toBeLessThanOrEqual(64 * 1024);
  });
});
