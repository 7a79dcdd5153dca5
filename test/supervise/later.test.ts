// --explain of policies that begin later than exec, or have a phase of main: what is refused, when and by which phase is as without it.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../kernel/face.ts';
import { allBut } from '../kernel/policies.ts';
import { file, program, stage, wholeCommand } from '../kernel/stage.ts';
import { users } from '../kernel/users.ts';
import { bothWays, eventsOf, explained, face, refusalsOf, summaryOf } from './explained.ts';

const [getppid, geteuid] = ['110', '107'];
/** A constructor makes the call of STARTUP_CALL, main that of its argument. */
const startup = () => [program('startup'), getppid];
const told = (ending: Parameters<typeof refusalsOf>[0]) =>
  refusalsOf(ending).map((one) => [one.call, one.by]);

describe.each(users)('as $name', (user) => {
  test.each([
    ['main', 'constructor 0\nmain -1\n', 1],
    ['entry', 'constructor -1\nmain -1\n', 2],
  ])('at %s', async (at, stdout, count) => {
    const start = {
      policy: allBut('errno EPERM getppid'),
      command: startup(),
      env: { STARTUP_CALL: getppid },
      user,
    };
    const ending = await bothWays(start, '--at', at);
    expect(ending).toMatchObject({ stdout });
    expect(summaryOf(ending)?.refusals).toBe(count);
    expect(told(ending)[0]?.[1]).toContain('errno EPERM getppid');
  });

  test('each phase refuses its own, and says so', async () => {
    const policy =
      'default allow\nerrno EXDEV geteuid\nphase main {\ndefault allow\nerrno EPERM getppid\n}\n';
    const start = { policy, command: startup(), user };
    const early = await bothWays({ ...start, env: { STARTUP_CALL: geteuid } });
    expect(early.stdout).toBe('constructor -18\nmain -1\n');
    expect(told(early)).toEqual([
      ['geteuid', expect.not.stringContaining('from main on')],
      ['getppid', expect.stringMatching(/errno EPERM getppid.*, from main on$/)],
    ]);
    const late = await bothWays({ ...start, env: { STARTUP_CALL: getppid } });
    expect(late.stdout).toBe('constructor 0\nmain -1\n');
    expect(told(late)).toHaveLength(1);
  });

  test.each([
    ['kill', 'caught', { signal: 'SIGSYS', stdout: '' }],
    ['trap', 'handled', { status: 3, stdout: expect.stringContaining('code 1 errno 0 call 83') }],
    ['kill-thread', 'thread', { status: 6, stdout: 'joined\n' }],
  ])('%s is the kernel’s', async (action, what, expected) => {
    const command = [program('supervise/programs/answered'), what];
    const ending = await bothWays({ policy: allBut(`${action} mkdir`), command, user }, '--at', 'main');
    expect(ending).toMatchObject(expected);
    expect(refusalsOf(ending)).toHaveLength(1);
  });
});

test('a thread of a constructor is at main when the program is', async () => {
  const start = {
    policy: allBut('errno EPERM getppid'),
    command: startup(),
    env: { STARTUP_CALL: getppid, THREAD: '1' },
  };
  const ending = await bothWays(start, '--at', 'main');
  expect(ending.stdout).toBe('constructor 0\nmain -1\n');
  expect(refusalsOf(ending)[0]?.thread).not.toBe(ending.pid);
});

test('what is suggested permits it in the phase that has refused it', async () => {
  const suggestion = join(stage, 'phases.policy');
  let policy =
    'default allow\nerrno EXDEV geteuid\nphase main {\ndefault errno EPERM\nallow read, write, exit_group, newfstatat, fstat, brk\n}\n';
  for (let round = 0; ; round++) {
    rmSync(suggestion, { force: true });
    const ending = await run(face('--explain', '--suggest', suggestion), {
      policy,
      command: startup(),
      env: { STARTUP_CALL: geteuid },
    });
    if (refusalsOf(ending).length === 0) {
      expect(ending).toMatchObject({ stdout: 'constructor 0\nmain 0\n' });
      expect(round).toBeGreaterThan(0);
      break;
    }
    expect(round).toBeLessThan(10);
    policy = readFileSync(suggestion, 'utf8');
  }
  expect(policy).toMatch(/phase main \{[\s\S]*allow getppid/);
});

test('inside another explained run it says that it cannot, and the policy holds from main on', async () => {
  const inner = ['--explain', '--at', 'main', '--policy', file(allBut('errno EPERM getppid')), '--'];
  const ending = await run(explained, {
    policy: allBut('kill reboot'),
    command: [process.execPath, wholeCommand(), ...inner, ...startup()],
    env: { STARTUP_CALL: getppid },
  });
  expect(ending).toMatchObject({ stdout: 'constructor 0\nmain -1\n' });
  expect(ending.stderr).toContain('refusals cannot be explained');
  expect(eventsOf(ending)).toEqual([]);
});
