// --explain changes nothing but what is said: every program is run with it and without it, and ends alike. What is said is
// held against what the program really did.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadAddon, probeKinds } from '../../lib/native.ts';
import { run } from '../kernel/face.ts';
import { allBut } from '../kernel/policies.ts';
import { type Linking, program, stage } from '../kernel/stage.ts';
import { isRoot, notTried, users } from '../kernel/users.ts';
import { bothWays, eventsOf, explained, face, refusalsOf, summaryOf, textsOf } from './explained.ts';

/** Whether the kernel has the 32-bit gate at all. */
const hasI386 = loadAddon()
  .probe(probeKinds.i386, 0)
  .every((one) => one === 0);
if (!hasI386) notTried('calls through i386', 'this kernel has no 32-bit ABI');

const refused = () => program('supervise/programs/refused');

describe.each(users)('as $name', (user) => {
  test('an errno is still that errno, and the call is told with its text', async () => {
    const ending = await bothWays({
      policy: allBut('errno EXDEV mkdir'),
      command: [refused(), 'open', '/some/where'],
      user,
    });
    expect(ending).toMatchObject({ status: 7, stdout: '-18\n' });
    const [event, ...others] = refusalsOf(ending);
    expect(others).toEqual([]);
    expect(event).toMatchObject({ call: 'mkdir', action: 'errno EXDEV', process: ending.pid, abi: 'x86_64' });
    expect(textsOf(event)?.[0]).toBe('"/some/where"');
    expect(event?.by).toContain('errno EXDEV mkdir');
    expect(event?.code).toMatchObject({
      file: expect.stringMatching(/libc/),
      symbol: expect.stringMatching(/^syscall\+0x/),
    });
  });

  test('errno 0 gives 0 and does not make the call', async () => {
    const place = join(stage, 'never-made');
    const ending = await bothWays({
      policy: allBut('errno 0 mkdir'),
      command: [refused(), 'open', place],
      user,
    });
    expect(ending.stdout).toBe('0\n');
    expect(() => readFileSync(place)).toThrow('ENOENT');
  });

  test('a killed program dies of SIGSYS, and what killed it is told before', async () => {
    const ending = await bothWays({ policy: allBut('kill mkdir'), command: [refused(), 'open', '/x'], user });
    expect(ending).toMatchObject({ status: null, signal: 'SIGSYS', stdout: '' });
    expect(eventsOf(ending).map((one) => one.event)).toEqual(['refused', 'summary']);
  });

  test('a killed child, and no child left of ours', async () => {
    const ending = await bothWays({ policy: allBut('kill mkdir'), command: [refused(), 'child'], user });
    expect(ending).toMatchObject({ status: 7, stdout: '31 -1\n1\n' });
    expect(refusalsOf(ending)[0]?.process).not.toBe(ending.pid);
  });

  test('a thread, with a name that a terminal would act on', async () => {
    const ending = await bothWays({
      policy: allBut('errno EPERM mkdir'),
      command: [refused(), 'thread'],
      user,
    });
    const [event] = refusalsOf(ending);
    expect(event?.thread).not.toBe(event?.process);
    expect(event?.name).toContain('hidden');
    expect(ending.stderr).not.toContain('\u001b');
  });

  test('pointers to nowhere', async () => {
    const ending = await bothWays({
      policy: allBut('errno EPERM mkdir, connect'),
      command: [refused(), 'garbage'],
      user,
    });
    expect(ending.stdout).toBe('-1\n-1\n-1\n');
    expect(refusalsOf(ending).map((one) => one.call)).toEqual(['mkdir', 'connect']);
    expect(textsOf(refusalsOf(ending)[0])?.[0]).toBe('0x1');
  });

  test('a socket’s address', async () => {
    const ending = await bothWays({
      policy: allBut('errno EPERM connect'),
      command: [refused(), 'connect'],
      user,
    });
    expect(textsOf(refusalsOf(ending)[0])?.[1]).toBe('{AF_UNIX, "/run/some.sock"}');
    expect(textsOf(refusalsOf(ending)[0])?.[0]).toBe('0</dev/null>');
  });

  test('thousands of refusals are counted exactly and told once', async () => {
    const ending = await bothWays({
      policy: allBut('errno EPERM mkdir'),
      command: [refused(), 'storm', '5000'],
      user,
    });
    expect(ending.stdout).toBe('0\n');
    expect(refusalsOf(ending)).toHaveLength(1);
    const summary = summaryOf(ending);
    // A signal may take a call away before the listener has seen it, so the program says how many were refused.
    expect(summary?.refusals).toBe(Number(/refused (\d+)/.exec(ending.stderr)?.[1]));
    expect(summary?.refusals).toBeGreaterThan(1000);
  });

  test.runIf(hasI386)('a call through another ABI has that ABI’s name', async () => {
    const ending = await bothWays({ policy: allBut(), command: [refused(), 'i386'], user });
    expect(ending.signal).toBe('SIGSYS');
    // 39 is mkdir there, and getpid here.
    expect(refusalsOf(ending)[0]).toMatchObject({
      abi: 'i386',
      call: 'mkdir',
      narrow: { policy: 'abi x86_64, i386' },
    });
  });

  test.each([
    'dynamic PIE',
    'dynamic non-PIE',
    'static',
    'static PIE',
  ] as const satisfies readonly Linking[])('%s', async (linking) => {
    const command = [program('supervise/programs/refused', linking), 'open', '/x'];
    const ending = await bothWays({ policy: allBut('errno EPERM mkdir'), command, user });
    expect(refusalsOf(ending)).toHaveLength(1);
  });

  test('a program that is allowed all it asks hears and says nothing', async () => {
    const ending = await bothWays({
      policy: allBut('kill reboot'),
      command: ['/bin/sh', '-c', 'ls / > /dev/null; exit 3'],
      user,
    });
    expect(ending).toMatchObject({ status: 3, stderr: '' });
  });

  test('a program that cannot be started', async () => {
    const ending = await bothWays({ policy: allBut(), command: ['/etc/hostname'], user });
    expect(ending.status).toBe(126);
  });

  test('as PID 1 the program has no child that it can see', async () => {
    if (!isRoot) return;
    const ending = await run(explained, {
      policy: allBut('errno EPERM mkdir'),
      command: [refused(), 'child'],
      wrap: (words) => ['unshare', '--pid', '--fork', '--mount-proc', ...words],
    });
    expect(ending.stdout).toBe('0 3\n1\n');
  });

  test('what is suggested lets the program run', async () => {
    const suggestion = join(stage, `suggested-${user.name.replaceAll(' ', '-')}.policy`);
    const place = join(stage, `made-${user.name.replaceAll(' ', '-')}`);
    rmSync(suggestion, { force: true });
    const policies = [
      allBut('kill mkdir'),
      allBut('kill @file-system'),
      'default errno EPERM\nallow read, write, exit_group, brk, mmap, munmap, mprotect, arch_prctl, set_tid_address, set_robust_list, rseq, prlimit64, getrandom, openat, close, fstat, newfstatat, pread64, access, ioctl',
    ];
    for (const policy of policies) {
      let text = policy;
      // One refusal may hide the next.
      for (let round = 0; round < 20; round++) {
        rmSync(suggestion, { force: true });
        const ending = await run(face('--explain', '--suggest', suggestion), {
          policy: text,
          command: [refused(), 'open', place],
          user: { name: 'x' },
        });
        if (refusalsOf(ending).length === 0) {
          expect(ending.status).toBe(7);
          break;
        }
        text = readFileSync(suggestion, 'utf8');
        expect(round).toBeLessThan(19);
      }
      rmSync(place, { recursive: true, force: true });
    }
  }, 60_000);
});

test('nobody reads what is told: the program goes on all the same', async () => {
  const ending = await run(explained, {
    policy: allBut('errno EPERM madvise'),
    command: [refused(), 'many'],
    // A pipe that is full from the start and has a reader that never reads.
    wrap: (words) => [
      '/bin/bash',
      '--norc',
      '-c',
      'exec 3> >(exec sleep 20); timeout 0.5 cat /dev/zero >&3; "$@" 2>&3; echo $?; kill $!',
      'bash',
      ...words,
    ],
  });
  expect(ending.stdout).toBe('done\n7\n');
});

test('a call that is refused in thousands of ways is suggested as a whole', async () => {
  const suggestion = join(stage, 'many.policy');
  const start = { policy: 'default allow\nerrno EPERM madvise, mkdir\n', command: [refused(), 'many'] };
  const ending = await run(face('--explain', '--suggest', suggestion), start);
  expect(ending.stdout).toBe('done\n');
  expect(readFileSync(suggestion, 'utf8')).toBe('default allow\n\nerrno EPERM mkdir\n');
  expect(summaryOf(ending)?.refusals).toBe(3000);
});

test('a policy that needs several filters, of which one can have a listener', async () => {
  // Values that lie apart, so that each needs a test of its own.
  const values = Array.from({ length: 3200 }, (_, index) => `0x${(1 + index * 0x51eb3).toString(16)}`);
  const policy = allBut(`kill ioctl(!(cmd in {${values.join(', ')}}))`, 'errno EXDEV mkdir');
  const ending = await run(explained, { policy, command: [refused(), 'asked', values[1000]!] });
  // EBADF: the call with a long condition was made, because the watcher says so. The other, no.
  expect(ending).toMatchObject({ signal: 'SIGSYS', stdout: '-9\n-18\n' });
  expect(refusalsOf(ending).map((one) => [one.call, textsOf(one)?.[1]])).toEqual([
    ['mkdir', '0755'],
    ['ioctl', 'FIGETBSZ'],
  ]);
  expect(summaryOf(ending)?.refusals).toBe(2);
});

test('on a terminal it is a block for people, and the terminal is the program’s', async () => {
  const ending = await run(explained, {
    policy: 'default allow\ndefault errno EPERM mkdir\n',
    command: [refused(), 'open', '/some/where'],
    wrap: (words) => [program('pty'), '', ...words],
    env: { TERM: 'dumb' },
  });
  expect(ending.stdout).toContain('exit 7');
  const lines = ending.stdout.split('\r\n');
  const at = lines.findIndex((line) => line.startsWith('sandbox-run: errno EPERM: mkdir("/some/where", '));
  expect(at).toBeGreaterThanOrEqual(0);
  expect(lines.slice(at + 1, at + 5).map((line) => line.trim().split(/\s{2,}/)[0])).toEqual([
    'program',
    'by',
    'from',
    'to permit',
  ]);
  expect(lines[at + 2]).toContain('the default of this call, errno EPERM');
  expect(lines[at + 4]).toContain('allow mkdir');
});
