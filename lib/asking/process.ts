// The filters that a running process has, read back from the kernel. Its first thread is asked; the others share its filters
// unless the program gave them more.

import { closeSync, openSync, readSync } from 'node:fs';
import { decode, type Program } from '../bpf/instruction.ts';
import { interpretAll } from '../bpf/interpret.ts';
import { SandboxError } from '../errors.ts';
import { type Abi, type AbiName, abis, familyOf } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { type Addon, type FiltersFailure, loadAddon } from '../native.ts';
import { actionOfReturn, permits } from '../policy/action.ts';

/** The filters of a process (or thread), the oldest first; none where it has none. It stands still for a moment; a sleep with
 * a time limit goes on, or begins anew where its filters refuse what would continue it (on x86-64; elsewhere such a filter acts). Throws
 * SandboxError, where rights are missing with what is needed. */
export function filtersOfProcess(
  pid: number,
  native: Abi,
  addon: Pick<Addon, 'filters'> = loadAddon(),
): readonly Program[] {
  try {
    return addon
      .filters(pid, (filters) =>
        permitsRestart(
          filters.map((bytes) => decode(bytes, native.bigEndian)),
          pid,
          native,
        ),
      )
      .map((bytes) => decode(bytes, native.bigEndian))
      .reverse();
  } catch (error) {
    const { errno, step } = error as FiltersFailure;
    if (typeof errno !== 'number') throw error;
    throw failure(pid, step, errnoName(errno, native) ?? String(errno), error);
  }
}

/** Whether an interrupted sleep can be continued by restart_syscall, through the ABI of the program. */
function permitsRestart(programs: readonly Program[], pid: number, native: Abi): boolean {
  return programAbis(pid, native).every((abi) => {
    const nr = syscallNumber(abi, 'restart_syscall');
    if (nr === undefined || programs.length === 0) return true;
    const { value } = interpretAll(programs, { nr, arch: abi.auditArch, args: [] }, abi.bigEndian);
    return permits(actionOfReturn(value));
  });
}

/** The ABI that a process's program is built for; all of the machine's where its file cannot be read. ELF: e_ident[EI_CLASS] is 1
 * for 32 bits, and e_machine, 16 bits at byte 18, tells i386 and arm from x32 (elf(5)). */
function programAbis(pid: number, native: Abi): readonly Abi[] {
  const family = familyOf(native.name).map((name) => abis[name]);
  const head = Buffer.alloc(20);
  try {
    const fd = openSync(`/proc/${pid}/exe`, 'r');
    try {
      if (readSync(fd, head, 0, head.length, 0) < head.length) return family;
    } finally {
      closeSync(fd);
    }
  } catch {
    return family;
  }
  if (head[4] !== 1) return [native];
  const machine = native.bigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18);
  const names: Readonly<Record<number, AbiName>> = { 3: 'i386', 40: 'arm', 62: 'x32' };
  const name = names[machine];
  return name === undefined ? family : [abis[name]];
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
