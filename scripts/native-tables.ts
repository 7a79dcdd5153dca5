// The kernel's tables for the faces without Node, written from lib/linux so that there is one source of every number. `npm run
// tables` writes them into native/core/tables/; they are kept in the repository, because a machine that builds the package
// has no TypeScript compiler, and test/launch/tables.test.ts holds them against lib/linux.

import { type Abi, abis } from '../lib/linux/abi.ts';
import { errnoNames, errnoNumber } from '../lib/linux/errno.ts';
import { groupMembers, groups } from '../lib/linux/groups.ts';
import { newestNumber, syscallNames, syscallNumber } from '../lib/linux/syscalls.ts';

/** The architectures of native/core/syscall.h. */
export const nativeTables: Readonly<Record<string, Abi>> = {
  'x86_64.h': abis.x86_64,
  'aarch64.h': abis.aarch64,
};

/** The text of one table: names with their numbers, groups as sets of bits by number, errors, each in the order of the bytes. */
export function renderTable(abi: Abi): string {
  const newest = newestNumber(abi);
  const words = Math.ceil((newest + 1) / 32);
  const names = [...syscallNames()].sort(byBytes);
  const rows = names.map((name) => `  {"${name}", ${syscallNumber(abi, name) ?? 'SR_ELSEWHERE'}},`);
  const sets = [...groups().keys()].sort(byBytes).map((name) => {
    const bits = new Uint32Array(words);
    for (const member of groupMembers(name) ?? []) {
      const number = syscallNumber(abi, member);
      if (number !== undefined) bits[number >> 5]! |= 1 << (number & 31);
    }
    return `  {"${name}", {${[...bits].map((word) => `0x${word.toString(16)}`).join(', ')}}},`;
  });
  const errors = [...errnoNames()].sort(byBytes).map((name) => `  {"${name}", ${errnoNumber(name, abi)}},`);
  return `// Written by scripts/native-tables.ts from lib/linux; do not edit. Calls, groups and errors of ${abi.name}.

#define SR_TABLE_ARCH 0x${abi.auditArch.toString(16)}U
#define SR_TABLE_HAS_X32 ${abi.name === 'x86_64' ? 1 : 0}
#define SR_NEWEST ${newest}
#define SR_GROUP_WORDS ${words}

static const struct sr_call_name sr_calls[] = {
${rows.join('\n')}
};

static const struct sr_group_name sr_groups[] = {
${sets.join('\n')}
};

static const struct sr_errno_name sr_errnos[] = {
${errors.join('\n')}
};
`;
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}
