// What this kernel, container and process offer to a sandbox: facts, tried in children where trying is the only way to know.
// What follows from them for people is said in lib/cli/commands/doctor.ts.

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { type Abi, abis } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { signalName } from '../linux/signals.ts';
import { type Addon, probeKinds } from '../native.ts';
import { actionKinds, returnValue } from '../policy/action.ts';
import type { Action } from '../policy/model.ts';

export interface ActionFact {
  readonly action: Action['kind'];
  /** Whether the kernel says that it knows it. */
  readonly known: boolean;
  /** What really happened to a call that a filter answered so: `ENOTTY`, `SIGSYS`, `goes on`. */
  readonly happened: string;
  /** Whether that is what it should be. */
  readonly right: boolean;
}

export interface Facts {
  readonly kernel: string;
  readonly actions: readonly ActionFact[];
  readonly flags: Readonly<Record<string, boolean>>;
  /** 'yes', or the errno that a listener gets, or the signal that ends who asks for one. */
  readonly listener: string;
  /** Unconditional allows cost next to nothing: Linux 5.11. */
  readonly bitmap: boolean;
  readonly noNewPrivileges: boolean;
  /** 'yes', or the errno that a tracer gets for its own child, or the signal that ends it. */
  readonly ptrace: string;
  /** kernel.yama.ptrace_scope, 0…3; undefined without Yama. */
  readonly yama: number | undefined;
  readonly lockdown: string | undefined;
  readonly loadPin: boolean;
  /** Landlock's version; 0 where there is none. */
  readonly landlock: number;
  readonly i386: boolean;
  readonly x32: boolean;
  readonly user: number;
  readonly capabilities: readonly string[];
  /** Filters on this process already; undefined where /proc does not say. */
  readonly filters: number | undefined;
  readonly tracer: number;
  readonly pid: number;
}

const FLAGS = { TSYNC: 1, LOG: 2, SPEC_ALLOW: 4, NEW_LISTENER: 8, WAIT_KILLABLE_RECV: 8 | 32 } as const;
const EFAULT = -14;

/** Tries everything. Takes some milliseconds. */
export function gatherFacts(addon: Addon, abi: Abi): Facts {
  const status = readStatus();
  const errno = (value: number) => errnoName(-value, abi) ?? String(value);
  // Who tries it may be ended for that by an outer filter.
  const tried = (kind: number) => {
    const [value, ended] = addon.probe(kind, 0);
    if (ended === 0) return value >= 0 ? 'yes' : errno(value);
    return signalName(ended & 0x7f, abi) ?? `status ${ended}`;
  };
  const [landlock] = addon.probe(probeKinds.landlock, 0);
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return {
    kernel: release(),
    actions: actionKinds.map((kind) => tryAction(addon, abi, kind)),
    flags: Object.fromEntries(
      Object.entries(FLAGS).map(([name, bits]) => [name, addon.probe(probeKinds.flags, bits)[0] === EFAULT]),
    ),
    listener: tried(probeKinds.listener),
    bitmap: major > 5 || (major === 5 && minor >= 11),
    noNewPrivileges: status.get('NoNewPrivs') === '1',
    ptrace: tried(probeKinds.trace),
    yama: numberIn('/proc/sys/kernel/yama/ptrace_scope'),
    lockdown: /\[(\w+)\]/.exec(textOf('/sys/kernel/security/lockdown') ?? '')?.[1],
    loadPin: textOf('/proc/sys/kernel/loadpin/enforce')?.trim() === '1',
    landlock: Math.max(0, landlock),
    i386: works(addon.probe(probeKinds.i386, 0)),
    x32: works(addon.probe(probeKinds.x32, 0)),
    user: process.geteuid?.() ?? -1,
    capabilities: capabilitiesOf(BigInt(`0x${status.get('CapEff') ?? '0'}`)),
    filters: status.has('Seccomp_filters') ? Number(status.get('Seccomp_filters')) : undefined,
    tracer: Number(status.get('TracerPid') ?? 0),
    pid: process.pid,
  };
}

function works([value, status]: readonly [number, number]): boolean {
  return value === 0 && status === 0;
}

/** An errno that getppid never has of itself. */
const TRIED_ERRNO = 'ENOTTY';

function tryAction(addon: Addon, abi: Abi, kind: Action['kind']): ActionFact {
  const action: Action = kind === 'errno' ? { kind, errno: TRIED_ERRNO } : { kind };
  const value = returnValue(action, abi);
  // Data of an action is no part of what the kernel is asked about.
  const known = addon.probe(probeKinds.action, (value & 0xffff0000) >>> 0)[0] === 0;
  const [result, status] = addon.probe(probeKinds.filter, value);
  const signal = status & 0x7f;
  const happened =
    signal !== 0
      ? (signalName(signal, abi) ?? `signal ${signal}`)
      : result >= 0
        ? 'goes on'
        : (errnoName(-result, abi) ?? String(result));
  return { action: kind, known, happened, right: happened === expected[kind] };
}

/** seccomp(2): notify without a listener and trace without a tracer end as ENOSYS. */
const expected: Readonly<Record<Action['kind'], string>> = {
  kill: 'SIGSYS',
  'kill-thread': 'SIGSYS',
  trap: 'SIGSYS',
  errno: TRIED_ERRNO,
  notify: 'ENOSYS',
  trace: 'ENOSYS',
  log: 'goes on',
  allow: 'goes on',
};

/** include/uapi/linux/capability.h, in the order of the numbers. */
const CAPABILITIES =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'.split(
    ' ',
  );

function capabilitiesOf(mask: bigint): readonly string[] {
  return CAPABILITIES.filter((_, index) => (mask & (1n << BigInt(index))) !== 0n).map(
    (name) => `CAP_${name}`,
  );
}

/** /proc/self/status (proc_pid_status(5)). */
function readStatus(): ReadonlyMap<string, string> {
  return new Map(
    (textOf('/proc/self/status') ?? '').split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function numberIn(path: string): number | undefined {
  const text = textOf(path);
  return text === undefined ? undefined : Number(text);
}

/** The ABIs of this kernel beside its native one. */
export function foreignAbis(facts: Facts): readonly Abi[] {
  return [...(facts.i386 ? [abis.i386] : []), ...(facts.x32 ? [abis.x32] : [])];
}
