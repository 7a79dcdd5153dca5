// Node raises its soft limit of open files to the hard one (src/node.cc, PlatformInit), and the program would inherit that:
// select() programs break above 1024, and some close every possible descriptor at start. What the limit was before is
// not recorded anywhere, but it nearly always came from the parent, and the parent's can be read.

import { readFileSync } from 'node:fs';

/** The soft RLIMIT_NOFILE to go back to, or -1 to leave it. The parent's, if it can be read; as PID 1 and across a PID
 * namespace or another user it cannot, and then nothing better is known than what is set now. */
export function openFilesBefore(parent: number = process.ppid): number {
  try {
    return parent > 0 ? softOpenFiles(readFileSync(`/proc/${parent}/limits`, 'latin1')) : -1;
  } catch {
    return -1;
  }
}

/** From the text of /proc/PID/limits (proc_pid_limits(5)); -1 if it says unlimited or nothing. */
export function softOpenFiles(limits: string): number {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? -1 : Number(soft);
}
