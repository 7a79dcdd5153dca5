// Where a filter begins that begins later than exec: which file the kernel will run, and how far its main lies from its entry. Addresses in
// memory are known only when it runs; the distance is not changed by where it is loaded.

import { readFileSync } from 'node:fs';
import { LaunchError } from '../errors.ts';
import { nativePlaces } from '../native.ts';

export type At = 'exec' | 'entry' | 'main';

export interface Place {
  /** native/core/inject.h, enum sr_place. */
  readonly place: number;
  /** Bytes from the entry to main. */
  readonly offset: number;
}

/** Interpreters of scripts may be scripts: so many levels, as in fs/exec.c (search_binary_handler). */
const MAX_SCRIPTS = 5;

/** Throws LaunchError where the file cannot be looked into. */
export function placeOf(program: Uint8Array, at: 'entry' | 'main'): Place {
  const { path, file } = imageOf(Buffer.from(program));
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) {
    throw refusal(path, 'is no ELF program', 'only programs have such places; use --at exec');
  }
  if (file[4] !== 2 || file[5] !== 1) {
    throw refusal(path, 'is not a 64-bit program of this machine', 'use --at exec');
  }
  if (at === 'entry') return { place: nativePlaces.entry, offset: 0 };
  const main = mainOf(file);
  if (main === undefined) return { place: nativePlaces.mainByStart, offset: 0 };
  return { place: nativePlaces.main, offset: main - Number(file.readBigUInt64LE(24)) };
}

/** The file that the kernel maps: the program, or the interpreter that a script names. */
export function imageOf(program: Buffer): { readonly path: Buffer; readonly file: Buffer } {
  let path = program;
  for (let level = 0; level < MAX_SCRIPTS; level++) {
    const file = read(path);
    if (file.subarray(0, 2).toString('latin1') !== '#!') return { path, file };
    const line = file.subarray(2, 256).toString('latin1').split('\n', 1)[0]!;
    path = Buffer.from(line.trim().split(/[ \t]/, 1)[0]!, 'latin1');
  }
  throw refusal(program, 'is a script of too many scripts', 'use --at exec');
}

function read(path: Buffer): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw refusal(
      path,
      `cannot be read (${code}), so no place in it can be found`,
      'use --at exec, which need not read it',
    );
  }
}

export function refusal(path: Buffer, what: string, advice: string): LaunchError {
  return new LaunchError(`${path}: ${what}; the program was not started`, 125, { advice });
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

// elf(5).
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SYMBOL = 24;

/** The address of main: by its symbol, or for Go by the table that its runtime needs for itself. A damaged table is no table. */
function mainOf(file: Buffer): number | undefined {
  try {
    const sections = sectionsOf(file);
    const lines = sections.find((one) => /^(\.data\.rel\.ro)?\.gopclntab$/.test(one.name));
    if (lines !== undefined) return symbolOf(file, sections, 'main.main') ?? goMain(file, sections, lines);
    return symbolOf(file, sections, 'main');
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function sectionsOf(file: Buffer): readonly Section[] {
  const table = Number(file.readBigUInt64LE(40));
  const count = file.readUInt16LE(60);
  if (table === 0 || count === 0) return [];
  const at = (index: number) => table + 64 * index;
  const names = Number(file.readBigUInt64LE(at(file.readUInt16LE(62)) + 24));
  return Array.from({ length: count }, (_, index) => ({
    name: textAt(file, names + file.readUInt32LE(at(index))),
    type: file.readUInt32LE(at(index) + 4),
    address: Number(file.readBigUInt64LE(at(index) + 16)),
    offset: Number(file.readBigUInt64LE(at(index) + 24)),
    size: Number(file.readBigUInt64LE(at(index) + 32)),
    link: file.readUInt32LE(at(index) + 40),
  }));
}

function symbolOf(file: Buffer, sections: readonly Section[], name: string): number | undefined {
  for (const { type, offset, size, link } of sections) {
    if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
    const names = sections[link];
    if (names === undefined || names.type === SHT_NOBITS) continue;
    const strings = file.subarray(names.offset, names.offset + names.size);
    const wanted = Buffer.from(`${name}\0`);
    for (let symbol = offset; symbol + SYMBOL <= offset + size; symbol += SYMBOL) {
      const isDefined = file.readUInt16LE(symbol + 6) !== 0;
      const start = file.readUInt32LE(symbol);
      if (isDefined && strings.subarray(start, start + wanted.length).equals(wanted)) {
        return Number(file.readBigUInt64LE(symbol + 8));
      }
    }
  }
  return undefined;
}

// src/debug/gosym/pclntab.go, ver118 and ver120.
const GO_118 = 0xfffffff0;
const GO_120 = 0xfffffff1;

function goMain(file: Buffer, sections: readonly Section[], lines: Section): number | undefined {
  const table = file.subarray(lines.offset, lines.offset + lines.size);
  const magic = table.readUInt32LE(0);
  if ((magic !== GO_118 && magic !== GO_120) || table[7] !== 8) return undefined;
  const word = (index: number) => Number(table.readBigUInt64LE(8 + 8 * index));
  const [count, nameTable, functions] = [word(0), word(3), word(7)];
  // In a position-independent file the start of the text is filled in by a relocation.
  const text = word(2) !== 0 ? word(2) : sections.find((one) => one.name === '.text')?.address;
  const name = table.indexOf(Buffer.from('\0main.main\0'), nameTable);
  if (text === undefined || name < 0) return undefined;
  const nameOffset = name + 1 - nameTable;
  for (let index = 0; index < count; index++) {
    const entry = table.readUInt32LE(functions + 8 * index);
    const data = functions + table.readUInt32LE(functions + 8 * index + 4);
    if (table.readInt32LE(data + 4) === nameOffset) return text + entry;
  }
  return undefined;
}

function textAt(file: Buffer, start: number): string {
  const end = file.indexOf(0, start);
  return end < 0 ? '' : file.subarray(start, end).toString('latin1');
}
