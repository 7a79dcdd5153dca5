// Where one object of data ends and the next begins. An address that is taken covers its object; where bounds are not
// known for certain, it covers all that lies between the certain objects around it. Certain are sizes in tables of symbols
// (the file's own, or of its separate debug file), those that were taken from such files before (known-objects.ts), and the
// tables of functions behind glibc's streams, whose form is known.

import { type ElfSymbol, STT_OBJECT } from '../../elf/dynamic.ts';
import { firstFrom } from '../../elf/order.ts';
import { firstRelocation, type Relocations, relocationAt } from '../../elf/relocations.ts';
import type { Region } from './regions.ts';

/** Pieces of the regions that are not code, by address; together they are all of these regions. */
export interface Pieces {
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Its region's index. */
  readonly region: Int32Array;
}

/** Sections that a linker fills from many files and that are walked from end to end: bounds of objects say nothing there
 * (ld(1): __start_SECTION where the name is a C identifier; the arrays of initialisers). */
const walked = /^\w+$|^\.(preinit|init|fini)_array|^\.[cd]tors|^$/;

/** glibc's tables of functions of streams: the section's ends serve only to check that a table lies in it (glibc,
 * libio/libioP.h, IO_validate_vtable). */
const STREAM_TABLES = '__libc_IO_vtables';
/** struct _IO_jump_t: two unused words and 19 functions; the linker aligns each table to 32 bytes, or they are one array. */
const STREAM_TABLE = 168;
const STREAM_STRIDES = [192, 168];

/** An object of data: the linked addresses of its first byte and of the one behind its last. */
export interface Bounds {
  readonly start: number;
  readonly end: number;
}

/** `objects`: ascending and apart (objectsOf). `isFixed`: the file is loaded at a fixed address, where compilers fold a constant into an object's address before they index
 * it; then nothing is split. */
export function piecesOf(
  regions: readonly Region[],
  relocations: Relocations,
  objects: readonly Bounds[],
  isFixed: boolean,
): Pieces {
  const start: number[] = [];
  const end: number[] = [];
  const owner: number[] = [];
  for (const [index, region] of regions.entries()) {
    // Words of an offset table stand each for itself.
    if (region.isCode || region.isSlots) continue;
    const add = (from: number, to: number) => {
      if (to <= from) return;
      start.push(from);
      end.push(to);
      owner.push(index);
    };
    let at = region.start;
    const split = isFixed ? 'nothing' : splitOf(region, relocations);
    if (split === 'streams') {
      for (const table of streamTables(region, relocations)) {
        add(at, table);
        at = table;
      }
    } else if (split === 'objects') {
      for (const object of objectsIn(region, objects)) {
        add(at, object.start);
        add(object.start, object.end);
        at = object.end;
      }
    }
    add(at, region.end);
  }
  return { start: Float64Array.from(start), end: Float64Array.from(end), region: Int32Array.from(owner) };
}

/** What a region that is not code is split by: only where pointers stand does it matter. */
export function splitOf(region: Region, relocations: Relocations): 'objects' | 'streams' | 'nothing' {
  const first = firstRelocation(relocations, region.start);
  const holdsPointers = first < relocations.count && relocations.place[first]! < region.end;
  if (region.isCode || region.isSlots || !holdsPointers) return 'nothing';
  if (region.name === STREAM_TABLES) return 'streams';
  return walked.test(region.name) ? 'nothing' : 'objects';
}

/** Those that lie in a region altogether. */
export function objectsIn(region: Bounds, objects: readonly Bounds[]): readonly Bounds[] {
  const first = firstFrom(objects.length, (at) => objects[at]!.start < region.start);
  const behind = firstFrom(objects.length, (at) => objects[at]!.end <= region.end);
  return objects.slice(first, Math.max(first, behind));
}

/** Bounds of the objects that symbols name and of those that are known otherwise, ascending; what overlaps (other names of the
 * same, parts of it) is one. */
export function objectsOf(symbols: readonly ElfSymbol[], known: readonly Bounds[] = []): readonly Bounds[] {
  const all = symbols
    .filter((one) => one.defined && one.type === STT_OBJECT && one.size > 0)
    .map((one) => ({ start: one.address, end: one.address + one.size }))
    .concat(known)
    .sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const one of all) {
    const last = merged.at(-1);
    if (last !== undefined && one.start < last.end) last.end = Math.max(last.end, one.end);
    else merged.push({ ...one });
  }
  return merged;
}

/** Where the tables begin; none if the section is not made of such tables alone. */
function streamTables(region: Region, relocations: Relocations): readonly number[] {
  const size = region.end - region.start;
  const isPointer = (place: number) => relocationAt(relocations, place) >= 0;
  for (const stride of STREAM_STRIDES) {
    if ((size - STREAM_TABLE) % stride !== 0) continue;
    const tables = Array.from(
      { length: (size - STREAM_TABLE) / stride + 1 },
      (_, index) => region.start + index * stride,
    );
    // Pointers stand in the words of functions alone.
    const isTable = (table: number) =>
      Array.from({ length: stride / 8 }, (_, word) => word).every(
        (word) => (word >= 2 && word < STREAM_TABLE / 8) || !isPointer(table + word * 8),
      );
    if (tables.every(isTable)) return tables;
  }
  return [];
}

/** The piece that an address lies in; -1: none. */
export function pieceAt(pieces: Pieces, address: number): number {
  const index = firstFrom(pieces.start.length, (at) => pieces.start[at]! <= address) - 1;
  return index >= 0 && address < pieces.end[index]! ? index : -1;
}

/** The piece that ends at an address; -1: none. A pointer behind its last element belongs to an array, too (C17, 6.5.6). What
 * a linker collects from many files is a section of its own, which no object reaches into; and a stream points to the beginning of
 * its table, never behind one. */
export function pieceBefore(regions: readonly Region[], pieces: Pieces, address: number): number {
  const at = pieceAt(pieces, address - 1);
  if (at < 0 || pieces.end[at] !== address) return -1;
  const region = regions[pieces.region[at]!]!;
  if (region.name === STREAM_TABLES) return -1;
  return region.end === address && walked.test(region.name) ? -1 : at;
}
