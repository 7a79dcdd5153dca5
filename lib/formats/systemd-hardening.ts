// What systemd's hardening directives beside SystemCallFilter= do with seccomp, each as a policy of its own. Source: systemd.exec(5)
// and the functions of src/shared/seccomp-util.c that are named beside them; where versions differ, those of 252 and later.

import type { PolicyError } from '../errors.ts';
import { abis } from '../linux/abi.ts';
import { constantValue } from '../linux/constants.ts';
import { groupMembers } from '../linux/groups.ts';
import type { Action, Call, Condition, Operand, Origin, Policy, Value } from '../policy/model.ts';
import { namespaceFlags } from './namespaces.ts';

/** A line of a unit. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly origin: Origin;
  /** An error with the line's place. */
  error(message: string, advice?: string): PolicyError;
}

/** `settings`: all lines of the directive, of which there is at least one. undefined: it refuses nothing. */
type Make = (settings: readonly Setting[], exact: boolean, warnings: string[]) => Policy | undefined;

const name = (text: string): Value => ({ kind: 'name', name: text });
const call = (target: string, when?: Condition): Call => ({
  target: { kind: 'name', name: target },
  ...(when === undefined ? {} : { when }),
});
const eperm: Action = { kind: 'errno', errno: 'EPERM' };
const enosys: Action = { kind: 'errno', errno: 'ENOSYS' };

function denying(origin: Origin, ...lists: readonly (readonly [Action, readonly Call[]])[]): Policy {
  const statements = lists.flatMap(([action, calls]) =>
    calls.length === 0 ? [] : [{ action, calls, origin }],
  );
  return { default: { kind: 'allow' }, statements, defaults: [] };
}

/** An argument by its position, where only whole registers count, or by its name. */
function operand(exact: boolean, argument: string, index: number): Operand {
  return exact ? { argument: `arg${index}`, bits: 64 } : { argument };
}

/** systemd's words for yes and no. */
function truth(setting: Setting): boolean {
  const value = setting.value.toLowerCase();
  if (['1', 'yes', 'y', 'true', 't', 'on'].includes(value)) return true;
  if (['0', 'no', 'n', 'false', 'f', 'off', ''].includes(value)) return false;
  throw setting.error(`${setting.name}=${value.slice(0, 40)} is neither yes nor no`);
}

/** A directive that is on or off, of whose lines the last counts. */
function flag(make: (origin: Origin, exact: boolean, warnings: string[]) => Policy): Make {
  return (settings, exact, warnings) => {
    const last = settings.at(-1)!;
    return truth(last) ? make(last.origin, exact, warnings) : undefined;
  };
}

function refusing(...names: readonly string[]): Make {
  const all = names.flatMap((one) => (one.startsWith('@') ? (groupMembers(one) ?? []) : [one]));
  return flag((origin) => denying(origin, [eperm, all.map((one) => call(one))]));
}

/** seccomp_restrict_address_families */
const addressFamilies: Make = (settings, exact) => {
  let families: Set<string> | undefined;
  let isAllowList = true;
  let origin = settings[0]!.origin;
  for (const setting of settings) {
    origin = setting.origin;
    if (setting.value === '') {
      families = undefined;
      continue;
    }
    if (setting.value === 'none') {
      families = new Set();
      isAllowList = true;
      continue;
    }
    const isInverted = setting.value.startsWith('~');
    if (families === undefined) isAllowList = !isInverted;
    families ??= new Set();
    for (const word of setting.value.replace(/^~/, '').split(/\s+/).filter(Boolean)) {
      if (!/^AF_[A-Z0-9_]+$/.test(word) || constantValue(word, abis.x86_64) === undefined) {
        throw setting.error(
          `no address family is called ${word.slice(0, 40)}`,
          'they are written AF_UNIX, AF_INET …',
        );
      }
      if (isInverted !== isAllowList) families.add(word);
      else families.delete(word);
    }
  }
  if (families === undefined) return undefined;
  const refusal: Action = { kind: 'errno', errno: 'EAFNOSUPPORT' };
  if (families.size === 0) return isAllowList ? denying(origin, [refusal, [call('socket')]]) : undefined;
  const ranges = [...families].map((one) => ({ low: name(one), high: name(one) }));
  const isListed: Condition = { kind: 'in', operand: operand(exact, 'family', 0), ranges };
  return denying(origin, [refusal, [call('socket', isAllowList ? { kind: 'not', of: isListed } : isListed)]]);
};

/** seccomp_restrict_namespaces */
const namespaces: Make = (settings, exact) => {
  const every = Object.keys(namespaceFlags);
  let retained: Set<string> = new Set(every);
  let isSet = false;
  for (const setting of settings) {
    const { value } = setting;
    if (value === '') {
      retained = new Set(every);
      isSet = false;
    } else if (/^(1|yes|y|true|t|on|0|no|n|false|f|off)$/i.test(value)) {
      retained = new Set(truth(setting) ? [] : every);
      isSet = true;
    } else {
      const isInverted = value.startsWith('~');
      const words = value.replace(/^~/, '').split(/\s+/).filter(Boolean);
      for (const word of words) {
        if (!Object.hasOwn(namespaceFlags, word)) {
          throw setting.error(`no namespace is called ${word.slice(0, 40)}`, `there are ${every.join(', ')}`);
        }
      }
      if (!isSet) retained = new Set(isInverted ? every : []);
      for (const word of words) {
        if (isInverted) retained.delete(word);
        else retained.add(word);
      }
      isSet = true;
    }
  }
  const blocked = every.filter((one) => !retained.has(one)).map((one) => name(namespaceFlags[one]!));
  if (blocked.length === 0) return undefined;
  const mask: Value = blocked.length === 1 ? blocked[0]! : { kind: 'or', of: blocked };
  const anyOf = (argument: string, index: number): Condition => ({
    kind: 'any-bit',
    operand: operand(exact, argument, index),
    mask,
  });
  const zero: Condition = {
    kind: 'compare',
    operand: operand(exact, 'nstype', 1),
    op: '==',
    value: { kind: 'number', number: 0n },
  };
  // A descriptor of any kind of namespace can be entered with a type of 0.
  const setns =
    retained.size === 0 ? call('setns') : call('setns', { kind: 'or', of: [zero, anyOf('nstype', 1)] });
  const clone: Condition = {
    kind: 'any-bit',
    operand: exact ? { argument: 'arg0', bits: 64 } : { argument: 'clone_flags' },
    mask,
  };
  return denying(
    settings.at(-1)!.origin,
    [eperm, [call('unshare', anyOf('unshare_flags', 0)), call('clone', clone), setns]],
    // Its flags lie in memory.
    [enosys, [call('clone3')]],
  );
};

/** seccomp_memory_deny_write_execute */
const writeExecute = flag((origin, exact, warnings) => {
  warnings.push(
    'MemoryDenyWriteExecute=: the old mmap of i386 takes its arguments from memory and is refused nothing',
  );
  const prot = operand(exact, 'arg2', 2);
  const both: Condition = {
    kind: 'masked',
    operand: prot,
    mask: { kind: 'or', of: [name('PROT_EXEC'), name('PROT_WRITE')] },
    op: '==',
    value: { kind: 'or', of: [name('PROT_EXEC'), name('PROT_WRITE')] },
  };
  const any = (mask: string): Condition => ({ kind: 'any-bit', operand: prot, mask: name(mask) });
  return denying(origin, [
    eperm,
    [
      call('mmap', both),
      call('mmap2', both),
      call('mprotect', any('PROT_EXEC')),
      call('pkey_mprotect', any('PROT_EXEC')),
      call('shmat', any('SHM_EXEC')),
    ],
  ]);
});

/** seccomp_restrict_realtime */
const realtime = flag((origin, exact) => {
  const ordinary = ['SCHED_OTHER', 'SCHED_BATCH', 'SCHED_IDLE'];
  const values: Readonly<Record<string, bigint>> = { SCHED_OTHER: 0n, SCHED_BATCH: 3n, SCHED_IDLE: 5n };
  const ranges = ordinary.map((one) => {
    const value: Value = { kind: 'number', number: values[one]! };
    return { low: value, high: value };
  });
  const isOrdinary: Condition = { kind: 'in', operand: operand(exact, 'arg1', 1), ranges };
  return denying(origin, [eperm, [call('sched_setscheduler', { kind: 'not', of: isOrdinary })]]);
});

/** seccomp_restrict_suid_sgid */
const setId = flag((origin, exact) => {
  const mask: Value = { kind: 'or', of: [name('S_ISUID'), name('S_ISGID')] };
  const mode = (index: number): Condition => ({
    kind: 'any-bit',
    operand: operand(exact, `arg${index}`, index),
    mask,
  });
  const creating = (flags: number): Condition => ({
    kind: 'and',
    of: [
      { kind: 'any-bit', operand: operand(exact, `arg${flags}`, flags), mask: name('O_CREAT') },
      mode(flags + 1),
    ],
  });
  const places: Readonly<Record<string, number>> = {
    ...{
      chmod: 1,
      fchmod: 1,
      fchmodat: 2,
      fchmodat2: 2,
      mkdir: 1,
      mkdirat: 2,
      mknod: 1,
      mknodat: 2,
      creat: 1,
    },
  };
  const modes = Object.entries(places).map(([one, index]) => call(one, mode(index)));
  return denying(
    origin,
    [eperm, [...modes, call('open', creating(1)), call('openat', creating(2))]],
    // Its mode lies in memory.
    [enosys, [call('openat2')]],
  );
});

/** seccomp_lock_personality, with the personality that programs have. */
const personality = flag((origin, exact) => {
  const other: Condition = {
    kind: 'compare',
    operand: operand(exact, 'personality', 0),
    op: '!=',
    value: { kind: 'number', number: 0n },
  };
  return denying(origin, [eperm, [call('personality', other)]]);
});

export const hardening: ReadonlyMap<string, Make> = new Map([
  ['RestrictAddressFamilies', addressFamilies],
  ['RestrictNamespaces', namespaces],
  ['MemoryDenyWriteExecute', writeExecute],
  ['RestrictRealtime', realtime],
  ['RestrictSUIDSGID', setId],
  ['LockPersonality', personality],
  ['ProtectClock', refusing('@clock')],
  ['ProtectKernelModules', refusing('@module')],
  ['ProtectKernelLogs', refusing('syslog')],
  ['ProtectHostname', refusing('sethostname', 'setdomainname')],
  ['PrivateDevices', refusing('@raw-io')],
  ['ProtectKernelTunables', refusing('_sysctl')],
]);
