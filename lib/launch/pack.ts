// A launcher that carries its filter: native/launcher.c with a payload behind it. Its note (PT_NOTE, see the launcher's source)
// becomes the program header that maps the payload, so the kernel has it in memory before the first instruction, without
// /proc, without a read, and also where the file may be executed but not read.

import { SandboxError } from '../errors.ts';
import { decodePayload, encodePayload, type Payload } from './payload.ts';

// elf(5), 64-bit little-endian files.
const HEADER = 64;
const PROGRAM_HEADER = 56;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_R_W = 6;
const PAGE = 0x10000;

const NOTE_NAME = Buffer.from('sandbox-run\0', 'latin1');
/** In the note: three words, the name, then address and size of the payload. */
const SLOT = 24;

interface ProgramHeader {
  readonly at: number;
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** An executable's bytes: `launcher` (sandbox-launch as it was built) with the payload. Throws SandboxError if it is no such file. */
export function packLauncher(launcher: Uint8Array, payload: Payload): Buffer {
  const file = Buffer.from(launcher);
  const headers = programHeaders(file);
  const note = headers.find((one) => one.type === PT_NOTE);
  const slot = note === undefined ? -1 : slotOf(file, note);
  if (note === undefined || slot < 0 || file.readBigUInt64LE(slot) !== 0n)
    throw notALauncher('is not an empty launcher');
  const bytes = encodePayload(payload);
  const offset = Math.ceil(file.length / 16) * 16;
  const end = Math.max(
    ...headers.filter((one) => one.type === PT_LOAD).map((one) => one.address + one.memorySize),
  );
  // Behind all others, at an address that is as far from its page's beginning as the bytes are in the file.
  const address = Math.ceil(end / PAGE) * PAGE + PAGE + (offset % PAGE);
  file.writeBigUInt64LE(BigInt(address), slot);
  file.writeBigUInt64LE(BigInt(bytes.length), slot + 8);
  writeLoad(file, note.at, offset, address, bytes.length);
  moveBehindLoads(file, headers, note);
  return Buffer.concat([file, Buffer.alloc(offset - file.length), bytes]);
}

/** What a packed launcher holds. Throws SandboxError where it is none, or is damaged. */
export function inspectLauncher(bytes: Uint8Array): Payload {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const header of programHeaders(file)) {
    const start = header.offset;
    if (header.type !== PT_LOAD || start + header.fileSize > file.length) continue;
    if (file.subarray(start, start + 7).toString('latin1') !== 'SRPAYLD') continue;
    return decodePayload(file.subarray(start, start + header.fileSize));
  }
  throw notALauncher('holds no filter');
}

function programHeaders(file: Buffer): readonly ProgramHeader[] {
  const isElf = file.length > HEADER && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
  if (!isElf) throw notALauncher('is no 64-bit ELF file');
  const table = Number(file.readBigUInt64LE(32));
  const count = file.readUInt16LE(56);
  if (table + count * PROGRAM_HEADER > file.length) throw notALauncher('is truncated');
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * PROGRAM_HEADER;
    const wide = (offset: number) => Number(file.readBigUInt64LE(at + offset));
    return {
      at,
      type: file.readUInt32LE(at),
      offset: wide(8),
      address: wide(16),
      fileSize: wide(32),
      memorySize: wide(40),
    };
  });
}

function slotOf(file: Buffer, note: ProgramHeader): number {
  const name = file.subarray(note.offset + 12, note.offset + SLOT);
  return name.equals(NOTE_NAME) && note.offset + SLOT + 16 <= file.length ? note.offset + SLOT : -1;
}

function writeLoad(file: Buffer, at: number, offset: number, address: number, size: number): void {
  file.writeUInt32LE(PT_LOAD, at);
  file.writeUInt32LE(PF_R_W, at + 4);
  [offset, address, address, size, size, PAGE].forEach((value, index) => {
    file.writeBigUInt64LE(BigInt(value), at + 8 + 8 * index);
  });
}

/** Loadable segments stand in the order of their addresses (elf(5)); the new one comes last of all headers. */
function moveBehindLoads(file: Buffer, headers: readonly ProgramHeader[], moved: ProgramHeader): void {
  const copy = (header: ProgramHeader) => Buffer.from(file.subarray(header.at, header.at + PROGRAM_HEADER));
  const ordered = [...headers.filter((one) => one !== moved), moved].map(copy);
  ordered.forEach((bytes, index) => {
    bytes.copy(file, headers[index]!.at);
  });
}

function notALauncher(what: string): SandboxError {
  return new SandboxError(`the file ${what}`, { advice: 'launchers are made with sandbox-run pack' });
}
