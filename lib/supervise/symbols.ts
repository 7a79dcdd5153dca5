// Which function an offset in a file belongs to. Only what is linked dynamically or was not stripped has names, so this is a hint
// for people. The file is the watched program's, and may be anything: sizes are bounded, and what does not fit is no symbol.
// Source: elf(5), for 64-bit little-endian files.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

interface Symbols {
  /** Ascending. */
  readonly functions: readonly { readonly address: number; readonly size: number; readonly name: string }[];
  readonly segments: readonly { readonly offset: number; readonly address: number; readonly size: number }[];
}

const known = new Map<string, Symbols | undefined>();
const MOST_FILES = 64;

/** The function at an offset of a file, with the distance from its start: `__open64+0x2b`; undefined where none is known. */
export function symbolAt(file: string, offset: number): string | undefined {
  if (!file.startsWith('/')) return undefined;
  if (!known.has(file)) {
    if (known.size >= MOST_FILES) known.clear();
    known.set(file, readSymbols(file));
  }
  const symbols = known.get(file);
  const segment = symbols?.segments.find((one) => offset >= one.offset && offset < one.offset + one.size);
  if (symbols === undefined || segment === undefined) return undefined;
  const address = offset - segment.offset + segment.address;
  let [low, high] = [0, symbols.functions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (symbols.functions[middle]!.address <= address) low = middle + 1;
    else high = middle;
  }
  const found = symbols.functions[low - 1];
  if (found === undefined || address >= found.address + found.size) return undefined;
  return `${found.name}+0x${(address - found.address).toString(16)}`;
}

const MOST_BYTES = 64 << 20;
const MOST_HEADERS = 10_000;
const [PT_LOAD, SHT_SYMTAB, SHT_DYNSYM, STT_FUNC, STT_GNU_IFUNC] = [1, 2, 11, 2, 10];
const [PROGRAM_HEADER, SECTION_HEADER, SYMBOL] = [56, 64, 24];

function readSymbols(path: string): Symbols | undefined {
  let file: number | undefined;
  try {
    // Not waiting for a pipe that somebody has put in the place of the file.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return fstatSync(file).isFile() ? parse(file) : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function parse(file: number): Symbols | undefined {
  const head = bytes(file, 0, 64);
  // 64 bits, little endian.
  if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return undefined;
  const [segmentCount, sectionCount] = [head.readUInt16LE(56), head.readUInt16LE(60)];
  if (segmentCount > MOST_HEADERS || sectionCount > MOST_HEADERS) return undefined;
  const programs = rows(bytes(file, word(head, 32), segmentCount * PROGRAM_HEADER), PROGRAM_HEADER);
  const sections = rows(bytes(file, word(head, 40), sectionCount * SECTION_HEADER), SECTION_HEADER);
  const functions = sections
    .filter((one) => [SHT_SYMTAB, SHT_DYNSYM].includes(one.readUInt32LE(4)))
    .flatMap((table) => {
      const names = sections[table.readUInt32LE(40)];
      if (names === undefined) return [];
      const texts = bytes(file, word(names, 24), word(names, 32));
      return rows(bytes(file, word(table, 24), word(table, 32)), SYMBOL).flatMap((symbol) => {
        const start = symbol.readUInt32LE(0);
        const end = texts.indexOf(0, start);
        const isFunction =
          [STT_FUNC, STT_GNU_IFUNC].includes(symbol[4]! & 15) && symbol.readUInt16LE(6) !== 0;
        if (!isFunction || end <= start) return [];
        return [
          { address: word(symbol, 8), size: word(symbol, 16), name: texts.toString('latin1', start, end) },
        ];
      });
    })
    .sort((a, b) => a.address - b.address);
  const segments = programs
    .filter((one) => one.readUInt32LE(0) === PT_LOAD)
    .map((one) => ({ offset: word(one, 8), address: word(one, 16), size: word(one, 32) }));
  return { functions, segments };
}

function bytes(file: number, offset: number, length: number): Buffer {
  if (length > MOST_BYTES) throw new RangeError('too large');
  const buffer = Buffer.alloc(length);
  let have = 0;
  while (have < length) {
    const got = readSync(file, buffer, have, length - have, offset + have);
    if (got === 0) throw new RangeError('the file ends early');
    have += got;
  }
  return buffer;
}

function word(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at));
}

function rows(buffer: Buffer, size: number): readonly Buffer[] {
  return Array.from({ length: Math.floor(buffer.length / size) }, (_, index) =>
    buffer.subarray(index * size, (index + 1) * size),
  );
}
