// Reading numbers out of a file that may be cut short or may lie. Every read is checked against the file's end, and what
// is wrong is one error that names the file, so that no other file of this folder has to think about it.

import { SandboxError } from '../errors.ts';

/** An ELF file (or a file beside one, such as ld.so.cache) cannot be read as what it claims to be. */
export class ElfError extends SandboxError {
  override readonly name = 'ElfError';
}

/** A file's name, for messages, and its content. */
export interface Source {
  readonly file: string;
  readonly bytes: Buffer;
}

export function fail(source: Source, what: string): never {
  throw new ElfError(`${source.file}: ${what}`, {
    advice: 'the file is damaged or not what it claims to be',
  });
}

/** Throws ElfError unless `length` bytes lie at `offset`. */
export function need(source: Source, offset: number, length: number, what: string): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.bytes.length)) {
    fail(source, `${what} lies outside the file (offset ${offset}, ${length} bytes)`);
  }
}

export function u8(source: Source, offset: number): number {
  need(source, offset, 1, 'a byte');
  return source.bytes[offset]!;
}

export function u16(source: Source, offset: number): number {
  need(source, offset, 2, 'a half word');
  return source.bytes.readUInt16LE(offset);
}

export function u32(source: Source, offset: number): number {
  need(source, offset, 4, 'a word');
  return source.bytes.readUInt32LE(offset);
}

export function i32(source: Source, offset: number): number {
  need(source, offset, 4, 'a word');
  return source.bytes.readInt32LE(offset);
}

/** An address, offset or size: more than 2^53 is none that a file could have, and comes back as Infinity. */
export function u64(source: Source, offset: number): number {
  need(source, offset, 8, 'a double word');
  const high = source.bytes.readUInt32LE(offset + 4);
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + source.bytes.readUInt32LE(offset);
}

/** Signed; what a double cannot hold exactly comes back as NaN, which is equal to no address. */
export function i64(source: Source, offset: number): number {
  need(source, offset, 8, 'a double word');
  const value = source.bytes.readInt32LE(offset + 4) * 2 ** 32 + source.bytes.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** A zero-terminated string; `end` is where its table ends. Names are bytes: latin1 keeps all of them apart. */
export function text(source: Source, offset: number, end = source.bytes.length): string {
  need(source, offset, 1, 'a name');
  const zero = source.bytes.indexOf(0, offset);
  if (zero < 0 || zero >= end) fail(source, `a name at offset ${offset} has no end`);
  return source.bytes.toString('latin1', offset, zero);
}

/** A number in LEB128 and the offset behind it (DWARF 5, section 7.6). More than 53 bits is an error. */
export function uleb(source: Source, offset: number): readonly [number, number] {
  let value = 0;
  let scale = 1;
  for (let at = offset; at < offset + 8; at++) {
    const byte = u8(source, at);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at + 1];
    scale *= 128;
  }
  return fail(source, `a number at offset ${offset} is too long`);
}
