// The outside of an ELF file: header, program headers, section headers. Source: elf(5), and the System V ABI, chapters 4
// and 5. The kernel and the dynamic loader look at program headers alone, so these have to be right; section headers are
// used where they are there and sensible, and are otherwise left out.

import { readFileSync, statSync } from 'node:fs';
import { ElfError, fail, need, type Source, text, u8, u16, u32, u64 } from './bytes.ts';

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_TLS = 7;
export const PT_GNU_EH_FRAME = 0x6474e550;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_RELRO = 0x6474e552;
export const PF_X = 1;
export const PF_W = 2;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_TLS = 0x400;
export const SHT_SYMTAB = 2;
export const SHT_NOBITS = 8;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

/** More than these no linker makes; a file that claims more is refused rather than waited for. */
const MAX_HEADERS = 4096;
const MAX_SECTIONS = 65_535;

export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
}

export interface ElfFile extends Source {
  readonly type: number;
  readonly machine: number;
  /** The address of the first instruction, as linked; 0: none. */
  readonly entry: number;
  readonly segments: readonly Segment[];
  /** Those that are loaded, by address; empty if the file has no usable section headers. */
  readonly sections: readonly Section[];
  /** All of them, in the file's order. */
  readonly allSections: readonly Section[];
  /** The program interpreter, that is the dynamic loader. */
  readonly interpreter: string | undefined;
}

/** Reads a file of at most 2 GB. Throws ElfError. */
export function readElf(file: string): ElfFile {
  return parseElf(readSource(file));
}

/** A file's content. Throws ElfError for what is no file: a device or a pipe may have no end, or wait for one. */
export function readSource(file: string): Source {
  return reading(file, () => {
    if (!statSync(file).isFile())
      throw new ElfError(`${file}: not a regular file`, { advice: 'name a program, a library or a script' });
    return { file, bytes: readFileSync(file) };
  });
}

/** What comes of a file; what the file system says against it becomes an ElfError, whose cause is the system's. */
export function reading<Read>(file: string, read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const [what, advice] =
      code === 'ENOENT'
        ? ['no such file', 'check the path']
        : code === 'EACCES'
          ? ['permission denied', 'what is to be analysed has to be readable']
          : [`cannot be read: ${(error as Error).message}`, 'check the file'];
    throw new ElfError(`${file}: ${what}`, { advice, cause: error });
  }
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Throws ElfError for what is not a 64-bit little-endian ELF program or library, or lies about its size. */
export function parseElf(source: Source): ElfFile {
  if (!isElf(source.bytes)) {
    throw new ElfError(`${source.file}: not an ELF file`, {
      advice: 'name a program, a library or a script',
    });
  }
  if (u8(source, 4) !== 2 || u8(source, 5) !== 1) {
    throw new ElfError(`${source.file}: only 64-bit little-endian ELF files can be read`, {
      advice: 'a 32-bit program needs a policy of its own, written by hand',
    });
  }
  const type = u16(source, 16);
  if (type !== ET_EXEC && type !== ET_DYN)
    fail(source, `neither a program nor a shared library (e_type ${type})`);
  const segments = readSegments(source);
  const allSections = readSections(source);
  const entry = u64(source, 24);
  const sections = loadedSections(allSections, entry);
  const interp = segments.find((one) => one.type === PT_INTERP);
  return {
    file: source.file,
    bytes: source.bytes,
    type,
    machine: u16(source, 18),
    entry,
    segments,
    sections,
    allSections,
    interpreter:
      interp === undefined ? undefined : text(source, interp.offset, interp.offset + interp.fileSize),
  };
}

function readSegments(source: Source): readonly Segment[] {
  const offset = u64(source, 32);
  const size = u16(source, 54);
  const count = u16(source, 56);
  if (count === 0 || count > MAX_HEADERS || size !== 56)
    fail(source, `${count} program headers of ${size} bytes`);
  need(source, offset, count * size, 'the table of program headers');
  const segments: Segment[] = [];
  for (let at = offset; at < offset + count * size; at += size) {
    const segment = {
      type: u32(source, at),
      flags: u32(source, at + 4),
      offset: u64(source, at + 8),
      address: u64(source, at + 16),
      fileSize: u64(source, at + 32),
      memorySize: u64(source, at + 40),
    };
    if ([PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_EH_FRAME].includes(segment.type)) {
      need(source, segment.offset, segment.fileSize, `segment ${segments.length}`);
      if (!Number.isSafeInteger(segment.address + segment.memorySize))
        fail(source, `segment ${segments.length} is too large`);
    }
    segments.push(segment);
  }
  const loaded = segments
    .filter((one) => one.type === PT_LOAD && one.memorySize > 0)
    .sort((a, b) => a.address - b.address);
  loaded.forEach((one, index) => {
    const before = loaded[index - 1];
    if (before !== undefined && before.address + before.memorySize > one.address)
      fail(source, `two segments are loaded over one another, at 0x${one.address.toString(16)}`);
  });
  return segments;
}

/** Sections that are loaded, by address. Those that lie over one another, or between which the entry is not in code, say nothing
 * that holds for the program: then there are none. */
function loadedSections(all: readonly Section[], entry: number): readonly Section[] {
  const sections = all
    .filter((one) => (one.flags & SHF_ALLOC) !== 0 && one.size > 0)
    .sort((a, b) => a.address - b.address);
  // Thread-local memory without content takes no room.
  const inMemory = sections.filter((one) => (one.flags & SHF_TLS) === 0 || one.type !== SHT_NOBITS);
  const isOver = inMemory.some((one, index) => {
    const before = inMemory[index - 1];
    return before !== undefined && before.address + before.size > one.address;
  });
  const holdsEntry = inMemory.some(
    (one) =>
      (one.flags & SHF_EXECINSTR) !== 0 &&
      one.type !== SHT_NOBITS &&
      entry >= one.address &&
      entry < one.address + one.size,
  );
  return isOver || (entry !== 0 && !holdsEntry) ? [] : sections;
}

/** Section headers are not needed to run a program, so a table that makes no sense is taken for none. */
export function readSections(source: Source): readonly Section[] {
  const offset = u64(source, 40);
  const size = u16(source, 58);
  const count = u16(source, 60);
  const names = u16(source, 62);
  const length = source.bytes.length;
  if (
    offset === 0 ||
    count === 0 ||
    count > MAX_SECTIONS ||
    size !== 64 ||
    !(offset + count * size <= length)
  )
    return [];
  const raw = Array.from({ length: count }, (_, index) => {
    const at = offset + index * size;
    return {
      nameOffset: u32(source, at),
      type: u32(source, at + 4),
      flags: u32(source, at + 8),
      address: u64(source, at + 16),
      offset: u64(source, at + 24),
      size: u64(source, at + 32),
      link: u32(source, at + 40),
      entrySize: u64(source, at + 56),
    };
  });
  const table = raw[names];
  if (table === undefined || !(table.offset + table.size <= length)) return [];
  if (
    raw.some(
      (one) =>
        !Number.isSafeInteger(one.address + one.size) ||
        (one.type !== SHT_NOBITS && !(one.offset + one.size <= length)),
    )
  ) {
    return [];
  }
  return raw.map(({ nameOffset, ...rest }) => {
    const start = table.offset + nameOffset;
    const zero = nameOffset < table.size ? source.bytes.indexOf(0, start) : -1;
    return {
      ...rest,
      name: zero < 0 ? '' : source.bytes.toString('latin1', start, Math.min(zero, start + 256)),
    };
  });
}

/** The offset in the file of what is loaded at an address; undefined for what is not in the file (.bss) or not loaded. */
export function offsetOf(elf: ElfFile, address: number): number | undefined {
  for (const one of elf.segments) {
    if (one.type === PT_LOAD && address >= one.address && address < one.address + one.fileSize) {
      return one.offset + (address - one.address);
    }
  }
  return undefined;
}

/** The build id as hex: the linker's fingerprint of the file (.note.gnu.build-id). */
export function buildId(elf: ElfFile): string | undefined {
  for (const note of elf.segments) {
    if (note.type !== PT_NOTE || !(note.offset + note.fileSize <= elf.bytes.length)) continue;
    const id = noteBuildId(elf, note.offset, note.fileSize);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** The build id among the notes that stand at an offset. Throws ElfError for notes that lie outside the file. */
export function noteBuildId(source: Source, offset: number, length: number): string | undefined {
  const end = offset + length;
  for (let at = offset; at + 12 <= end; ) {
    const nameSize = u32(source, at);
    const size = u32(source, at + 4);
    const data = at + 12 + ((nameSize + 3) & ~3);
    if (data + size > end) break;
    if (u32(source, at + 8) === 3 && source.bytes.toString('latin1', at + 12, at + 15) === 'GNU')
      return source.bytes.toString('hex', data, data + size);
    at = data + ((size + 3) & ~3);
  }
  return undefined;
}
