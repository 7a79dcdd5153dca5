// Where the launch happens: as PID 1, inside another sandbox, under a tracer; and what the program cannot gain: setuid.

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { faces, run } from './face.ts';
import { allBut, minimal } from './policies.ts';
import { file, program, stage } from './stage.ts';
import { isRoot, notTried, ordinary, pidNamespace, tellUsersNotTried, users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const getppid = String(syscallNumber(native, 'getppid'));
const all = allBut();

/** A copy of the probe with another mode. */
function probeWithMode(mode: number): string {
  const copy = join(stage, `probe-${mode.toString(8)}`);
  // An earlier copy may be one that its owner cannot write.
  rmSync(copy, { force: true });
  copyFileSync(program('probe'), copy);
  chmodSync(copy, mode);
  return copy;
}

const hasStrace = spawnSync('strace', ['-V']).status === 0;
tellUsersNotTried();
if (!hasStrace) notTried('which calls stand between seccomp and exec', 'needs Debian package strace');

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    const unshare = pidNamespace(user);
    if (unshare === undefined) notTried(`PID 1 as ${user.name}`, 'no right to make a PID namespace here');

    describe.runIf(unshare !== undefined)('as PID 1 of a PID namespace', () => {
      const wrap = (words: readonly string[]) => [...unshare!, ...words];

      test('the program is PID 1, filtered, without children', async () => {
        const start = (words: string[], policy = all) =>
          run(face, { policy, command: [program('probe'), ...words], user, wrap });
        expect((await start(['pid'])).stdout).toBe('1\n');
        expect((await start(['status', 'Seccomp'])).stdout).toBe('Seccomp:\t2\n');
        expect((await start(['child'])).stdout).toBe('-1 ECHILD\n');
        expect(await start(['exit', '42'])).toMatchObject({ status: 42, stderr: '' });
      });

      test('a refused call ends it', async () => {
        const ending = await run(face, {
          policy: minimal,
          command: [program('probe'), 'call', getppid],
          user,
          wrap,
        });
        // unshare dies of the signal that its child died of, or exits with 128 and its number.
        expect([ending.signal, ending.status]).toEqual(
          ending.signal === null ? [null, 159] : ['SIGSYS', null],
        );
      });

      test('a program that does not exist is reported', async () => {
        const ending = await run(face, { policy: minimal, command: ['/nonexistent'], user, wrap });
        expect(ending).toMatchObject({ status: 127 });
      });
    });

    test('nested in itself: both filters apply', async () => {
      const inner = face.command(file(allBut('errno EPERM getppid')), [program('probe'), 'call', getppid]);
      const nested = await run(face, { policy: allBut('errno EPERM getuid'), command: inner, user });
      expect(nested).toMatchObject({ status: 0, stdout: '-1\n', stderr: '' });
      const outer = await run(face, { policy: allBut('errno EACCES getppid'), command: inner, user });
      // Of two errnos the kernel takes the one of the filter that was installed last.
      expect(outer).toMatchObject({ status: 0, stdout: '-1\n' });
      const stricter = await run(face, { policy: allBut('kill getppid'), command: inner, user });
      expect(stricter).toMatchObject({ signal: 'SIGSYS' });
      const depth = face.command(
        file(all),
        face.command(file(all), [program('probe'), 'status', 'Seccomp_filters']),
      );
      const base = await run(face, { command: [program('probe'), 'status', 'Seccomp_filters'], user });
      const deep = await run(face, { policy: all, command: depth, user });
      const count = (text: string) => Number(/\d+/.exec(text)?.[0]);
      expect(count(deep.stdout) - count(base.stdout)).toBe(3);
    });

    test('the inner exec does not pass the outer filter’s gate', async () => {
      const inner = face.command(file(all), [program('probe'), 'say', 'started']);
      const ending = await run(face, { policy: allBut('errno EPERM execve'), command: inner, user });
      expect(ending).toMatchObject({ status: 126, stdout: '' });
      expect(ending.stderr).toMatch(/not permitted \(EPERM\)/);
      const killed = await run(face, { policy: allBut('kill execve'), command: inner, user });
      expect(killed).toMatchObject({ signal: 'SIGSYS', stdout: '' });
    });

    test.each([
      ['seccomp', /filters cannot be installed here|seccomp is not available/],
      ['prctl', /no_new_privs cannot be set/],
      // Not getrandom: without it Node itself does not start.
    ])('an outer sandbox that refuses %s: exit 125, and the program is not started', async (call, message) => {
      const inner = face.command(file(all), [program('probe'), 'say', 'started']);
      const ending = await run(face, { policy: allBut(`errno EPERM ${call}`), command: inner, user });
      expect(ending).toMatchObject({ status: 125, stdout: '' });
      expect(ending.stderr).toMatch(message);
      expect(ending.stderr).toMatch(/outer sandbox/);
    });

    test.runIf(hasStrace)(
      'between the filter and exec there is no other call, and handlers are gone before',
      async () => {
        const log = join(stage, `strace-${user.name.replaceAll(' ', '-')}`);
        file('', `strace-${user.name.replaceAll(' ', '-')}`, 0o666);
        const ending = await run(face, {
          policy: minimal,
          command: [program('probe'), 'say', 'traced'],
          user,
          wrap: (words) => ['strace', '-o', log, ...words],
        });
        expect(ending).toMatchObject({ status: 0, stdout: 'traced\n' });
        const calls = readFileSync(log, 'utf8').split('\n');
        const filter = calls.findIndex((line) => line.startsWith('seccomp(SECCOMP_SET_MODE_FILTER'));
        expect(filter).toBeGreaterThan(0);
        expect(calls[filter + 1]).toMatch(/^execve\(/);
        if (!face.hasNode) return;
        // Node has a handler for SIGUSR1: it is set back before the filter, so that it cannot run inside.
        const last = (signal: string) =>
          calls.slice(0, filter).findLast((line) => line.startsWith(`rt_sigaction(${signal}, {`));
        for (const signal of ['SIGUSR1', 'SIGPIPE', 'SIGXFSZ']) expect(last(signal)).toContain('SIG_DFL');
      },
    );
  });

  describe.runIf(ordinary !== undefined)(`${face.name} without privileges`, () => {
    const user = ordinary!;

    test('an unreadable program (0111) runs', async () => {
      const unreadable = probeWithMode(0o111);
      const cat = await run(face, { command: ['cat', unreadable], user });
      expect(cat).toMatchObject({ status: 1, stdout: '' });
      const ending = await run(face, { policy: minimal, command: [unreadable, 'say', 'unread'], user });
      expect(ending).toMatchObject({ status: 0, stdout: 'unread\n', stderr: '' });
      const refused = await run(face, { policy: minimal, command: [unreadable, 'call', getppid], user });
      expect(refused).toMatchObject({ signal: 'SIGSYS' });
    });

    const setuid = isRoot ? probeWithMode(0o4755) : undefined;
    const bare =
      setuid && spawnSync(setuid, ['users'], { uid: user.uid, gid: user.gid, encoding: 'utf8' }).stdout;
    const elevates = bare === `${user.uid} 0 0\n`;
    if (!elevates)
      notTried(
        'that a setuid program is not elevated',
        isRoot ? `${stage} is mounted nosuid` : 'only root can make one',
      );

    test.runIf(elevates)('a setuid program is not elevated', async () => {
      const ending = await run(face, { policy: all, command: [setuid!, 'users'], user });
      expect(ending).toMatchObject({ status: 0, stdout: `${user.uid} ${user.uid} ${user.uid}\n` });
    });
  });
}
