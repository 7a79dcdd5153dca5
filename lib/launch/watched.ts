// The filter of --explain and of `explain: true`: where the policy refuses, it asks a listener.

import { readFileSync } from 'node:fs';
import type { Program } from '../bpf/instruction.ts';
import { type Addon, probeKinds } from '../native.ts';

// include/uapi/linux/seccomp.h; include/uapi/linux/bpf_common.h.
const RET_USER_NOTIF = 0x7fc00000;
const RET_KILL_PROCESS = 0x80000000;
const RET_KILL_THREAD = 0x00000000;
const RET_TRAP = 0x00030000;
const RET_ERRNO = 0x00050000;
const RETURN_CONSTANT = 0x06;

export interface Watched {
  /** The proved program with its refusals handed to a listener: same tests, same way through them, another answer. */
  readonly program: Program;
  /** Why a watcher cannot trace here, which it needs to do more than give an errno; undefined where it can. It has to be told. */
  readonly untraced?: string;
  /** Whether the program has kill-thread or trap, and they are left to the kernel for that reason: done, but not told. */
  readonly isUntold: boolean;
}

export function watchedProgram(program: Program, addon: Pick<Addon, 'probe'>): Watched {
  const actionOf = (k: number) => (k & 0xffff0000) >>> 0;
  const has = (...actions: number[]) =>
    program.some((one) => one.code === RETURN_CONSTANT && actions.includes(actionOf(one.k)));
  const traced = [RET_KILL_THREAD, RET_TRAP];
  const untraced = has(RET_KILL_PROCESS, ...traced) ? whyNotTraced(addon) : undefined;
  const told = [RET_KILL_PROCESS, RET_ERRNO, ...(untraced === undefined ? traced : [])];
  return {
    program: program.map((one) =>
      one.code === RETURN_CONSTANT && told.includes(actionOf(one.k)) ? { ...one, k: RET_USER_NOTIF } : one,
    ),
    ...(untraced === undefined ? {} : { untraced }),
    isUntold: untraced !== undefined && has(...traced),
  };
}

/** Why a watcher could not trace every descendant of this process (native/core/answer.h). */
function whyNotTraced(addon: Pick<Addon, 'probe'>): string | undefined {
  const status = textOf('/proc/self/status') ?? '';
  if (!/^TracerPid:\s*0$/m.test(status)) return 'the program is traced already';
  const [traced, ended] = addon.probe(probeKinds.trace, 0);
  if (ended !== 0) return 'an outer sandbox ends who traces';
  if (traced !== 0) return `tracing is not permitted (errno ${-traced})`;
  const yama = Number(textOf('/proc/sys/kernel/yama/ptrace_scope') ?? 0);
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  // Scope 1 lets the watcher trace the program, but not the program's children.
  if (yama > 0 && (effective & CAP_SYS_PTRACE) === 0n) return `kernel.yama.ptrace_scope is ${yama}`;
  return undefined;
}

// include/uapi/linux/capability.h.
const CAP_SYS_PTRACE = 1n << 19n;

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
