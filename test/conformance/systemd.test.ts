// Truth from outside: the sets of calls of the systemd that is installed (systemd-analyze syscall-filter), against the ones that we read
// units with, which are 257's. Sets grow from version to version, so ours may have more; what ours lack is named here with its reason.
// Needs Debian's systemd.

import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { groupMembers } from '../../lib/linux/groups.ts';
import { isSyscallName } from '../../lib/linux/syscalls.ts';
import { missing } from './tools.ts';

const lacking = missing("systemd's sets", ['systemd-analyze (systemd)']);

function installed(): ReadonlyMap<string, readonly string[]> {
  const text = execFileSync('systemd-analyze', ['--no-pager', 'syscall-filter'], { encoding: 'utf8' });
  const sets = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.split('\n')) {
    if (/^@[\w-]+$/.test(line)) {
      current = [];
      sets.set(line, current);
    } else if (/^ {4}[\w@-]+$/.test(line)) current.push(line.trim());
    // What follows the sets is about calls that are in none.
    else if (/^# (Ungrouped|Unlisted)/i.test(line)) break;
  }
  sets.delete('@known');
  return sets;
}

/** All calls of a set, with the sets in it. */
function members(sets: ReadonlyMap<string, readonly string[]>, name: string): readonly string[] {
  return (sets.get(name) ?? []).flatMap((one) => (one.startsWith('@') ? members(sets, one) : [one]));
}

/** Calls that were moved out of a set up to 257, by set. */
const moved: Readonly<Record<string, readonly string[]>> = {};

describe.skipIf(lacking !== undefined)('sets of calls', () => {
  const sets = lacking === undefined ? installed() : new Map<string, readonly string[]>();

  test('there are some', () => {
    expect(sets.size).toBeGreaterThan(20);
  });

  test.each([...sets.keys()])('%s has the installed version’s calls', (name) => {
    const own = groupMembers(name);
    expect(own).toBeDefined();
    const lost = members(sets, name).filter(
      (call) => isSyscallName(call) && !own!.includes(call) && !(moved[name] ?? []).includes(call),
    );
    expect(lost).toEqual([]);
  });
});
