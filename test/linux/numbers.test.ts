// Our numbers against Debian's kernel headers, both ways: every call that the headers have, and no old call that they lack.

import { describe, expect, it } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { newestNumber, syscallName, syscallNames, syscallNumber } from '../../lib/linux/syscalls.ts';
import { isNewerThan } from '../../lib/linux/versions.ts';
import {
  type HeaderSet,
  headerSets,
  loongarch,
  macrosOf,
  unavailable,
  valuesOf,
  versionOf,
} from './headers.ts';

/** What the headers define beside calls. */
const notCalls = new Set([
  'Linux',
  'syscalls',
  'arch_specific_syscall',
  'SYSCALL_MASK',
  'SYSCALL_BASE',
  'BASE',
]);
const notCall = (name: string) => notCalls.has(name) || /^reserved\d+$|^OABI_/.test(name);

/** Other names of a call that our table has under its first one. */
const aliases: Readonly<Record<string, string>> = { 'arm sync_file_range2': 'arm_sync_file_range' };

/** Calls that reached an architecture after the kernel that first had them. */
const cameLater = new Set(['s390x memfd_secret', 'loongarch64 fstat', 'loongarch64 newfstatat']);

function numbersIn(set: HeaderSet): Map<string, number> {
  const include = '#include <asm/unistd.h>\n';
  const macros = [...macrosOf(set, include).keys()].filter((name) => /^__(ARM_)?NR_/.test(name));
  const numbers = new Map<string, number>();
  for (const [macro, value] of valuesOf(set, include, macros)) {
    const name = macro.replace(/^__(ARM_)?NR(3264)?_/, '');
    if (!notCall(name)) numbers.set(name, Number(value));
  }
  return numbers;
}

const sets = [...headerSets, loongarch()];

describe('system call numbers against the kernel headers', () => {
  for (const set of sets) {
    const reason = unavailable(set);
    it.skipIf(reason !== undefined)(`${set.abi}${reason === undefined ? '' : ` ${reason}`}`, () => {
      const abi = abis[set.abi];
      const theirs = numbersIn(set);
      expect(theirs.size).toBeGreaterThan(250);
      const wrong: string[] = [];
      for (const [name, number] of theirs) {
        const ours = syscallNumber(abi, aliases[`${set.abi} ${name}`] ?? name);
        if (ours !== number) wrong.push(`${name}: ${number}, ours ${ours}`);
      }
      const [major, minor] = versionOf(set);
      for (const name of syscallNames(abi)) {
        if (theirs.has(name) || isNewerThan(name, `${major}.${minor}`)) continue;
        if (cameLater.has(`${set.abi} ${name}`)) continue;
        wrong.push(`${name}: only in our table`);
      }
      expect(wrong).toEqual([]);
    });
  }
});

describe('system call numbers', () => {
  it('have x32 with bit 30 and mips64 from 5000', () => {
    expect(syscallNumber(abis.x32, 'read')).toBe(0x40000000);
    expect(syscallNumber(abis.mips64, 'read')).toBe(5000);
    expect(syscallName(abis.mipsel64, 5001)).toBe('write');
    expect(syscallName(abis.x32, 1)).toBeUndefined();
  });

  it('do not count private ranges as the newest', () => {
    expect(syscallNumber(abis.arm, 'cacheflush')).toBe(0xf0002);
    expect(newestNumber(abis.arm)).toBeLessThan(1000);
  });
});
