// Prototypes: complete, well formed, and the same as those that the running kernel traces.

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { parameterNames, parametersOf } from '../../lib/linux/arguments.ts';
import { constantFamilies, familyConstants } from '../../lib/linux/constants.ts';
import { argumentConstants } from '../../lib/linux/data/argument-constants.ts';
import { isSyscallName, syscallNames } from '../../lib/linux/syscalls.ts';

/** Numbers that no kernel of ours has ever implemented, or only ENOSYS stands behind: sys_ni_syscall in the tables of arch/. */
const neverImplemented = new Set(
  `afs_syscall break ftime getpmsg gtty idle lock mpx multiplexer prof profil putpmsg security stty
   sys_debug_setcontext timerfd tuxcall ulimit vserver`.split(/\s+/),
);

const all = Object.values(abis).flatMap((abi) => syscallNames(abi).map((name) => ({ abi, name })));

describe('prototypes', () => {
  it('are there for every call that some kernel implements', () => {
    const missing = all
      .filter(({ abi, name }) => parametersOf(name, abi) === undefined)
      .map(({ name }) => name);
    expect(new Set(missing)).toEqual(neverImplemented);
  });

  it('have at most six registers, and no name twice', () => {
    for (const { abi, name } of all) {
      const parameters = parametersOf(name, abi) ?? [];
      expect(parameters.length, name).toBeLessThanOrEqual(6);
      const names = parameters.flatMap((parameter) => parameter.names);
      expect(new Set(names).size, `${name} on ${abi.name}`).toBe(names.length);
      for (const one of names) expect(one).toMatch(/^[a-z_][a-z0-9_]*$/);
    }
  });

  it('never exceed the words of their ABI, and never look like arg0', () => {
    for (const { abi, name } of all) {
      for (const parameter of parametersOf(name, abi) ?? []) {
        expect(parameter.bits, `${name} on ${abi.name}: ${parameter.type}`).toBeLessThanOrEqual(abi.wordBits);
        expect(
          parameter.names.some((one) => /^arg[01]$/.test(one) && name !== 'sysfs' && name !== 'sysmips'),
        ).toBe(false);
      }
    }
  });

  it('know nothing of names that are no calls', () => {
    for (const name of ['', 'nosuch', 'open ', 'openat(', 'open@', 'clone@i386', '#']) {
      expect(parametersOf(name, abis.x86_64), name).toBeUndefined();
      expect(parameterNames(name), name).toEqual([]);
    }
  });
});

describe('widths and signs', () => {
  const shape = (name: string, index: number, abi = abis.x86_64) => {
    const parameter = parametersOf(name, abi)![index]!;
    return `${parameter.signed ? 's' : 'u'}${parameter.bits}${parameter.pointer ? '*' : ''}`;
  };

  it.each([
    ['ioctl', 1, 'u32'],
    ['ioctl', 2, 'u64'],
    ['openat', 0, 's32'],
    ['openat', 1, 'u64*'],
    ['openat', 2, 's32'],
    ['openat', 3, 'u16'],
    ['lseek', 1, 's64'],
    ['mmap', 2, 'u64'],
    ['mmap', 4, 's32'],
    ['clone', 0, 'u32'],
    ['unshare', 0, 'u64'],
    ['ptrace', 0, 's64'],
    ['ptrace', 1, 's32'],
    ['setuid', 0, 'u32'],
    ['readv', 0, 'u32'],
    ['capset', 0, 'u64*'],
    ['pread64', 3, 's64'],
    ['sched_setaffinity', 1, 'u32'],
    ['fanotify_mark', 2, 'u64'],
  ])('%s argument %i is %s', (name, index, expected) => {
    expect(shape(name, index)).toBe(expected);
  });

  it('follow the ABI', () => {
    expect(shape('ioctl', 2, abis.i386)).toBe('u32');
    expect(shape('chown', 1, abis.i386)).toBe('u16');
    expect(shape('chown32', 1, abis.i386)).toBe('u32');
    expect(shape('ptrace', 0, abis.x32)).toBe('s32');
    const names = (name: string, abi = abis.x86_64) => parametersOf(name, abi)!.map((one) => one.names[0]);
    expect(names('clone')).toEqual(['clone_flags', 'newsp', 'parent_tidptr', 'child_tidptr', 'tls']);
    expect(names('clone', abis.aarch64)).toEqual([
      'clone_flags',
      'newsp',
      'parent_tidptr',
      'tls',
      'child_tidptr',
    ]);
    expect(names('clone', abis.s390x).slice(0, 2)).toEqual(['newsp', 'clone_flags']);
    expect(names('clone', abis.loongarch64)).toEqual(names('clone'));
    expect(names('pread64', abis.i386)).toEqual(['fd', 'buf', 'count', 'pos_lo', 'pos_hi']);
    expect(names('pread64', abis.arm)).toEqual(['fd', 'buf', 'count', 'pad', 'pos_lo', 'pos_hi']);
    expect(names('mmap', abis.s390x)).toEqual(['arg']);
    expect(names('pipe', abis.mipsel64)).toEqual([]);
  });

  it('have the names of the manual pages', () => {
    for (const [call, ...names] of [
      ['socket', 'domain', 'family', 'type', 'protocol'],
      ['clone', 'flags', 'clone_flags', 'stack'],
      ['madvise', 'advice', 'behavior', 'addr'],
      ['ioctl', 'cmd', 'request', 'op', 'arg', 'argp'],
      ['openat', 'dirfd', 'dfd', 'pathname', 'path', 'filename', 'flags', 'mode'],
      ['prctl', 'option', 'op', 'arg2', 'arg5'],
      ['setns', 'nstype', 'flags'],
      ['unshare', 'flags'],
      ['personality', 'persona'],
      ['fcntl', 'op', 'cmd', 'arg'],
      ['umount2', 'flags', 'target'],
      ['fstat', 'fd', 'statbuf'],
      ['sendfile', 'out_fd', 'in_fd', 'offset', 'count'],
      ['uname', 'buf'],
      ['mmap', 'addr', 'length', 'len', 'prot', 'flags', 'fd', 'offset', 'arg'],
    ] as const) {
      expect(parameterNames(call)).toEqual(expect.arrayContaining(names));
    }
  });
});

describe('families of arguments', () => {
  const rows = argumentConstants
    .trim()
    .split('\n')
    .map((row) => row.split(/[.: ]+/));

  it('name parameters and families that exist', () => {
    const families = new Set(constantFamilies());
    for (const [call, parameter, family, kind] of rows) {
      expect(isSyscallName(call!), call).toBe(true);
      const holders = Object.values(abis).filter((abi) =>
        parametersOf(call!, abi)?.some(
          (one) => one.names[0] === parameter && one.constants?.family === family,
        ),
      );
      expect(holders.length, `${call}.${parameter}`).toBeGreaterThan(0);
      expect(families.has(family!), family).toBe(true);
      expect(['flags', 'enum']).toContain(kind);
    }
    expect(new Set(rows.map(([call, parameter]) => `${call}.${parameter}`)).size).toBe(rows.length);
  });

  it('fit the width of the argument', () => {
    const wrong: string[] = [];
    for (const { abi, name } of all) {
      for (const parameter of parametersOf(name, abi) ?? []) {
        if (parameter.constants === undefined) continue;
        for (const one of familyConstants(parameter.constants.family, abi)) {
          const limit = 1n << BigInt(parameter.bits);
          if (one.value >= limit || one.value < -limit / 2n)
            wrong.push(`${name}.${parameter.names[0]}: ${one.name}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** Format files of the running kernel's trace points, where they can be had: mounted, or in a mount namespace of our own. */
function traced(): string | undefined {
  const list = 'cat "$0"/events/syscalls/sys_enter_*/format';
  for (const words of [
    ['sh', '-c', list, '/sys/kernel/tracing'],
    ['unshare', '-m', 'sh', '-c', `mount -t tracefs none "$0" && ${list}`, '/mnt'],
  ]) {
    const run = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (run.status === 0 && run.stdout.includes('sys_enter_openat')) return run.stdout;
  }
  return undefined;
}

describe('prototypes against the running kernel', () => {
  const text = process.arch === 'x64' ? traced() : undefined;
  const names: Readonly<Record<string, string>> = {
    newfstat: 'fstat',
    newlstat: 'lstat',
    newstat: 'stat',
    newuname: 'uname',
    sendfile64: 'sendfile',
    umount: 'umount2',
  };

  it.skipIf(text === undefined)(
    `names and types${text === undefined ? ' (needs root and tracefs on x86_64)' : ''}`,
    () => {
      const plain = (type: string) => type.replace(/\bconst\b|\s+/g, '');
      const wrong: string[] = [];
      let calls = 0;
      for (const block of text!.split(/^name: sys_enter_/m).slice(1)) {
        const traceName = block.slice(0, block.indexOf('\n'));
        const name = names[traceName] ?? traceName;
        const ours = parametersOf(name, abis.x86_64);
        if (!isSyscallName(name)) continue;
        calls++;
        const theirs = [
          ...block.matchAll(
            /field:(?!unsigned short|unsigned char common|int common|int __syscall)([^;]*?)(\w+);/g,
          ),
        ]
          .map((match) => `${plain(match[1]!)} ${match[2]}`)
          .filter((one) => !one.includes('__syscall_nr') && !one.includes('common_'));
        const mine = ours?.map((one) => `${plain(one.type)} ${one.names[0]}`);
        if (mine === undefined || mine.join() !== theirs.join()) wrong.push(`${name}: ${theirs} | ${mine}`);
      }
      expect(calls).toBeGreaterThan(300);
      expect(wrong).toEqual([]);
    },
  );
});
