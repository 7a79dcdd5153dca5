// Whether what is done for mutexes with a priority ceiling can happen (code/conditional.ts says what that is): whether anything that was reached
// can make such a mutex, or can come to one that another process made, in memory that is shared with it.

import { type Abi, abis } from '../../linux/abi.ts';
import { constantValue } from '../../linux/constants.ts';
import { syscallNumber } from '../../linux/syscalls.ts';
import { functionAt } from '../code/code.ts';
import { VDSO } from '../files/vdso.ts';
import { imports, isCLibrary, isLoader, type Module, type Spot } from '../files/world.ts';
import type { Bits } from '../values/bits.ts';
import { contextsBefore, valuesBefore } from '../values/values.ts';
import { isFunctionReached, isImportReached, isReached, type Reach } from './reach.ts';

/** Functions that make one, or ask about ceilings, for which the scheduler is asked, too. */
const MAKERS = [
  'pthread_mutexattr_setprotocol',
  'pthread_mutexattr_setprioceiling',
  'pthread_mutexattr_getprioceiling',
  'pthread_mutex_setprioceiling',
];
/** Functions, and calls, that can give memory which other processes write; those whose flags say so. */
const SHARES = ['shmat', 'remap_file_pages'];
const MAPS = ['mmap', 'mmap64'];
const SHARING = new RegExp(`^(${SHARES.join('|')})$`);
const ANY = new RegExp(`^(${[...SHARES, ...MAPS, 'syscall'].join('|')})$`);
/** What else is the C library's, which itself puts no mutex into such memory. */
const C_LIBRARYS = /^lib(pthread|rt)\.so/;

/** Where flags are for mmap(2) the function and the call, and numbers for syscall(2) and the call (System V ABI, AMD64, 3.2.3 and A.2.1). */
const RAX = 0;
const RCX = 1;
const RDI = 7;
const R10 = 10;
const BUDGET = 3_000;

const abi: Abi = abis.x86_64;

export function isMutexPossible(reach: Reach): boolean {
  const { definitions, modules } = reach.world;
  const reached = (names: readonly string[]) =>
    names
      .flatMap((name) => definitions.get(name) ?? [])
      .map(({ module, symbol }) => ({ module, address: symbol.address }))
      .filter(({ module, address }) => {
        const index = functionAt(module.code, address);
        return index >= 0 && isFunctionReached(reach, module, index);
      });
  return (
    reached(MAKERS).length > 0 ||
    reached([...SHARES, ...MAPS]).some(({ module, address }) =>
      reach.lookedUp.has(module.base + functionAt(module.code, address)),
    ) ||
    reached(MAPS).some((spot) => isShared(reach, spot, RCX)) ||
    reached(['syscall']).some((spot) => numbersShare(reach, spot, RDI)) ||
    modules.some((module) => canShare(reach, module))
  );
}

const isOwn = (module: Module): boolean =>
  isLoader(module) || isCLibrary(module) || C_LIBRARYS.test(module.code.dynamic?.soname ?? '');

function canShare(reach: Reach, module: Module): boolean {
  const { code, path } = module;
  if (path === VDSO || isOwn(module)) return false;
  if (module.isSurface) return imports(module, ANY);
  return (
    isImportReached(reach, module, SHARING) ||
    [...code.syscalls].some(
      (address) => isReached(reach, module, address) && numbersShare(reach, { module, address }, RAX, R10),
    )
  );
}

/** Whether a call whose number is in a register can be one that shares memory; `flags`: the register with those of mmap. */
function numbersShare(reach: Reach, spot: Spot, register: number, flags?: number): boolean {
  const { constants, lost, isOpen } = valuesBefore(reach, spot, register);
  const makes = (name: string) => constants.has(syscallNumber(abi, name)!);
  return (
    lost.length > 0 ||
    isOpen ||
    SHARES.some(makes) ||
    (makes('mmap') && (flags === undefined || isShared(reach, spot, flags)))
  );
}

/** Whether flags in a register can ask for memory that is another process's, too, otherwise than from the C library. */
function isShared(reach: Reach, spot: Spot, register: number): boolean {
  const wanted = { registers: [register], isNumbered: false, isByFile: true, budget: BUDGET };
  const { contexts, isGivenUp } = contextsBefore(reach, spot, wanted);
  return (
    isGivenUp ||
    contexts.some(
      ({ spot: from, values: [flags], lost: [lost] }) =>
        (lost !== undefined || !isOwn(from.module)) && canBeShared(flags!),
    )
  );
}

/** Neither private nor without a file: such memory has no other process but children that run the same code (mmap(2)). */
function canBeShared({ known, value }: Bits): boolean {
  const [shared, anonymous] = (['MAP_SHARED', 'MAP_ANONYMOUS'] as const).map(
    (name) => constantValue(name, abi)!,
  );
  const isPrivate = (known & shared!) !== 0n && (value & shared!) === 0n;
  return !isPrivate && (known & value & anonymous!) === 0n;
}
