// Refusals that no errno can express are told like all others, and then are what they are without --explain: the program itself
// says what its handler got, and who is left.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { run } from '../kernel/face.ts';
import { allBut, minimal } from '../kernel/policies.ts';
import { canBuild32, file, program, wholeCommand } from '../kernel/stage.ts';
import { notTried, users } from '../kernel/users.ts';
import { bothWays, eventsOf, explained, plain, refusalsOf, summaryOf } from './explained.ts';

const answered = (what: string) => [program('supervise/programs/answered'), what];
const warningsOf = (ending: Parameters<typeof eventsOf>[0]) =>
  eventsOf(ending)
    .filter((one) => one.event === 'warning')
    .map((one) => one.msg);

/** What the program does about SIGSYS, and how it ends under each action. */
const SIGSYS = { signal: 'SIGSYS' };
const rows: readonly (readonly [what: string, action: string, Readonly<Record<string, unknown>>])[] = [
  // It has the place, the number and the architecture, and its registers as they were at the call.
  [
    'handled',
    'trap',
    {
      status: 3,
      stdout: expect.stringMatching(
        /^(signal 31 code 1 errno 0 call 83 arch c000003e place 1 again 1 register 83\n100\d\n){3}$/,
      ),
    },
  ],
  ['handled', 'trap 77', { status: 3, stdout: expect.stringContaining('code 1 errno 77 call 83') }],
  ['altstack', 'trap', { status: 9, stdout: expect.stringContaining('\n1001\n') }],
  ['thread', 'trap', { status: 6 }],
  ['child', 'trap', { status: 8, stdout: expect.stringMatching(/\n0 1\n$/) }],
  ['blocked', 'trap', SIGSYS],
  ['ignored', 'trap', SIGSYS],
  ['default', 'trap', SIGSYS],
  ['caught', 'kill', SIGSYS],
  ['blocked', 'kill', SIGSYS],
  ['ignored', 'kill', SIGSYS],
  // No stack to write to.
  ['stack', 'kill', SIGSYS],
  ['child', 'kill', { status: 8, stdout: '31 -1\n' }],
  ['crowd', 'kill', SIGSYS],
  ['crowd', 'kill-thread', { status: 10, stdout: 'all joined\n' }],
  ['thread', 'kill-thread', { status: 6, stdout: 'joined\n' }],
  ['leader', 'kill-thread', { stdout: '' }],
  // The last one takes the process with it.
  ['caught', 'kill-thread', SIGSYS],
];

const few = new Set(['handled trap', 'blocked trap', 'caught kill', 'thread kill-thread']);

describe.each(users)('as $name', (user) => {
  // What another user may trace does not depend on what is done about the signal.
  const own = rows.filter(([what, action]) => user.uid === undefined || few.has(`${what} ${action}`));
  test.concurrent.each(own)('%s, %s', async (what, action, expected) => {
    const ending = await bothWays({ policy: allBut(`${action} mkdir`), command: answered(what), user });
    expect(ending).toMatchObject(expected);
    expect(refusalsOf(ending).map((one) => [one.call, one.action])).toEqual([['mkdir', action]]);
    expect(warningsOf(ending)).toEqual([]);
  });
});

test('under a policy that refuses seccomp, which the thread has to call for its end', async () => {
  const policy = `${minimal}allow rt_sigaction, rt_sigprocmask\n`;
  for (const what of ['caught', 'blocked']) {
    const ending = await bothWays({ policy, command: answered(what) });
    expect(ending.signal).toBe('SIGSYS');
    expect(warningsOf(ending)).toEqual([]);
    // That call is ours, and not told.
    expect(refusalsOf(ending).map((one) => one.call)).toEqual(['mkdir']);
  }
});

test('between other signals each trap is its own, and all are counted', async () => {
  const ending = await run(explained, { policy: allBut('trap mkdir'), command: answered('storm') });
  expect(ending.status).toBe(4);
  expect(ending.stderr).toContain('wrong 0\n');
  const handled = ending.stdout.split('\n').filter((line) => line.includes('place 1 again 1 register 83'));
  expect(handled).toHaveLength(100);
  expect(ending.stdout.split('\n').length - 1).toBe(handled.length);
  expect(summaryOf(ending)?.refusals).toBe(handled.length);
});

test('twenty threads are counted, also those that wait while another is ended', async () => {
  const ending = await run(explained, { policy: allBut('kill-thread mkdir'), command: answered('crowd') });
  expect(summaryOf(ending)?.refusals).toBe(20);
});

test.runIf(canBuild32)('a program of 32 bits', async () => {
  const ending = await bothWays({
    policy: allBut(),
    command: [program('supervise/programs/refused', 'i386'), 'open', '/x'],
  });
  expect(ending.signal).toBe('SIGSYS');
  expect(refusalsOf(ending)[0]?.abi).toBe('i386');
  expect(warningsOf(ending)).toEqual([]);
});
if (!canBuild32)
  notTried('--explain of a program of 32 bits', 'Debian package gcc-12-multilib brings what builds it');

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace) notTried('--explain under strace', 'needs Debian package strace');
describe.runIf(hasStrace)('where the program is traced already', () => {
  const traced = (words: readonly string[]) => ['strace', '-f', '-o', '/dev/null', ...words];

  test('trap and kill-thread stay with the kernel, and that is said', async () => {
    const start = { policy: allBut('trap mkdir'), command: answered('handled'), wrap: traced };
    const ending = await run(explained, start);
    expect(ending.status).toBe(3);
    expect(ending.stdout).toContain('code 1 errno 0 call 83');
    expect(ending.stderr).toContain(
      'kill-thread and trap cannot be told here: the program is traced already',
    );
  });

  test('kill is told, and ends the program', async () => {
    const start = { policy: allBut('kill mkdir'), command: answered('default'), wrap: traced };
    const ending = await run(explained, start);
    expect(ending.signal).toBe('SIGSYS');
    expect(refusalsOf(ending)).toHaveLength(1);
    const caught = await run(explained, { ...start, command: answered('caught') });
    expect(caught.signal).toBe('SIGKILL');
    expect(warningsOf(caught)[0]).toContain('is ended by SIGKILL');
  });
});

describe('in an outer sandbox that ends who traces', () => {
  const inside = (action: string, what: string) =>
    run(plain, {
      policy: allBut('kill ptrace'),
      command: [
        process.execPath,
        wholeCommand(),
        '--explain',
        '--policy',
        file(allBut(`${action} mkdir`)),
        '--',
        ...answered(what),
      ],
    });

  test('kill is told, and ends the program', async () => {
    const ending = await inside('kill', 'default');
    expect(ending.signal).toBe('SIGSYS');
    expect(refusalsOf(ending)).toHaveLength(1);
    expect(summaryOf(ending)?.refusals).toBe(1);
  });

  test('trap stays with the kernel', async () => {
    const ending = await inside('trap', 'handled');
    expect(ending).toMatchObject({ status: 3, stdout: expect.stringContaining('code 1 errno 0 call 83') });
    expect(ending.stderr).toContain('an outer sandbox ends who traces');
  });
});
