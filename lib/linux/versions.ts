// Which kernel brought a call. A policy that says `kernel 6.1` was written without knowing later calls, and answers them as unknown.

import { syscallVersions } from './data/syscall-versions.ts';
import { isSyscallName } from './syscalls.ts';

export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

let versions: ReadonlyMap<string, KernelVersion> | undefined;

/** The kernel that first had the call, on the architecture that had it first; 2.6 for all that are older. Undefined for a name that
 * is no call. */
export function kernelOf(name: string): KernelVersion | undefined {
  versions ??= read();
  return versions.get(name) ?? (isSyscallName(name) ? { major: 2, minor: 6 } : undefined);
}

/** Whether a call is newer than a kernel, given as `6.1` (or with more behind it: `6.1.187`). RangeError for another form. */
export function isNewerThan(name: string, kernel: string): boolean {
  const match = /^(\d+)\.(\d+)/.exec(kernel);
  if (match === null) throw new RangeError(`not a kernel version: ${kernel}`);
  const since = kernelOf(name);
  if (since === undefined) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return since.major > major || (since.major === major && since.minor > minor);
}

function read(): ReadonlyMap<string, KernelVersion> {
  const found = new Map<string, KernelVersion>();
  for (const row of syscallVersions.trimEnd().split(/\n(?! )/)) {
    const [version, names] = row.split(':');
    const [major, minor] = version!.split('.').map(Number);
    for (const name of names!.trim().split(/\s+/)) found.set(name, { major: major!, minor: minor! });
  }
  return found;
}
