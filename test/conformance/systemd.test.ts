// Truth from outside: the sets of calls of the systemd that is installed (systemd-analyze syscall-filter), against the ones that we read
// units with, which are 257's. Sets grow from version to version, so ours may have more; what ours lack is named here with its reason.
// Needs Debian's systemd.

import { describe, expect, test } from 'vitest';
import { groupMembers } from '../../lib/linux/groups.ts';
import { isSyscallName } from '../../lib/linux/syscalls.ts';
import { installedSets } from './systemd-sets.ts';
import { missing } from './tools.ts';

const lacking = missing("systemd's sets", ['systemd-analyze (systemd)']);

/** Calls that were moved out of a set up to 257, by set. */
const moved: Readonly<Record<string, readonly string[]>> = {};

describe.skipIf(lacking !== undefined)('sets of calls', () => {
  const sets = lacking === undefined ? installedSets() : new Map<string, readonly string[]>();

  test('there are some', () => {
    expect(sets.size).toBeGreaterThan(20);
  });

  test.each([...sets.keys()])('%s has the installed version’s calls', (name) => {
    const own = groupMembers(name);
    expect(own).toBeDefined();
    const lost = sets
      .get(name)!
      .filter((call) => isSyscallName(call) && !own!.includes(call) && !(moved[name] ?? []).includes(call));
    expect(lost).toEqual([]);
  });
});
