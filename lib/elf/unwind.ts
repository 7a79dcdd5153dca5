// Where functions begin and end, from the tables that exceptions are unwound with. They survive stripping, and compilers
// write one entry (FDE) for each function, and one more for a part that was moved away ("cold"). Source: LSB 5.0,
// "Exception Frames"; the language-specific area (LSDA) as gcc's and LLVM's personality routines read it.

import { i32, i64, type Source, u8, u16, u32, uleb } from './bytes.ts';
import { type ElfFile, offsetOf, PT_GNU_EH_FRAME } from './file.ts';

export interface FunctionRange {
  readonly start: number;
  readonly end: number;
  /** Address of the language-specific data; 0: none. */
  readonly lsda: number;
}

export interface UnwindTables {
  readonly ranges: readonly FunctionRange[];
  /** Personality routines, which the unwinder calls: their addresses, or those of the words that point to them. */
  readonly personalities: readonly number[];
}

interface Cie {
  readonly personality: number;
  readonly pointerEncoding: number;
  readonly lsdaEncoding: number;
  readonly hasAugmentation: boolean;
  /** A signal's return trampoline: its entry begins one byte before the code, for the unwinder's sake. */
  readonly isSignal: boolean;
}

const MAX_ENTRIES = 4_000_000;
/** Of its letters there are eight. */
const MAX_AUGMENTATION = 16;
const OMIT = 0xff;

/** The ranges in the file's order; empty if there are no such tables. What cannot be read ends the list: it is a help and no
 * promise, and code in between is found by other means. */
export function functionRanges(elf: ElfFile): UnwindTables {
  const where = findFrames(elf);
  if (where === undefined) return { ranges: [], personalities: [] };
  const ranges: FunctionRange[] = [];
  const cies = new Map<number, Cie>();
  const { offset, address, end } = where;
  const addressAt = (at: number) => address + (at - offset);
  try {
    for (let at = offset, count = 0; at + 4 <= end && count < MAX_ENTRIES; count++) {
      const length = u32(elf, at);
      if (length === 0 || length === 0xffffffff || at + 4 + length > end) break;
      const id = u32(elf, at + 4);
      const body = at + 8;
      if (id === 0) cies.set(at, readCie(elf, body, addressAt));
      else {
        const cie = cies.get(at + 4 - id) ?? readCie(elf, at + 4 - id + 8, addressAt);
        const start = readPointer(elf, body, cie.pointerEncoding, addressAt(body));
        const size = readPointer(elf, start.next, cie.pointerEncoding & 0x0f, 0);
        let lsda = 0;
        if (cie.hasAugmentation) {
          const [length, data] = uleb(elf, size.next);
          if (length > 0 && cie.lsdaEncoding !== OMIT)
            lsda = readPointer(elf, data, cie.lsdaEncoding, addressAt(data)).value;
        }
        const first = start.value + (cie.isSignal ? 1 : 0);
        if (start.value > 0 && size.value > 1)
          ranges.push({ start: first, end: start.value + size.value, lsda });
      }
      at += 4 + length;
    }
  } catch {
    // A broken table: what was read so far stands.
  }
  const personalities = new Set([...cies.values()].map((cie) => cie.personality).filter((one) => one !== 0));
  return { ranges, personalities: [...personalities] };
}

function findFrames(elf: ElfFile): { offset: number; address: number; end: number } | undefined {
  const section = elf.sections.find((one) => one.name === '.eh_frame');
  if (section !== undefined)
    return { offset: section.offset, address: section.address, end: section.offset + section.size };
  const header = elf.segments.find((one) => one.type === PT_GNU_EH_FRAME);
  if (header === undefined || header.fileSize < 8) return undefined;
  try {
    const address = readPointer(elf, header.offset + 4, u8(elf, header.offset + 1), header.address + 4).value;
    const offset = offsetOf(elf, address);
    return offset === undefined ? undefined : { offset, address, end: elf.bytes.length };
  } catch {
    return undefined;
  }
}

function readCie(source: Source, body: number, addressAt: (at: number) => number): Cie {
  let at = body + 1;
  let augmentation = '';
  for (; u8(source, at) !== 0; at++) {
    if (augmentation.length >= MAX_AUGMENTATION) throw new RangeError('an augmentation without an end');
    augmentation += String.fromCharCode(u8(source, at));
  }
  at++;
  [, at] = uleb(source, at);
  [, at] = uleb(source, at);
  [, at] = uleb(source, at);
  let pointerEncoding = 0;
  let lsdaEncoding = OMIT;
  let personality = 0;
  const hasAugmentation = augmentation.startsWith('z');
  if (hasAugmentation) {
    [, at] = uleb(source, at);
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') pointerEncoding = u8(source, at++);
      else if (letter === 'L') lsdaEncoding = u8(source, at++);
      else if (letter === 'P') {
        const encoding = u8(source, at++);
        const pointer = readPointer(source, at, encoding, addressAt(at));
        personality = pointer.value;
        at = pointer.next;
      }
    }
  }
  return {
    personality,
    pointerEncoding,
    lsdaEncoding,
    hasAugmentation,
    isSignal: augmentation.includes('S'),
  };
}

/** DW_EH_PE_*: the low four bits say the form, the next three what it is relative to. */
function readPointer(
  source: Source,
  at: number,
  encoding: number,
  here: number,
): { value: number; next: number } {
  let value = 0;
  let next = at;
  switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
      value = i64(source, at);
      next = at + 8;
      break;
    case 0x01:
      [value, next] = uleb(source, at);
      break;
    case 0x02:
      value = u16(source, at);
      next = at + 2;
      break;
    case 0x03:
      value = u32(source, at);
      next = at + 4;
      break;
    case 0x0b:
      value = i32(source, at);
      next = at + 4;
      break;
    default:
      throw new RangeError(`pointer encoding ${encoding}`);
  }
  if (value !== 0 && (encoding & 0x70) === 0x10) value += here;
  return { value, next };
}

/** Where the unwinder may enter a function to clean up or to catch. Throws ElfError or RangeError for a table that
 * cannot be read. */
export function landingPads(elf: ElfFile, range: FunctionRange): readonly number[] {
  const offset = range.lsda === 0 ? undefined : offsetOf(elf, range.lsda);
  if (offset === undefined) return [];
  const addressAt = (at: number) => range.lsda + (at - offset);
  let at = offset;
  const startEncoding = u8(elf, at++);
  let base = range.start;
  if (startEncoding !== OMIT) {
    const start = readPointer(elf, at, startEncoding, addressAt(at));
    base = start.value;
    at = start.next;
  }
  if (u8(elf, at++) !== OMIT) [, at] = uleb(elf, at);
  const encoding = u8(elf, at++);
  const [length, table] = uleb(elf, at);
  const pads: number[] = [];
  for (at = table; at < table + length; ) {
    at = readPointer(elf, at, encoding, 0).next;
    at = readPointer(elf, at, encoding, 0).next;
    const pad = readPointer(elf, at, encoding, 0);
    [, at] = uleb(elf, pad.next);
    if (pad.value !== 0) pads.push(base + pad.value);
  }
  return pads;
}
