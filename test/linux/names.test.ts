// The small tables: errors, signals, groups, versions, and finding the nearest name.

import { describe, expect, it } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { errnoName, errnoNames, errnoNumber, isErrnoName } from '../../lib/linux/errno.ts';
import { group, groupMembers, groups } from '../../lib/linux/groups.ts';
import { nearest } from '../../lib/linux/nearest.ts';
import { isSignalName, signalName, signalNames, signalNumber } from '../../lib/linux/signals.ts';
import { isSyscallName, syscallNames } from '../../lib/linux/syscalls.ts';
import { isNewerThan, kernelOf } from '../../lib/linux/versions.ts';

describe('errnos', () => {
  it('have numbers per ABI, and names back', () => {
    expect(errnoNumber('EPERM', abis.x86_64)).toBe(1);
    expect(errnoNumber('ENOSYS', abis.aarch64)).toBe(38);
    expect(errnoNumber('ENOSYS', abis.mips64)).toBe(89);
    expect(errnoName(89, abis.mipsel64)).toBe('ENOSYS');
    expect(errnoNumber('EDEADLOCK', abis.ppc64le)).toBe(58);
    expect(errnoName(11, abis.x86_64)).toBe('EAGAIN');
    expect(errnoName(35, abis.x86_64)).toBe('EDEADLK');
    expect(errnoNumber('EWOULDBLOCK', abis.x86_64)).toBe(11);
    expect(errnoNumber('ENOTSUP', abis.mips64)).toBe(errnoNumber('EOPNOTSUPP', abis.mips64));
    expect(errnoName(0, abis.x86_64)).toBeUndefined();
    expect(errnoNumber('ENOSUCHTHING', abis.x86_64)).toBeUndefined();
    expect(isErrnoName('toString')).toBe(false);
    for (const abi of Object.values(abis)) {
      for (const name of errnoNames()) {
        const number = errnoNumber(name, abi)!;
        expect(number).toBeGreaterThan(0);
        expect(errnoNumber(errnoName(number, abi)!, abi)).toBe(number);
      }
    }
  });
});

describe('signals', () => {
  it('have numbers per ABI, and names back', () => {
    expect(signalNumber('SIGKILL', abis.x86_64)).toBe(9);
    expect(signalNumber('SIGSYS', abis.x86_64)).toBe(31);
    expect(signalNumber('SIGSYS', abis.mips64)).toBe(12);
    expect(signalNumber('SIGEMT', abis.x86_64)).toBeUndefined();
    expect(signalNumber('SIGSTKFLT', abis.mips64)).toBeUndefined();
    expect(signalName(6, abis.x86_64)).toBe('SIGABRT');
    expect(signalName(29, abis.x86_64)).toBe('SIGIO');
    expect(signalNumber('SIGPOLL', abis.x86_64)).toBe(29);
    expect(isSignalName('SIGEMT')).toBe(true);
    expect(isSignalName('SIGFOO')).toBe(false);
    expect(new Set(signalNames(abis.x86_64).map((name) => signalNumber(name, abis.x86_64))).size).toBe(31);
  });
});

describe('groups', () => {
  it('have only members that some ABI has as a call', () => {
    for (const name of groups().keys()) {
      const members = groupMembers(name)!;
      expect(members.length, name).toBeGreaterThan(0);
      for (const member of members) expect(isSyscallName(member), `${name}: ${member}`).toBe(true);
      expect(group(name)!.help).not.toBe('');
    }
  });

  it('contain only groups that exist, and never themselves', () => {
    const visit = (name: string, above: readonly string[]) => {
      expect(above).not.toContain(name);
      expect(group(name), `${name} in ${above.join(' in ')}`).toBeDefined();
      for (const member of group(name)!.members) if (member.startsWith('@')) visit(member, [...above, name]);
    };
    for (const name of groups().keys()) visit(name, []);
    expect(groupMembers('@nosuch')).toBeUndefined();
  });

  it('are the ones of systemd 257 and ours', () => {
    expect(groupMembers('@system-service')!.length).toBeGreaterThan(350);
    expect(groupMembers('@kernel-code')).toContain('bpf');
    expect(groupMembers('@exec')).toEqual(['execve', 'execveat']);
  });
});

describe('kernel versions', () => {
  it('tell which kernel brought a call', () => {
    expect(kernelOf('openat2')).toEqual({ major: 5, minor: 6 });
    expect(kernelOf('read')).toEqual({ major: 2, minor: 6 });
    expect(kernelOf('nosuch')).toBeUndefined();
    expect(isNewerThan('cachestat', '6.1')).toBe(true);
    expect(isNewerThan('cachestat', '6.5')).toBe(false);
    expect(isNewerThan('openat2', '5.10')).toBe(false);
    expect(isNewerThan('epoll_pwait2', '5.9')).toBe(true);
    expect(isNewerThan('futex_waitv', '6.1.187')).toBe(false);
    expect(isNewerThan('nosuch', '1.0')).toBe(false);
    expect(() => isNewerThan('read', 'new')).toThrow(RangeError);
  });

  it('name only calls, each once, and all whose numbers are common to every ABI', () => {
    const common = syscallNames(abis.riscv64).filter((name) => kernelOf(name)!.major >= 5);
    expect(common.length).toBeGreaterThan(45);
    for (const name of syscallNames()) {
      const { major } = kernelOf(name)!;
      expect(major).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('nearest names', () => {
  const calls = syscallNames();

  it.each([
    ['opneat', 'openat'],
    ['OPENAT', 'openat'],
    ['raed', 'read'],
    ['sockett', 'socket'],
    ['getrandm', 'getrandom'],
    ['epoll_creat', 'epoll_create'],
    ['mprotec', 'mprotect'],
  ])('%s is %s', (word, name) => {
    expect(nearest(word, calls)[0]).toBe(name);
  });

  it('are few, or none', () => {
    expect(nearest('zzzzzzzz', calls)).toEqual([]);
    expect(nearest('', calls)).toEqual([]);
    expect(nearest('x', calls).length).toBeLessThanOrEqual(3);
    expect(nearest('landlock', calls)).toHaveLength(3);
    expect(nearest('landlock', calls).every((name) => name.startsWith('landlock_'))).toBe(true);
    expect(nearest('read', ['READ', 'read', 'raed'], 1)).toHaveLength(1);
  });

  it('are found quickly among thousands, whatever is asked', () => {
    const many = Array.from({ length: 5000 }, (_, index) => `SOME_CONSTANT_${index * 7919}`);
    nearest('SOME_CONSTANT_1', many);
    const times = [0, 1, 2, 3, 4].map((round) => {
      const start = performance.now();
      nearest(`SOME_CONSTNAT_${round}`, many);
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(15);
    const start = performance.now();
    nearest('x'.repeat(1_000_000), many);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
