// Relocations: where in a loaded file the loader writes which address. Source: System V ABI AMD64 supplement, table 4.9
// ("Relocation Types"); RELR from the generic ABI.

import { fail, i64, need, u32, u64 } from './bytes.ts';
import type { Dynamic } from './dynamic.ts';
import { type ElfFile, offsetOf } from './file.ts';
import { firstFrom } from './order.ts';

/** R_X86_64_*, as far as a loader meets them. */
export const relocationTypes = {
  address64: 1,
  copy: 5,
  globDat: 6,
  jumpSlot: 7,
  relative: 8,
  dtpmod: 16,
  dtpoff: 17,
  tpoff: 18,
  tlsdesc: 36,
  irelative: 37,
} as const;

const TOO_MANY = 'it claims to have more relocations than any program has';

export interface Relocations {
  readonly count: number;
  /** Linked addresses where something is written, ascending. */
  readonly place: Float64Array;
  readonly type: Uint32Array;
  /** Index in the table of dynamic symbols; 0: none. */
  readonly symbol: Uint32Array;
  readonly addend: Float64Array;
}

/** The largest programs have some hundred thousand. */
const MAX_RELOCATIONS = 4_000_000;

/** All of DT_RELA, DT_JMPREL and DT_RELR, by place. A static program's own (IRELATIVE) come from its .rela.* sections. */
export function readRelocations(elf: ElfFile, dynamic: Dynamic | undefined): Relocations {
  const tables: { offset: number; size: number }[] = [];
  const add = (address: number | undefined, size: number | undefined) => {
    if (address === undefined || size === undefined || size === 0) return;
    const offset = offsetOf(elf, address);
    if (offset === undefined) fail(elf, 'the relocations are not in the file');
    need(elf, offset, size, 'the table of relocations');
    tables.push({ offset, size });
  };
  add(dynamic?.value('rela'), dynamic?.value('relaSize'));
  add(dynamic?.value('jmprel'), dynamic?.value('pltRelSize'));
  if (dynamic === undefined) {
    for (const one of elf.sections) if (one.type === 4) tables.push({ offset: one.offset, size: one.size });
  }
  const relative = readRelr(elf, dynamic);
  const total = tables.reduce((sum, one) => sum + Math.floor(one.size / 24), 0) + relative.length;
  if (total > MAX_RELOCATIONS) fail(elf, TOO_MANY);
  const place = new Float64Array(total);
  const type = new Uint32Array(total);
  const symbol = new Uint32Array(total);
  const addend = new Float64Array(total);
  let index = 0;
  for (const { offset, size } of tables) {
    for (let at = offset; at + 24 <= offset + size; at += 24) {
      place[index] = u64(elf, at);
      type[index] = u32(elf, at + 8);
      symbol[index] = u32(elf, at + 12);
      addend[index] = i64(elf, at + 16);
      index++;
    }
  }
  for (const at of relative) {
    place[index] = at;
    type[index] = relocationTypes.relative;
    const offset = offsetOf(elf, at);
    addend[index] = offset === undefined ? Number.NaN : u64(elf, offset);
    index++;
  }
  const order = Uint32Array.from({ length: total }, (_, one) => one).sort((a, b) => place[a]! - place[b]!);
  return {
    count: total,
    place: place.map((_, one) => place[order[one]!]!),
    type: type.map((_, one) => type[order[one]!]!),
    symbol: symbol.map((_, one) => symbol[order[one]!]!),
    addend: addend.map((_, one) => addend[order[one]!]!),
  };
}

/** An even word is an address, an odd one a bitmap of the 63 words that follow the last address. */
function readRelr(elf: ElfFile, dynamic: Dynamic | undefined): readonly number[] {
  const address = dynamic?.value('relr');
  const size = dynamic?.value('relrSize') ?? 0;
  const offset = address === undefined ? undefined : offsetOf(elf, address);
  if (offset === undefined) return [];
  need(elf, offset, size, 'the table of relative relocations');
  const places: number[] = [];
  let base = 0;
  for (let at = offset; at + 8 <= offset + size; at += 8) {
    const low = u32(elf, at);
    if ((low & 1) === 0) {
      const first = u64(elf, at);
      places.push(first);
      base = first + 8;
      continue;
    }
    const high = u32(elf, at + 4);
    for (let bit = 1; bit < 64; bit++) {
      const isSet = bit < 32 ? (low >>> bit) & 1 : (high >>> (bit - 32)) & 1;
      if (isSet === 1) places.push(base + (bit - 1) * 8);
    }
    if (places.length > MAX_RELOCATIONS) fail(elf, TOO_MANY);
    base += 63 * 8;
  }
  return places;
}

/** Index of the relocation of just this address; -1: there is none. */
export function relocationAt(list: Relocations, address: number): number {
  const index = firstRelocation(list, address);
  return index < list.count && list.place[index] === address ? index : -1;
}

/** Index of the first relocation at or behind an address. */
export function firstRelocation(list: Relocations, address: number): number {
  return firstFrom(list.count, (index) => list.place[index]! < address);
}
