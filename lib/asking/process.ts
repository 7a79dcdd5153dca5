// The filters that a running process has, read back from the kernel. Its first thread is asked; the others share its filters
// unless the program gave them more.

import { decode, type Program } from '../bpf/instruction.ts';
import { SandboxError } from '../errors.ts';
import type { Abi } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { type Addon, type FiltersFailure, loadAddon } from '../native.ts';

/** The filters of a process (or thread), the oldest first; none where it has none. It stands still for a moment. Throws
 * SandboxError, where rights are missing with what is needed. */
export function filtersOfProcess(
  pid: number,
  native: Abi,
  addon: Pick<Addon, 'filters'> = loadAddon(),
): readonly Program[] {
  try {
    return addon
      .filters(pid)
      .map((bytes) => decode(bytes, native.bigEndian))
      .reverse();
  } catch (error) {
    const { errno, step } = error as FiltersFailure;
    if (typeof errno !== 'number') throw error;
    throw failure(pid, step, errnoName(errno, native) ?? String(errno), error);
  }
}

function failure(pid: number, step: FiltersFailure['step'], errno: string, cause: unknown): SandboxError {
  const say = (message: string, advice: string) => new SandboxError(message, { advice, cause });
  if (errno === 'ESRCH') return say(`there is no process ${pid}`, 'ps lists those that there are');
  if (step === 'attach' && errno === 'EPERM') {
    return say(
      `process ${pid} may not be looked into: it is somebody else's, is traced already, or is this one itself`,
      'try as root, and end a debugger or strace that is attached to it',
    );
  }
  if (errno === 'EACCES') {
    return say(
      'the kernel shows filters only to CAP_SYS_ADMIN, and to nobody who is inside a filter',
      'run this as root, outside of any container or sandbox',
    );
  }
  if (errno === 'EIO' || errno === 'EINVAL') {
    return say(
      'this kernel cannot show filters',
      'it needs CONFIG_CHECKPOINT_RESTORE; sandbox-run inspect --bpf reads a file',
    );
  }
  if (errno === 'ETIMEDOUT') return say(`process ${pid} does not stop`, 'it hangs in the kernel; try later');
  return say(
    `the filters of process ${pid} cannot be read: ${errno}`,
    'see ptrace(2), PTRACE_SECCOMP_GET_FILTER',
  );
}
