// --at entry and --at main where a step fails: an outer filter refuses the step's call, or kills the helper in it, or the helper is killed at
// each of its steps in turn. The program then has run nothing of its own past the place: status 125 with a message, or SIGKILL where the helper
// is killed while the program runs up to there (native/core/inject.h says why). Never a hang, never a line of output.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { injectorSources } from '../support/native-core.ts';
import { packed, run } from './face.ts';
import { at } from './face-later.ts';
import { allBut } from './policies.ts';
import { file, program, root } from './stage.ts';
import { notTried, ordinary, users } from './users.ts';

const atMain = at('main');
const policy = allBut('errno EPERM getppid');
const stripped = () => program('startup', 'dynamic PIE', '-s');

/** The requests of native/core/inject.c, in the order in which they are first made (include/uapi/linux/ptrace.h). */
const steps = {
  PTRACE_SEIZE: 0x4206,
  PTRACE_INTERRUPT: 0x4207,
  PTRACE_GETEVENTMSG: 0x4201,
  PTRACE_DETACH: 17,
  PTRACE_LISTEN: 0x4208,
  PTRACE_GETSIGMASK: 0x420a,
  PTRACE_SETSIGMASK: 0x420b,
  PTRACE_POKEUSR: 6,
  PTRACE_CONT: 7,
  PTRACE_GETREGSET: 0x4204,
  PTRACE_PEEKDATA: 2,
  PTRACE_POKEDATA: 5,
  PTRACE_SETREGSET: 0x4205,
  PTRACE_SETOPTIONS: 0x4200,
  PTRACE_SINGLESTEP: 9,
  PTRACE_SYSCALL: 24,
} as const;

/** Calls that launcher or helper need beside ptrace, as far as Node itself does without them. */
const calls = [
  'socketpair',
  'clone(arg0 == 17)',
  'sendto',
  'wait4',
  'prctl(option == 38)',
  // PTRACE_O_EXITKILL is an option of PTRACE_SEIZE; this is the injected one, SECCOMP_FILTER_FLAG_TSYNC.
  'seccomp(flags & 1)',
];

/** Nothing takes as long as that: what does has hung. */
const HUNG = 5_000;

describe.each(users)('as $name', (user) => {
  const inner = (words: readonly string[]) => atMain.command(file(policy), words);
  const inside = async (statement: string) => {
    const begun = Date.now();
    const ending = await run(packed, {
      policy: allBut(statement),
      command: inner([stripped(), '110']),
      user,
    });
    expect(Date.now() - begun).toBeLessThan(HUNG);
    return ending;
  };

  test('all is well where nothing is refused', async () => {
    expect(await inside('errno EPERM kexec_load')).toMatchObject({
      status: 0,
      stdout: 'main -1\n',
      stderr: '',
    });
  });

  test.each(Object.entries(steps))('%s refused: 125, and the program is not started', async (_, request) => {
    for (const error of ['EPERM', 'ESRCH', 'EIO'] as const) {
      const ending = await inside(`errno ${error} ptrace(request == ${request})`);
      expect(ending).toMatchObject({ status: 125, stdout: '' });
      expect(ending.stderr).toMatch(/^sandbox-run: [^\n]*not started\n {2}[^\n]+\n$/);
    }
  });

  test.each(Object.entries(steps))('killed at the first %s: 125', async (_, request) => {
    const ending = await inside(`kill ptrace(request == ${request})`);
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(
      /^sandbox-run: [^\n]*the helper that begins the filter was killed; the program was not started\n/m,
    );
  });

  test.each(calls)('%s refused: 125 and a message', async (call) => {
    const ending = await inside(`errno EAGAIN ${call}`);
    expect(ending).toMatchObject({ stdout: '', signal: ending.status === null ? 'SIGKILL' : null });
    expect([125, null]).toContain(ending.status);
    expect(ending.stderr).toMatch(/^sandbox-run: [^\n]*not started\n {2}[^\n]+\n$/);
  });

  test('a full process table', async () => {
    // Whatever number of processes is permitted: it starts filtered, or not at all.
    const outcomes = new Set<string>();
    for (const most of [1, 6, 8, 9, 10, 11, 12, 13, 14, 16, 40]) {
      const ending = await run(packed, {
        command: ['prlimit', `--nproc=${most}:${most}`, ...inner([stripped(), '110'])],
        // Somebody who runs nothing else: the limit counts all of a user's processes, and root has none.
        user: { name: 'somebody', uid: 54321 + (user.uid ?? 0), gid: 54321 },
      });
      outcomes.add(ending.stdout);
      expect(['', 'main -1\n']).toContain(ending.stdout);
    }
    expect([...outcomes]).toContain('main -1\n');
  }, 60_000);

  const hasStrace = spawnSync('strace', ['-V']).status === 0;
  if (!hasStrace) notTried('--at main under strace', 'needs Debian package strace');
  test.runIf(hasStrace).each([
    ['strace', ['strace', '-o', '/dev/null']],
    ['strace -f', ['strace', '-f', '-o', '/dev/null']],
  ])('under %s: 125 and a message, no hang', async (_, tracer) => {
    const ending = await run(packed, { command: [...tracer, ...inner([stripped(), '110'])], user });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/could not start or trace/);
  });

  test('a program that becomes another one before main', async () => {
    const ending = await run(atMain, {
      policy,
      command: [stripped(), '110'],
      user,
      env: { BECOME: program('startup') },
    });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/became another one/);
  });

  test.each([
    'fork',
    'vfork',
    'clone',
  ])('a program that makes another process before main, by %s', async (how) => {
    for (const face of [atMain, at('entry')]) {
      const ending = await run(face, { policy, command: [stripped(), '110'], user, env: { FORK: how } });
      if (face === atMain) {
        expect(ending).toMatchObject({ status: 125, stdout: '' });
        expect(ending.stderr).toMatch(/started another process/);
      } else {
        expect(ending).toMatchObject({
          status: 0,
          stdout: expect.stringMatching(/^(child 0\n|main -1\n){2}$/),
        });
      }
    }
  });

  test('a program without a main', async () => {
    const own = program('registers', 'static', '-nostdlib', '-fno-stack-protector', '-s');
    const ending = await run(atMain, { policy, command: [own], user });
    expect(ending).toMatchObject({ status: 125, stdout: '' });
    expect(ending.stderr).toMatch(/main cannot be found[\s\S]*--at entry/);
    expect(await run(at('entry'), { policy, command: [own], user })).toMatchObject({ status: 0 });
  });

  test('a program that ends before main', async () => {
    const ending = await run(atMain, { policy, command: [program('early')], user });
    expect(ending).toMatchObject({ status: 7, stdout: '', stderr: '' });
  });

  test.each([
    ['a program for another architecture', () => program('probe', 'i386'), /64-bit/],
    ['a file that is no program', () => file('no program\n', undefined, 0o755), /no ELF program/],
    ['a program that is not there', () => '/nonexistent', /no such file/],
  ])('%s', async (_, path, message) => {
    if (process.arch !== 'x64' && path().includes('i386')) return;
    const ending = await run(atMain, { policy, command: [path(), 'say', 'x'], user });
    expect([125, 127]).toContain(ending.status);
    expect(ending.stdout).toBe('');
    expect(ending.stderr).toMatch(message);
  });
});

test.runIf(ordinary !== undefined)('a program that may not be read: 125', async () => {
  const unreadable = program('hello', 'dynamic PIE', '-DUNREADABLE');
  spawnSync('chmod', ['0111', unreadable]);
  expect(existsSync(unreadable)).toBe(true);
  const ending = await run(atMain, { policy, command: [unreadable], user: ordinary! });
  expect(ending).toMatchObject({ status: 125, stdout: '' });
  expect(ending.stderr).toMatch(/cannot be read/);
});

describe('the helper killed at each of its requests in turn', () => {
  const sources = injectorSources.map((one) => join(root, one));
  const nameOf = (request: number) =>
    Object.entries(steps)
      .find(([, one]) => one === request)![0]
      .slice(7);

  interface Killed {
    readonly request: string;
    readonly deadly: boolean;
  }

  /** How each ended, up to the first one that was not killed. */
  function killEach(place: string, program_: string): readonly Killed[] {
    const launcher = program(
      'aarch64/programs/later',
      'dynamic PIE',
      `-I${join(root, 'native')}`,
      ...sources,
    );
    const found: Killed[] = [];
    for (let step = 1; step < 1000; step++) {
      const words = [program('kill-at'), String(step), launcher, place, program_, '110'];
      const ran = spawnSync(words[0]!, words.slice(1), {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        encoding: 'utf8',
        timeout: HUNG,
        ...(ordinary?.uid === undefined ? {} : { uid: ordinary.uid, gid: ordinary.gid! }),
      });
      const [request, kind, number] = ran.output[3]!.trim().split(' ');
      if (request === '-1') {
        expect([kind, number, ran.stdout]).toEqual(['status', '0', 'main -1\n']);
        return found;
      }
      const what = `step ${step}, ${request}`;
      expect(ran.stdout, what).toBe('');
      expect(ran.stderr, what).toMatch(
        /the helper that begins the filter was killed; the program was not started/,
      );
      expect([`${kind} ${number}`], what).toContainEqual(expect.stringMatching(/^(status 125|signal 9)$/));
      found.push({ request: nameOf(Number(request)), deadly: kind === 'signal' });
    }
    throw new Error('it never came to its end');
  }

  test.each([
    ['entry', 'dynamic PIE', []],
    ['entry', 'static', []],
    ['start', 'dynamic PIE', ['-s']],
    ['start', 'static', ['-s']],
  ] as const)('at %s of a %s program: 125, but where the program runs', (place, linking, options) => {
    const killed = killEach(place, program('startup', linking, ...options));
    const runs: string[][] = [];
    for (const [index, { request, deadly }] of killed.entries()) {
      if (index === 0 || deadly !== killed[index - 1]!.deadly) runs.push([]);
      runs.at(-1)!.push(request);
    }
    const isStatic = linking === 'static';
    // Up to exec; exec, to the first instruction; looking at the program; to the place; installing; back to where the program stood. A static
    // program stands at its entry from the first instruction on.
    expect(killed[0]!.deadly).toBe(false);
    expect(runs).toHaveLength(6);
    const [, exec, , toPlace, , back] = runs as [string[], string[], string[], string[], string[], string[]];
    const enter = ['GETREGSET', 'PEEKDATA', 'POKEDATA', 'SETREGSET', 'SETOPTIONS'];
    expect(unrepeated(exec)).toEqual(['SETREGSET', 'SYSCALL', ...enter]);
    expect(unrepeated(toPlace).slice(-enter.length)).toEqual(enter);
    expect(toPlace.includes('CONT')).toBe(!(isStatic && place === 'entry'));
    expect(toPlace.includes('SINGLESTEP')).toBe(place === 'start');
    expect(unrepeated(back)).toEqual(['POKEDATA', 'SETREGSET', 'DETACH']);
  });

  const unrepeated = (list: readonly string[]) => list.filter((one, index) => one !== list[index - 1]);
});
