// What the kernel does with a refused call, in a real kernel: each action, each way of linking, each way of calling.

import { describe, expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { errnoNumber } from '../../lib/linux/errno.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { faces, run } from './face.ts';
import { allBut, minimal } from './policies.ts';
import { canBuild32, type Linking, linkings, program } from './stage.ts';
import { notTried, users } from './users.ts';

const native = process.arch === 'arm64' ? abis.aarch64 : abis.x86_64;
const isX86 = process.arch === 'x64';
const nr = (name: string, abi = native) => String(syscallNumber(abi, name)! - abi.numberBase);
const EPERM = errnoNumber('EPERM', native)!;
const nativeLinkings = (Object.keys(linkings) as Linking[]).filter(
  (one) => one !== 'i386' && !one.startsWith('musl'),
);

if (!canBuild32) notTried('i386 programs', 'needs Debian packages gcc-12-multilib and libc6-dev-i386');

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    describe.each(nativeLinkings)('%s', (linking) => {
      test('what is permitted works', async () => {
        const command = [program('probe', linking), 'say', 'hello'];
        const ending = await run(face, { policy: minimal, command, user });
        expect(ending).toMatchObject({ status: 0, signal: null, stdout: 'hello\n', stderr: '' });
      });

      test('a refused call ends the program with SIGSYS', async () => {
        const command = [program('probe', linking), 'call', nr('getppid')];
        const ending = await run(face, { policy: minimal, command, user });
        expect(ending).toMatchObject({ status: null, signal: 'SIGSYS', stdout: '', stderr: '' });
      });

      test('execve is refused inside, although the launch works', async () => {
        const command = [program('probe', linking), 'exec', '/bin/true'];
        const policy = minimal.replace('default kill', 'default kill\nerrno EPERM execve, execveat');
        const ending = await run(face, { policy, command, user });
        expect(ending).toMatchObject({ status: 0, stdout: 'exec: EPERM\n' });
        const killed = await run(face, { policy: minimal, command, user });
        expect(killed).toMatchObject({ status: null, signal: 'SIGSYS' });
      });
    });

    test('a shell sees 159', async () => {
      const ending = await run(face, {
        policy: minimal,
        command: [program('probe'), 'call', nr('getppid')],
        user,
        wrap: (words) => ['/bin/sh', '-c', '"$@"; echo $?', 'sh', ...words],
      });
      expect(ending).toMatchObject({ status: 0, stdout: '159\n' });
    });

    test.each([
      ['kill', ['call', nr('getppid')], { signal: 'SIGSYS', stdout: '' }],
      ['kill', ['thread', nr('getppid')], { signal: 'SIGSYS', stdout: '' }],
      ['kill-thread', ['thread', nr('getppid')], { status: 0, stdout: 'the process lives\n' }],
      [
        'trap',
        ['trap', nr('getppid')],
        { status: 0, stdout: `trapped ${nr('getppid')} arch ${native.auditArch.toString(16)}\n` },
      ],
      ['trap', ['call', nr('getppid')], { signal: 'SIGSYS', stdout: '' }],
      ['errno EPERM', ['call', nr('getppid')], { status: 0, stdout: `-${EPERM}\n` }],
      ['errno 4095', ['call', nr('getppid')], { status: 0, stdout: '-4095\n' }],
      ['errno 0', ['call', nr('getppid')], { status: 0, stdout: '0\n' }],
      ['notify', ['call', nr('getppid')], { status: 0, stdout: `-${errnoNumber('ENOSYS', native)}\n` }],
      ['trace', ['call', nr('getppid')], { status: 0, stdout: `-${errnoNumber('ENOSYS', native)}\n` }],
      ['log', ['call', nr('getuid')], { status: 0, stdout: `${user.uid ?? process.getuid!()}\n` }],
      ['allow', ['call', nr('getuid')], { status: 0, stdout: `${user.uid ?? process.getuid!()}\n` }],
    ] as const)('%s: %s', async (action, words, expected) => {
      const name = words[1] === nr('getuid') ? 'getuid' : 'getppid';
      const policy = action === 'allow' ? allBut() : allBut(`${action} ${name}`);
      const ending = await run(face, { policy, command: [program('probe'), ...words], user });
      expect(ending).toMatchObject(expected);
    });

    test('an argument decides, as wide as the kernel reads it', async () => {
      const policy = allBut('errno EPERM ioctl(cmd == 0x5412)');
      const probe = program('probe');
      const refused = ['0x5412', '0x100005412', '0xffffffff00005412'];
      for (const cmd of refused) {
        const ending = await run(face, { policy, command: [probe, 'call', nr('ioctl'), '-1', cmd], user });
        expect(ending).toMatchObject({ stdout: `-${EPERM}\n`, stderr: '' });
      }
      const other = await run(face, { policy, command: [probe, 'call', nr('ioctl'), '-1', '0x5413'], user });
      expect(other.stdout).toBe(`-${errnoNumber('EBADF', native)}\n`);
    });

    test('a policy of several filters is installed whole, and each part refuses', async () => {
      // More values than fit into one filter of 4096 instructions, none next to another.
      const value = (call: number, index: number) => 2 * (30 * call + index) + 3;
      const rule = (call: number) =>
        `errno EPERM #${320 + call}(arg5 in {${Array.from({ length: 30 }, (_, index) => value(call, index)).join(', ')}})`;
      const rules = Array.from({ length: 100 }, (_, call) => rule(call));
      const policy = allBut(...rules, 'kill execve, seccomp');
      const probe = program('probe');
      const filters = async (how: { policy?: string }) => {
        const ending = await run(face, { ...how, command: [probe, 'status', 'Seccomp_filters'], user });
        return Number(/\d+/.exec(ending.stdout)?.[0]);
      };
      expect((await filters({ policy })) - (await filters({}))).toBeGreaterThan(1);
      for (const call of [0, 99]) {
        const words = [String(320 + call), '0', '0', '0', '0', '0', String(value(call, 29))];
        const ending = await run(face, { policy, command: [probe, 'call', ...words], user });
        expect(ending).toMatchObject({ status: 0, stdout: `-${EPERM}\n` });
      }
      for (const call of ['seccomp', 'execve']) {
        const ending = await run(face, { policy, command: [probe, 'call', nr(call)], user });
        expect(ending.signal).toBe('SIGSYS');
      }
    }, 60_000);

    describe.runIf(isX86)('calls through another ABI', () => {
      const bare = { user };

      test('int 0x80 from 64-bit code is refused, whatever the number means there', async () => {
        const command = [program('probe', 'static'), 'int80', nr('getpid', abis.i386)];
        expect((await run(face, { ...bare, command })).stdout).toMatch(/^\d+\n$/);
        for (const policy of [minimal, allBut()]) {
          const ending = await run(face, { ...bare, policy, command });
          expect(ending).toMatchObject({ status: null, signal: 'SIGSYS', stdout: '' });
        }
        const softer = await run(face, { ...bare, policy: `foreign errno EPERM\n${minimal}`, command });
        expect(softer.stdout).toBe(`-${EPERM}\n`);
      });

      test('numbers with bit 30 (x32) are refused', async () => {
        const command = [program('probe'), 'x32', nr('getpid')];
        for (const policy of [minimal, allBut()]) {
          const ending = await run(face, { ...bare, policy, command });
          expect(ending).toMatchObject({ status: null, signal: 'SIGSYS', stdout: '' });
        }
        const softer = await run(face, { ...bare, policy: `foreign errno EPERM\n${allBut()}`, command });
        expect(softer.stdout).toBe(`-${EPERM}\n`);
      });

      test.skipIf(!canBuild32)('an i386 program is refused, unless its ABI is served', async () => {
        const command = [program('probe', 'i386'), 'say', 'thirty-two'];
        expect((await run(face, { ...bare, command })).stdout).toBe('thirty-two\n');
        for (const policy of [minimal, allBut()]) {
          const ending = await run(face, { ...bare, policy, command });
          expect(ending).toMatchObject({ status: null, signal: 'SIGSYS', stdout: '' });
        }
        const policy = `abi x86_64, i386\n${allBut('errno EPERM getppid')}`;
        expect((await run(face, { ...bare, policy, command })).stdout).toBe('thirty-two\n');
        const call = [program('probe', 'i386'), 'call', nr('getppid', abis.i386)];
        expect((await run(face, { ...bare, policy, command: call })).stdout).toBe(`-${EPERM}\n`);
      });
    });
  });
}
