// Which calls each reached `syscall` instruction makes.

import type { Abi } from '../../linux/abi.ts';
import { newestNumber, syscallName } from '../../linux/syscalls.ts';
import { functionAt } from '../code/code.ts';
import { copiedRegister, fieldLoad } from '../code/x86-64/operations.ts';
import type { Module, Spot } from '../files/world.ts';
import { Kept } from '../kept.ts';
import { isReached, type Reach } from '../reach/reach.ts';
import { reachedOldCalls } from '../reach/vsyscall.ts';
import { bodyOf, operationAt } from './bodies.ts';
import { type Lost, valuesBefore } from './values.ts';

/** One instruction that makes system calls. */
export interface CallSite extends Spot {
  readonly names: readonly string[];
  /** Numbers that no call has. */
  readonly strange: readonly number[];
  /** Where the number could not be followed; empty: the names are all. */
  readonly lost: readonly Lost[];
  /** The number comes out of a structure, in the way of a C library that lets every thread change its identity. */
  readonly isSetId: boolean;
  /** A function that hands the number on may be looked up by name, and called with any number. */
  readonly isOpen: boolean;
  /** int 0x80 or sysenter: another ABI's numbers. */
  readonly isForeign: boolean;
}

/** A C library sends these to all threads through a structure with the number in it (glibc: nptl/nptl_setxid.c; musl:
 * src/unistd/setxid.c), because the kernel changes one thread only. */
export const setIdCalls = [
  'setuid',
  'setgid',
  'setreuid',
  'setregid',
  'setresuid',
  'setresgid',
  'setgroups',
] as const;

const RAX = 0;
/** How many instructions before a call its number is put into the register, at most. */
const NEAR = 12;
const REGISTERS = 16;

const plain = {
  names: [],
  strange: [],
  lost: [],
  isSetId: false,
  isOpen: false,
  isForeign: false,
} satisfies Partial<CallSite>;

export function callSites(reach: Reach, abi: Abi): readonly CallSite[] {
  const sites: CallSite[] = [];
  for (const module of reach.world.modules) {
    for (const address of module.code.syscalls) {
      if (isReached(reach, module, address)) sites.push(callSite(reach, { module, address }, abi));
    }
    for (const { address, name } of reachedOldCalls(reach, module))
      sites.push({ ...plain, module, address, names: [name] });
    for (const address of module.code.foreign) {
      if (isReached(reach, module, address)) sites.push({ ...plain, module, address, isForeign: true });
    }
  }
  return sites;
}

function callSite(reach: Reach, spot: Spot, abi: Abi): CallSite {
  const { constants, lost, isOpen } = valuesBefore(reach, spot, RAX);
  const names = new Set<string>();
  const strange: number[] = [];
  for (const value of constants) {
    // The kernel takes the low 32 bits, signed (arch/x86/entry/common.c, do_syscall_64).
    const name = syscallName(abi, value | 0);
    if (name !== undefined) names.add(name);
    else if ((value | 0) >= 0 && (value | 0) <= newestNumber(abi)) strange.push(value | 0);
  }
  const isSetId = lost.length > 0 && looksLikeSetId(spot.module, spot.address);
  return {
    ...plain,
    ...spot,
    names: [...names].sort(),
    strange,
    lost: isSetId ? [] : lost,
    isSetId,
    isOpen,
  };
}

const direct = new Kept<Module, Abi, ReadonlySet<string>>();

/** What a place that sends such calls to all threads can send. glibc's functions make the same call themselves where there is only one
 * thread, and write its number where it is sent from (sysdeps/nptl/setxid.h, INLINE_SETXID_SYSCALL): where a file holds a
 * function that does both, the call is sent only if it is reached there. musl's have no other place that makes it. */
export function identityChanges(
  { module }: CallSite,
  sites: readonly CallSite[],
  abi: Abi,
): readonly string[] {
  const own = direct.get(
    module,
    abi,
    () => new Set([...module.code.syscalls].flatMap((address) => sentCall(module, address, abi) ?? [])),
  );
  const reached = new Set(sites.flatMap((one) => (one.module === module ? one.names : [])));
  return setIdCalls.filter((name) => !own.has(name) || reached.has(name));
}

/** The call whose number is put into its register among the instructions just before, and which the same function writes to memory. */
function sentCall(module: Module, address: number, abi: Abi): string | undefined {
  const { addresses, positions } = bodyOf(module, functionAt(module.code, address));
  const position = positions.get(address) ?? 0;
  for (let at = position - 1; at >= Math.max(0, position - NEAR); at--) {
    const { register, writes, result } = operationAt(module.code, addresses[at]!);
    if (((writes >>> RAX) & 1) === 0) continue;
    const [origin] = result;
    if (register !== RAX || origin?.kind !== 'constant') return undefined;
    const number = BigInt.asIntN(32, origin.value);
    const isWritten = addresses.some((one) => {
      const [what] = operationAt(module.code, one).stored;
      return what?.kind === 'constant' && BigInt.asIntN(32, what.value) === number;
    });
    return isWritten ? syscallName(abi, Number(number)) : undefined;
  }
  return undefined;
}

/** Whether the number and all three arguments come out of one structure, within the instructions just before the call. */
function looksLikeSetId(module: Module, address: number): boolean {
  const { code } = module;
  const { addresses, positions } = bodyOf(module, functionAt(code, address));
  const position = positions.get(address) ?? 0;
  const fields = new Map<number, { base: number; offset: number }>();
  for (let at = position - 1; at >= Math.max(0, position - NEAR); at--) {
    const operation = operationAt(code, addresses[at]!);
    // What was read through a register behind this was read through what the register gets here: another's value, or one of its own.
    const value = copiedRegister(operation) ?? REGISTERS + at;
    for (const [to, field] of fields)
      if (field.base < REGISTERS && ((operation.writes >>> field.base) & 1) === 1)
        fields.set(to, { ...field, base: value });
    const field = fieldLoad(operation);
    if (field !== undefined && !fields.has(field.to)) fields.set(field.to, field);
  }
  const [number, first, second, third] = [RAX, 7, 6, 2].map((register) => fields.get(register));
  if (number === undefined || first === undefined || second === undefined || third === undefined)
    return false;
  if ([first, second, third].some((one) => one.base !== number.base)) return false;
  const offsets = [first, second, third].map((one) => one.offset - number.offset).join();
  return offsets === '8,16,24' || offsets === '-12,-8,-4';
}
