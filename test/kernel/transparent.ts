// What a face without Node leaves as it came: everything that a process can read of itself, but the filter.

import { expect } from 'vitest';
import { type Face, run } from './face.ts';
import { allBut } from './policies.ts';
import type { User } from './users.ts';

/** Every line of /proc/self/status, limits and fdinfo is the same as behind a bare exec. */
export async function expectBareExec(face: Face, user: User): Promise<void> {
  // Signals ignored and blocked, limits, descriptors with offsets and flags, niceness, umask: whatever exec hands on.
  const setting = `
    trap '' HUP USR1 PIPE XFSZ; ulimit -S -n 77; ulimit -S -c 0; umask 027
    exec 3</etc/passwd 7>>/dev/null 40<>/dev/null; read -r line <&3; exec "$@"`;
  // Without what belongs to the moment or to the user's other processes (SigQ).
  const show = `grep -v -E '^(Pid|Tgid|NSpid|NStgid|NSpgid|PPid|Ngid|Vm|Rss|Hugetlb|voluntary|nonvoluntary|Mems|Cpus|SigQ|x86_Thread)' /proc/self/status
    cat /proc/self/limits; for fd in 0 1 2 3 7 40; do echo fd $fd; grep -v -E "mnt_id$([ $fd -gt 2 ] || echo '|^ino')" /proc/self/fdinfo/$fd; done`;
  const start = (policy?: string) =>
    run(face, {
      ...(policy === undefined ? {} : { policy }),
      command: ['/usr/bin/env', '--block-signal=USR2', '/bin/bash', '-c', show],
      user,
      wrap: (words) => ['/bin/bash', '-c', setting, 'bash', ...words],
    });
  // Only what a filter itself changes.
  const lines = (text: string) =>
    text.split('\n').filter((line) => !/^(NoNewPrivs|Seccomp|Seccomp_filters|Speculation\w*):/.test(line));
  const bare = await start();
  const inside = await start(allBut('errno EPERM getppid'));
  expect(inside.stderr).toBe('');
  expect(lines(bare.stdout).length).toBeGreaterThan(40);
  expect(lines(inside.stdout)).toEqual(lines(bare.stdout));
  expect(inside.stdout).toMatch(/^NoNewPrivs:\t1$/m);
  expect(inside.stdout).toMatch(/^SigIgn:\t[0-9a-f]*[1-9a-f][0-9a-f]*$/m);
}
