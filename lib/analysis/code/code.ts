// One file's code, as it was read (read.ts), and the way about in it.

import type { Dynamic } from '../../elf/dynamic.ts';
import type { ElfFile } from '../../elf/file.ts';
import { firstFrom } from '../../elf/order.ts';
import type { Relocations } from '../../elf/relocations.ts';
import { type FunctionRange, landingPads } from '../../elf/unwind.ts';
import { Kept } from '../kept.ts';
import type { Marked } from './conditional.ts';
import type { Pieces } from './objects.ts';
import type { Region } from './regions.ts';

/** What an instruction does with the address that stands in it. */
export const use = {
  call: 0,
  jump: 1,
  /** Calls or jumps to what stands in memory there. */
  through: 2,
  address: 3,
  memory: 4,
  /** A number that could be an address, in code at fixed addresses. */
  constant: 5,
  /** An address that is only compared. */
  nothing: 6,
} as const;

export interface CodeFile {
  readonly elf: ElfFile;
  readonly dynamic: Dynamic | undefined;
  readonly relocations: Relocations;
  readonly regions: readonly Region[];
  /** Whether it is loaded where it was linked to be, so that plain numbers can be addresses. */
  readonly isFixed: boolean;
  /** What the unwinder calls of this file, or words that point to it. */
  readonly personalities: readonly number[];
  /** Functions by start, ascending; `functionEnd` may be less than the next start. */
  readonly functionStart: Float64Array;
  readonly functionEnd: Float64Array;
  /** 1: what comes before runs on into it. */
  readonly functionContinues: Uint8Array;
  /** 1: it has an entry in the unwind tables, so that its bounds are known. */
  readonly functionIsKnown: Uint8Array;
  /** Functions that the unwinder may enter, by start. */
  readonly unwound: ReadonlyMap<number, FunctionRange>;
  /** References by the address of their instruction, ascending. */
  readonly site: Float64Array;
  readonly use: Uint8Array;
  readonly target: Float64Array;
  /** Of `memory` and `through` without a register: the most bytes that are read. 0: all from there on, as with an index. */
  readonly width: Uint8Array;
  /** The data in pieces (objects.ts). */
  readonly pieces: Pieces;
  /** Where functions of glibc begin that run only under a condition (conditional.ts). */
  readonly marked: Marked;
  /** Functions of the C library's own name services, and the names that they are looked up by (name-services.ts). */
  readonly services: ReadonlyMap<number, readonly string[]>;
  /** There is a full table of symbols, or one of objects, so that most pieces are objects. */
  readonly knowsObjects: boolean;
  /** Files that were looked for to know the pieces. */
  readonly looked: readonly string[];
  /** Addresses of `syscall` instructions, ascending; and of int 0x80 and sysenter. */
  readonly syscalls: Float64Array;
  readonly foreign: Float64Array;
  readonly instructions: number;
}

/** Where the unwinder enters a function. A table of another form than gcc's and LLVM's says nothing. */
export function padsOf(code: CodeFile, index: number): readonly number[] {
  const range = code.unwound.get(code.functionStart[index]!);
  return range === undefined ? noPads : pads.get(code, index, () => readPads(code, range));
}

const noPads: readonly number[] = [];

const pads = new Kept<CodeFile, number, readonly number[]>();

function readPads({ elf }: CodeFile, range: FunctionRange): readonly number[] {
  try {
    return landingPads(elf, range);
  } catch {
    return noPads;
  }
}

/** Each aligned word of a region that begins in start … end and is in the file. */
export function forEachWord(
  elf: ElfFile,
  region: Region,
  start: number,
  end: number,
  visit: (place: number, value: number) => void,
): void {
  if (region.offset === undefined) return;
  const { bytes } = elf;
  const first = Math.ceil(Math.max(start, region.start) / 8) * 8;
  const length = Math.min(region.end - region.start, bytes.length - region.offset);
  for (let place = first; place < end && place + 8 <= region.start + length; place += 8) {
    const at = region.offset + (place - region.start);
    const high = bytes.readUInt32LE(at + 4);
    if (high > 0xffff) continue;
    const value = high * 2 ** 32 + bytes.readUInt32LE(at);
    if (value !== 0) visit(place, value);
  }
}

/** Index of the last element that is not greater; -1: all are. */
export function lastNotAbove(list: Float64Array, value: number): number {
  return firstFrom(list.length, (index) => list[index]! <= value) - 1;
}

/** The function that an address lies in; -1: none. Padding behind a function belongs to none. */
export function functionAt(code: CodeFile, address: number): number {
  const index = lastNotAbove(code.functionStart, address);
  return index >= 0 && address < code.functionEnd[index]! ? index : -1;
}

/** Where the byte of an address of code stands in the file. */
export function offsetIn(code: Pick<CodeFile, 'regions'>, address: number): number {
  const region = code.regions[regionAt(code, address)]!;
  return region.offset! + (address - region.start);
}

export function regionAt({ regions }: Pick<CodeFile, 'regions'>, address: number): number {
  const index = firstFrom(regions.length, (at) => regions[at]!.start <= address) - 1;
  return index >= 0 && address < regions[index]!.end ? index : -1;
}
