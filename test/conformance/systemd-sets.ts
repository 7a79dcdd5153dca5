// The sets of calls of the systemd that is installed, as it tells them (`systemd-analyze syscall-filter`).

import { execFileSync } from 'node:child_process';

/** Set → its calls, those of sets in it too, in systemd's order. Names are systemd's, and not all are known here. */
export function installedSets(): ReadonlyMap<string, readonly string[]> {
  const words = ['--no-pager', 'syscall-filter'];
  const text = execFileSync('systemd-analyze', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
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
  const members = (name: string): readonly string[] =>
    (sets.get(name) ?? []).flatMap((one) => (one.startsWith('@') ? members(one) : [one]));
  return new Map([...sets.keys()].map((name) => [name, members(name)]));
}
