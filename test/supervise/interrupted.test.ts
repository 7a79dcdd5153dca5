// --explain when something ends, stops or is missing in the middle: the watcher, the program, the kernel's part of it.

import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Ending, run, type Start, whenReady } from '../kernel/face.ts';
import { allBut } from '../kernel/policies.ts';
import { file, program, stage, wholeCommand } from '../kernel/stage.ts';
import { users } from '../kernel/users.ts';
import { eventsOf, explained, plain, refusalsOf, summaryOf, watchers } from './explained.ts';

const refused = () => program('supervise/programs/refused');

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(10);
  expect(holds()).toBe(true);
}

/** Runs a program that makes its refused call when it is told to, with what happens meanwhile. */
async function during(
  start: Omit<Start, 'stdio'>,
  act: (child: ChildProcess) => Promise<void>,
): Promise<Ending> {
  let acting: Promise<void> | undefined;
  const ending = await run(explained, { ...start, stdio: ['pipe', 'pipe', 'pipe'] }, (child) =>
    whenReady(child, () => {
      acting = act(child);
    }),
  );
  await acting;
  return ending;
}

/** State in /proc/PID/stat. */
const stateOf = (pid: number) => / \((?:.*)\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
/** Where the kernel has it wait: in a call's filter. */
const isInCall = (pid: number, number: number) =>
  readFileSync(`/proc/${pid}/syscall`, 'latin1').startsWith(`${number} `);
const MKDIR = 83;

/** Stops the only watcher, lets the program make its call, which then waits for an answer. */
async function withCallWaiting(child: ChildProcess, act: (watcher: number) => Promise<void>): Promise<void> {
  await until(() => watchers().length === 1);
  const [watcher] = watchers();
  // It takes a call as soon as it has begun to listen: before that nothing would be waiting for an answer.
  await sleep(300);
  process.kill(watcher!, 'SIGSTOP');
  await until(() => stateOf(watcher!) === 'T');
  child.stdin?.end('x');
  await until(() => isInCall(child.pid!, MKDIR));
  await act(watcher!);
}

test('if the watcher dies, what was refused stays refused', async () => {
  const place = join(stage, 'not-to-be-made');
  const ending = await during(
    { policy: allBut('kill mkdir'), command: [refused(), 'later', place] },
    async (child) => {
      await until(() => watchers().length === 1);
      for (const watcher of watchers()) process.kill(watcher, 'SIGKILL');
      await until(() => watchers().length === 0);
      child.stdin?.end('x');
    },
  );
  // ENOSYS, from the kernel.
  expect(ending).toMatchObject({ status: 7, stdout: 'ready\n-38\n' });
  expect(existsSync(place)).toBe(false);
});

test('if it dies while a call waits, that is refused, too', async () => {
  const start = { policy: allBut('kill mkdir'), command: [refused(), 'later', '/x'] };
  const ending = await during(start, (child) =>
    withCallWaiting(child, async (watcher) => {
      process.kill(watcher, 'SIGKILL');
    }),
  );
  expect(ending).toMatchObject({ status: 7, stdout: 'ready\n-38\n' });
});

test('a program that is killed while its call waits dies at once, and the watcher after it', async () => {
  const start = { policy: allBut('errno EPERM mkdir'), command: [refused(), 'later', '/x'] };
  let gone = false;
  const ending = await during(start, (child) =>
    withCallWaiting(child, async (watcher) => {
      process.kill(child.pid!, 'SIGKILL');
      // It is dead without any answer.
      await until(() => child.signalCode === 'SIGKILL');
      process.kill(watcher, 'SIGCONT');
      await until(() => watchers().length === 0);
      gone = true;
    }),
  );
  expect(ending).toMatchObject({ signal: 'SIGKILL', stdout: 'ready\n' });
  expect(gone).toBe(true);
});

test.each([
  ['errno EPERM', { status: 7, stdout: 'ready\n-1\n' }],
  ['kill', { signal: 'SIGSYS', stdout: 'ready\n' }],
  ['trap', { signal: 'SIGSYS', stdout: 'ready\n' }],
])('a program that is stopped while its call waits goes on when it is continued: %s', async (action, expected) => {
  const start = { policy: allBut(`${action} mkdir`), command: [refused(), 'later', '/x'] };
  const ending = await during(start, (child) =>
    withCallWaiting(child, async (watcher) => {
      process.kill(child.pid!, 'SIGSTOP');
      process.kill(watcher, 'SIGCONT');
      await sleep(100);
      // What is to end may have ended before it could stop.
      if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, 'SIGCONT');
    }),
  );
  expect(ending).toMatchObject(expected);
  expect(refusalsOf(ending)).toHaveLength(1);
  expect(summaryOf(ending)?.refusals).toBe(1);
});

describe.each(users)('as $name', (user) => {
  const inner = (action: string) => [
    process.execPath,
    wholeCommand(),
    '--explain',
    '--policy',
    file(allBut(`${action} mkdir`)),
    '--',
    refused(),
    'open',
    '/x',
  ];

  test('inside another explained run it says that it cannot, and the policy holds', async () => {
    const start = { policy: allBut('kill reboot'), command: inner('kill'), user };
    const ending = await run(explained, start);
    expect(ending.signal).toBe('SIGSYS');
    expect(ending.stderr).toContain('an outer filter has a listener');
    expect(eventsOf(ending)).toEqual([]);
  });

  // What a kernel before Linux 5.0 answers to the flag for a listener.
  test('on a kernel without listeners it says so, and the policy holds', async () => {
    const older = allBut(
      'errno EINVAL seccomp(op == SECCOMP_SET_MODE_FILTER && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)',
    );
    for (const [action, expected] of [
      ['kill', { signal: 'SIGSYS' }],
      ['errno EXDEV', { status: 7, stdout: '-18\n' }],
      ['trap', { signal: 'SIGSYS' }],
    ] as const) {
      const ending = await run(plain, { policy: older, command: inner(action), user });
      expect(ending).toMatchObject(expected);
      expect(ending.stderr).toContain('the kernel gives no listener');
    }
  });

  // Linux 5.0 to 5.18: a call that waits can be interrupted.
  test('on a kernel without WAIT_KILLABLE_RECV refusals are told', async () => {
    const older = allBut(
      'errno EINVAL seccomp(op == SECCOMP_SET_MODE_FILTER && flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)',
    );
    for (const [action, expected] of [
      ['kill', { signal: 'SIGSYS' }],
      ['trap', { signal: 'SIGSYS' }],
      ['kill-thread', { signal: 'SIGSYS' }],
    ] as const) {
      const ending = await run(plain, { policy: older, command: inner(action), user });
      expect(ending).toMatchObject(expected);
      expect(refusalsOf(ending).map((one) => one.action)).toEqual([action]);
      expect(eventsOf(ending).filter((one) => one.event === 'warning')).toEqual([]);
    }
  });
});
