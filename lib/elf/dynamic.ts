// What the dynamic loader reads of a file: the libraries it needs, its symbols with their versions, its initialisers.
// Source: System V ABI, chapter 5; the GNU extensions are described in LSB 5.0, "Symbol Versioning", and elf.h.

import { fail, need, type Source, text, u16, u32, u64 } from './bytes.ts';
import { type ElfFile, offsetOf, PT_DYNAMIC, SHT_SYMTAB } from './file.ts';

const tags = {
  needed: 1,
  pltRelSize: 2,
  hash: 4,
  strings: 5,
  symbols: 6,
  rela: 7,
  relaSize: 8,
  stringsSize: 10,
  init: 12,
  fini: 13,
  soname: 14,
  rpath: 15,
  textrel: 22,
  jmprel: 23,
  initArray: 25,
  finiArray: 26,
  initArraySize: 27,
  finiArraySize: 28,
  runpath: 29,
  flags: 30,
  preinitArray: 32,
  preinitArraySize: 33,
  relrSize: 35,
  relr: 36,
  gnuHash: 0x6ffffef5,
  versym: 0x6ffffff0,
  verdef: 0x6ffffffc,
  verdefCount: 0x6ffffffd,
  verneed: 0x6ffffffe,
  verneedCount: 0x6fffffff,
  flags1: 0x6ffffffb,
} as const;
export type Tag = keyof typeof tags;

export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_TLS = 6;
export const STT_GNU_IFUNC = 10;

/** More than any file has; node's own table has some 100,000. */
const MAX_SYMBOLS = 4_000_000;
const MAX_ENTRIES = 100_000;

export interface ElfSymbol {
  readonly name: string;
  readonly type: number;
  /** STB_LOCAL 0, STB_GLOBAL 1, STB_WEAK 2. */
  readonly binding: number;
  readonly defined: boolean;
  readonly address: number;
  readonly size: number;
  /** The version it is defined in or wanted from; '' where none is said. */
  readonly version: string;
}

export interface Dynamic {
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  readonly rpath: readonly string[];
  readonly runpath: readonly string[];
  readonly symbols: readonly ElfSymbol[];
  /** An entry's value (an address or a size), if it is there. */
  readonly value: (tag: Tag) => number | undefined;
}

/** Reads names. Names may share their ends, but all together are not many times longer than the file, unless it lies. */
function newNames(source: Source): (offset: number, end: number) => string {
  let left = 4 * source.bytes.length + (1 << 20);
  return (offset, end) => {
    const name = text(source, offset, end);
    left -= name.length;
    if (left < 0) fail(source, 'its names are far longer than itself');
    return name;
  };
}

/** undefined for a file without a dynamic section: a static program. */
export function readDynamic(elf: ElfFile): Dynamic | undefined {
  const segment = elf.segments.find((one) => one.type === PT_DYNAMIC);
  if (segment === undefined) return undefined;
  const values = new Map<number, number[]>();
  const count = Math.min(Math.floor(segment.fileSize / 16), MAX_ENTRIES);
  for (let index = 0; index < count; index++) {
    const tag = u64(elf, segment.offset + index * 16);
    if (tag === 0) break;
    const value = u64(elf, segment.offset + index * 16 + 8);
    const list = values.get(tag);
    if (list === undefined) values.set(tag, [value]);
    else list.push(value);
  }
  const value = (tag: Tag): number | undefined => values.get(tags[tag])?.[0];
  const stringsAddress = value('strings');
  const strings = stringsAddress === undefined ? undefined : offsetOf(elf, stringsAddress);
  const end = strings === undefined ? 0 : Math.min(strings + (value('stringsSize') ?? 0), elf.bytes.length);
  const names = newNames(elf);
  const string = (offset: number): string => {
    if (strings === undefined || !(strings + offset < end))
      fail(elf, `a name at ${offset} lies outside the string table`);
    return names(strings + offset, end);
  };
  const list = (tag: Tag): string[] => (values.get(tags[tag]) ?? []).map(string);
  const paths = (tag: Tag): string[] => list(tag).flatMap((one) => one.split(':'));
  return {
    needed: list('needed'),
    soname: list('soname')[0],
    rpath: paths('rpath'),
    runpath: paths('runpath'),
    symbols: readSymbols(elf, value, string),
    value,
  };
}

function readSymbols(
  elf: ElfFile,
  value: Dynamic['value'],
  string: (offset: number) => string,
): readonly ElfSymbol[] {
  const address = value('symbols');
  const start = address === undefined ? undefined : offsetOf(elf, address);
  if (start === undefined) return [];
  const count = countSymbols(elf, value);
  need(elf, start, count * 24, 'the table of symbols');
  const versions = readVersions(elf, value, string);
  const versymAddress = value('versym');
  const versym = versymAddress === undefined ? undefined : offsetOf(elf, versymAddress);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * 24;
    const info = elf.bytes[at + 4]!;
    return {
      name: string(u32(elf, at)),
      type: info & 15,
      binding: info >> 4,
      defined: u16(elf, at + 6) !== 0,
      address: u64(elf, at + 8),
      size: u64(elf, at + 16),
      version: versym === undefined ? '' : (versions.get(u16(elf, versym + index * 2) & 0x7fff) ?? ''),
    };
  });
}

/** The dynamic section does not say how many symbols there are; its hash tables do. */
function countSymbols(elf: ElfFile, value: Dynamic['value']): number {
  const hash = value('hash');
  const gnuHash = value('gnuHash');
  let count = 0;
  if (hash !== undefined) {
    const at = offsetOf(elf, hash);
    if (at === undefined) fail(elf, 'the hash table is not in the file');
    count = u32(elf, at + 4);
  } else if (gnuHash !== undefined) {
    const at = offsetOf(elf, gnuHash);
    if (at === undefined) fail(elf, 'the hash table is not in the file');
    count = countByGnuHash(elf, at);
  }
  // Undefined symbols are not hashed by the GNU table; relocations still name them.
  for (const [start, size] of [
    ['rela', 'relaSize'],
    ['jmprel', 'pltRelSize'],
  ] as const)
    count = Math.max(count, lastSymbol(elf, value(start), value(size)) + 1);
  if (count > MAX_SYMBOLS) fail(elf, `it claims to have ${count} symbols`);
  return count;
}

/** The highest symbol that a table of relocations names; 0: none. */
function lastSymbol(elf: ElfFile, address: number | undefined, size = 0): number {
  const offset = address === undefined ? undefined : offsetOf(elf, address);
  if (offset === undefined) return 0;
  need(elf, offset, size, 'a table of relocations');
  let last = 0;
  for (let at = offset; at + 24 <= offset + size; at += 24) last = Math.max(last, u32(elf, at + 12));
  return last;
}

/** The last chain's last entry is the last symbol. */
function countByGnuHash(elf: ElfFile, at: number): number {
  const buckets = u32(elf, at);
  const first = u32(elf, at + 4);
  const bloom = u32(elf, at + 8);
  if (buckets > MAX_SYMBOLS || bloom > MAX_SYMBOLS) fail(elf, 'the hash table is too large');
  const table = at + 16 + bloom * 8;
  need(elf, table, buckets * 4, 'the hash table');
  let last = 0;
  for (let index = 0; index < buckets; index++) last = Math.max(last, u32(elf, table + index * 4));
  // No bucket is filled.
  if (last < first || last === 0) return first;
  const chains = table + buckets * 4;
  while ((u32(elf, chains + (last - first) * 4) & 1) === 0) last++;
  return last + 1;
}

function readVersions(
  elf: ElfFile,
  value: Dynamic['value'],
  string: (offset: number) => string,
): Map<number, string> {
  const versions = new Map<number, string>();
  const walk = (tag: Tag, countTag: Tag, visit: (at: number) => number) => {
    const address = value(tag);
    let at = address === undefined ? undefined : offsetOf(elf, address);
    for (let left = Math.min(value(countTag) ?? 0, MAX_ENTRIES); at !== undefined && left > 0; left--) {
      const next = visit(at);
      if (next === 0) break;
      at += next;
    }
  };
  walk('verdef', 'verdefCount', (at) => {
    versions.set(u16(elf, at + 4) & 0x7fff, string(u32(elf, at + u32(elf, at + 12))));
    return u32(elf, at + 16);
  });
  let all = MAX_ENTRIES;
  walk('verneed', 'verneedCount', (at) => {
    let aux = at + u32(elf, at + 8);
    for (let left = u16(elf, at + 2); left > 0; left--) {
      if (all-- === 0) fail(elf, 'it claims to want more versions than there can be');
      versions.set(u16(elf, aux + 6) & 0x7fff, string(u32(elf, aux + 8)));
      const next = u32(elf, aux + 12);
      if (next === 0) break;
      aux += next;
    }
    return u32(elf, at + 12);
  });
  return versions;
}

/** Symbols of the full table (.symtab), which a stripped file does not have. Local ones are among them. */
export function readFullSymbols(elf: Pick<ElfFile, 'file' | 'bytes' | 'allSections'>): readonly ElfSymbol[] {
  const table = elf.allSections.find((one) => one.type === SHT_SYMTAB);
  const strings = table === undefined ? undefined : elf.allSections[table.link];
  if (table === undefined || strings === undefined) return [];
  const count = Math.min(Math.floor(table.size / 24), MAX_SYMBOLS);
  const name = newNames(elf);
  const symbols: ElfSymbol[] = [];
  for (let index = 0; index < count; index++) {
    const at = table.offset + index * 24;
    const nameOffset = u32(elf, at);
    if (nameOffset >= strings.size) continue;
    const info = elf.bytes[at + 4]!;
    symbols.push({
      name: name(strings.offset + nameOffset, strings.offset + strings.size),
      type: info & 15,
      binding: info >> 4,
      defined: u16(elf, at + 6) !== 0,
      address: u64(elf, at + 8),
      size: u64(elf, at + 16),
      version: '',
    });
  }
  return symbols;
}
