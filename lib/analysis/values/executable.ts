// Which memory can be made executable. The C library and its loader map libraries, and the protection that they ask for stands in the
// headers of these files, where no value in the code says it: segments (System V ABI, chapter 5), text relocations (DT_TEXTREL), and
// stacks (PT_GNU_STACK). So their calls are held to what the files that were analysed have in their headers.
// Sources: glibc, elf/dl-load.c, elf/dl-reloc.c, elf/dl-execstack.c, nptl/allocatestack.c, sysdeps/unix/sysv/linux/spawni.c.

import { PF_W, PF_X, PT_GNU_STACK, PT_LOAD } from '../../elf/file.ts';
import type { Abi } from '../../linux/abi.ts';
import { constantValue } from '../../linux/constants.ts';
import { VDSO } from '../files/vdso.ts';
import { isCLibrary, isLoader, type World } from '../files/world.ts';
import { type Bits, exactly, isExact, unknownBits } from './bits.ts';
import type { ArgumentContext, CallArguments } from './contexts.ts';

const [READ, WRITE, EXEC] = [1n, 2n, 4n] as const;
const WIDTH = 32;
const PF_R = 4;
const DF_TEXTREL = 4;

/** What protections (PROT_READ …) headers ask for. */
export interface Headers {
  /** Of what is mapped from files. */
  readonly mapped: ReadonlySet<bigint>;
  /** Of what is mapped behind a file's bytes. */
  readonly behind: ReadonlySet<bigint>;
  /** That memory is changed to. */
  readonly changed: ReadonlySet<bigint>;
  readonly isStackExecutable: boolean;
}

/** What the headers of all files ask for, and those of any ordinary library, for one may be loaded that is not known. */
export function headersOf({ modules }: Pick<World, 'modules'>): Headers {
  const none = 0n;
  const mapped = new Set([none, READ, READ | WRITE, READ | EXEC]);
  const behind = new Set([none, READ | WRITE]);
  // Fences, pieces that become read-only after relocation, memory of the loader's own.
  const changed = new Set([none, READ, READ | WRITE]);
  let isStackExecutable = false;
  for (const { code, path } of modules) {
    // The kernel maps its own.
    if (path === VDSO) continue;
    const { segments } = code.elf;
    const isLoaded = segments.some((one) => one.type === PT_LOAD);
    const stacks = segments.filter((one) => one.type === PT_GNU_STACK);
    if (isLoaded && (stacks.length === 0 || stacks.some((one) => (one.flags & PF_X) !== 0)))
      isStackExecutable = true;
    const isRelocated =
      code.dynamic?.value('textrel') !== undefined ||
      ((code.dynamic?.value('flags') ?? 0) & DF_TEXTREL) !== 0;
    for (const { type, flags, fileSize, memorySize } of segments) {
      if (type !== PT_LOAD) continue;
      const protection = protectionOf(flags);
      mapped.add(protection);
      const isCleared = memorySize > fileSize && (protection & WRITE) === 0n;
      if (memorySize > fileSize) behind.add(protection);
      if (isRelocated || isCleared) changed.add(protection).add(protection | WRITE);
    }
  }
  return { mapped, behind, changed, isStackExecutable };
}

const protectionOf = (flags: number): bigint =>
  ((flags & PF_R) === 0 ? 0n : READ) |
  ((flags & PF_W) === 0 ? 0n : WRITE) |
  ((flags & PF_X) === 0 ? 0n : EXEC);

/** A use of mmap or mprotect by the C library, as the uses that headers ask for: itself where its protection is known and not
 * executable, none where it would be for something that no header asks for. Of other files' uses nothing is said. */
export function heldToHeaders(
  name: string,
  context: ArgumentContext,
  asked: CallArguments['asked'],
  headers: Headers,
  abi: Abi,
): readonly ArgumentContext[] {
  const { module } = context.site;
  const at = asked.findIndex((one) => one.parameter.names.includes('prot'));
  if ((name !== 'mmap' && name !== 'mprotect') || at < 0 || headers.isStackExecutable) return [context];
  const found = context.values[at]!;
  const isLoaders = isLoader(module);
  if (isExact(found, WIDTH)) {
    const isForStack = isLoaders && name === 'mprotect' && (found.value & EXEC) !== 0n;
    return isForStack && !headers.changed.has(found.value) ? [] : [context];
  }
  const withProtection = (value: Bits): ArgumentContext => ({
    ...context,
    values: context.values.with(at, value),
    lost: context.lost.with(at, undefined),
  });
  if (isLoaders) {
    const flags = asked.findIndex((one) => one.parameter.names.includes('flags'));
    const kind = flags < 0 ? unknownBits : context.values[flags]!;
    const anonymous = constantValue('MAP_ANONYMOUS', abi)!;
    const isAnonymous = (kind.known & anonymous) !== 0n && (kind.value & anonymous) !== 0n;
    const possible = name === 'mprotect' ? headers.changed : isAnonymous ? headers.behind : headers.mapped;
    return [...possible].filter((one) => mayBe(found, one)).map((one) => withProtection(exactly(one)));
  }
  // A thread's stack: readable and writable, and executable if the variable says so that headers set. It is the C library that
  // reads this variable; what its mmap and mprotect are given by others is theirs.
  const stack = READ | WRITE;
  const isOpen = mayBe(found, stack | EXEC) && isExact({ ...found, known: found.known | EXEC }, WIDTH);
  const isOwn = [module, context.from.module, context.lost[at]?.module].every(isCLibrary);
  return isOpen && isOwn && mayBe(found, stack) ? [withProtection(exactly(stack))] : [context];
}

const mayBe = ({ known, value }: Bits, one: bigint): boolean => ((one ^ value) & known) === 0n;

/** Calls that can make memory executable, by the argument that says so. */
const executable: readonly (readonly [call: string, argument: string, flag: string])[] = [
  ['mmap', 'prot', 'PROT_EXEC'],
  ['mprotect', 'prot', 'PROT_EXEC'],
  ['pkey_mprotect', 'prot', 'PROT_EXEC'],
  ['remap_file_pages', 'prot', 'PROT_EXEC'],
  ['shmat', 'shmflg', 'SHM_EXEC'],
];

/** What a program that makes the calls `names` can have executed: `nothing` that was not there at its start, private mappings of
 * `files`, or memory that it can also write (`written`: anonymous or shared mappings, and whatever its protection was before). */
export function executableMemory(
  names: ReadonlySet<string>,
  known: ReadonlyMap<string, CallArguments>,
  abi: Abi,
): 'nothing' | 'files' | 'written' {
  let worst: 'nothing' | 'files' = 'nothing';
  for (const [call, argument, flag] of executable) {
    if (!names.has(call)) continue;
    const found = known.get(call);
    const at = found?.asked.findIndex((one) => one.parameter.names.includes(argument)) ?? -1;
    if (found === undefined || at < 0) return 'written';
    const bit = constantValue(flag, abi)!;
    const uses = found.contexts.filter(({ values }) => mayHave(values[at]!, bit));
    if (uses.length === 0) continue;
    const flags = found.asked.findIndex((one) => one.parameter.names.includes('flags'));
    const isOfFiles = (values: readonly Bits[]) =>
      flags >= 0 &&
      !mayHave(values[at]!, WRITE) &&
      !mayHave(values[flags]!, constantValue('MAP_ANONYMOUS', abi)!) &&
      !mayHave(values[flags]!, constantValue('MAP_SHARED', abi)!);
    if (call !== 'mmap' || !uses.every(({ values }) => isOfFiles(values))) return 'written';
    worst = 'files';
  }
  return worst;
}

const mayHave = ({ known, value }: Bits, bit: bigint): boolean =>
  (known & bit) === 0n || (value & bit) !== 0n;
