// The bytes that a launcher without Node takes its filter from: written here, read by native/core/payload.c, which tells the format.

import { decode, encode, type Program } from '../bpf/instruction.ts';
import { SandboxError } from '../errors.ts';

export interface Payload {
  /** AUDIT_ARCH_ value of the machine that it is for. */
  readonly arch: number;
  /** SECCOMP_FILTER_FLAG_ bits. */
  readonly flags: number;
  /** Proved, with the gates of a launch, in the order in which they are installed. */
  readonly filters: readonly Program[];
  /** The command, or its beginning; may be empty. */
  readonly command: readonly Uint8Array[];
  /** The policy in its language, for people. */
  readonly policy: string;
  /** For a launcher that is started in the place of a program (native/launcher.c, SR_MODE_SPAWN). */
  readonly spawns?: boolean;
  /** Filters that begin later than exec; `filters` have the gate for seccomp then. */
  readonly later?: {
    readonly place: number;
    readonly offset: number;
    readonly filters: readonly Program[];
  };
  /** A process that listens where `filter` asks instead of refusing: its command and what it is told. */
  readonly watcher?: {
    readonly filter: Program;
    readonly command: readonly Uint8Array[];
    readonly text: Uint8Array;
  };
}

const MAGIC = Buffer.from('SRPAYLD\0', 'latin1');
const VERSION = 2;
const HEAD = 80;
const MODE_SPAWN = 1;
const CHECKSUM_AT = 16;
const SUMMED_FROM = 24;
const MAX_FILTERS = 32;

export function encodePayload(payload: Payload, bigEndian = false): Buffer {
  const { filters, command, later, watcher } = payload;
  if ((later?.filters.length ?? 0) > MAX_FILTERS) {
    throw new SandboxError(`a launcher holds up to ${MAX_FILTERS} filters for later`);
  }
  if (watcher?.text.includes(0) === true) throw new SandboxError('a text for a watcher has no zero byte');
  if (filters.length === 0 || filters.length > MAX_FILTERS) {
    throw new SandboxError(`a launcher holds 1 to ${MAX_FILTERS} filters, not ${filters.length}`);
  }
  const policy = Buffer.from(`${payload.policy}\0`);
  const body = [
    ...filters.map((program) => filterBytes(program, bigEndian)),
    ...(later?.filters ?? []).map((program) => filterBytes(program, bigEndian)),
    ...(watcher === undefined ? [] : [filterBytes(watcher.filter, bigEndian)]),
    ...[...command, ...(watcher?.command ?? [])].flatMap((word) => [Buffer.from(word), Buffer.of(0)]),
    Buffer.from(watcher?.text ?? []),
    Buffer.of(0),
    policy,
  ];
  const bytes = Buffer.concat([Buffer.alloc(HEAD), ...body]);
  MAGIC.copy(bytes);
  const put = (value: number, at: number) =>
    bigEndian ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at);
  put(bytes.length, 8);
  put(VERSION, 12);
  const mode = payload.spawns === true ? MODE_SPAWN : 0;
  [payload.arch, payload.flags, filters.length, command.length, policy.length - 1, mode].forEach(
    (value, index) => {
      put(value, SUMMED_FROM + 4 * index);
    },
  );
  put(later?.filters.length ?? 0, 48);
  put(later?.place ?? 0, 52);
  if (bigEndian) bytes.writeBigInt64BE(BigInt(later?.offset ?? 0), 56);
  else bytes.writeBigInt64LE(BigInt(later?.offset ?? 0), 56);
  [watcher === undefined ? 0 : 1, watcher?.command.length ?? 0, watcher?.text.length ?? 0].forEach(
    (value, index) => {
      put(value, 64 + 4 * index);
    },
  );
  const sum = checksum(bytes.subarray(SUMMED_FROM));
  if (bigEndian) bytes.writeBigUInt64BE(sum, CHECKSUM_AT);
  else bytes.writeBigUInt64LE(sum, CHECKSUM_AT);
  return bytes;
}

/** Reads what encodePayload wrote for a little-endian machine. Throws SandboxError where a byte is not as it was. */
export function decodePayload(bytes: Buffer): Payload {
  const damaged = new SandboxError('the payload is damaged or truncated', {
    advice: 'make the launcher anew with sandbox-run pack',
  });
  if (bytes.length < HEAD || !bytes.subarray(0, 8).equals(MAGIC)) throw damaged;
  const word = (at: number) => bytes.readUInt32LE(at);
  if (word(8) !== bytes.length || word(12) !== VERSION) throw damaged;
  if (checksum(bytes.subarray(SUMMED_FROM)) !== bytes.readBigUInt64LE(CHECKSUM_AT)) throw damaged;
  let at = HEAD;
  const nextFilter = (): Program => {
    const [length, pairs] = [word(at), word(at + 4)];
    const marks = at + 8 + 8 * length;
    const cookies = new Map<number, number>();
    for (let pair = 0; pair < pairs; pair++) cookies.set(word(marks + 8 * pair), word(marks + 8 * pair + 4));
    const program = decode(bytes.subarray(at + 8, marks)).map((one, index) => {
      const cookie = cookies.get(index);
      return cookie === undefined ? one : { ...one, cookie };
    });
    at = marks + 8 * pairs;
    return program;
  };
  const nextText = (): Buffer => {
    const end = bytes.indexOf(0, at);
    if (end < 0) throw damaged;
    const text = bytes.subarray(at, end);
    at = end + 1;
    return text;
  };
  const many = <T>(count: number, next: () => T): readonly T[] => Array.from({ length: count }, next);
  const filters = many(word(32), nextFilter);
  const later = many(word(48), nextFilter);
  const watched = many(word(64), nextFilter)[0];
  const command = many(word(36), nextText);
  const watcher = many(word(68), nextText);
  const text = nextText();
  const policy = nextText().toString();
  if (at !== bytes.length || text.length !== word(72)) throw damaged;
  return {
    arch: word(24),
    flags: word(28),
    filters,
    command,
    policy,
    ...(word(44) === MODE_SPAWN ? { spawns: true } : {}),
    ...(later.length === 0
      ? {}
      : { later: { place: word(52), offset: Number(bytes.readBigInt64LE(56)), filters: later } }),
    ...(watched === undefined ? {} : { watcher: { filter: watched, command: watcher, text } }),
  };
}

function filterBytes(program: Program, bigEndian: boolean): Buffer {
  const marks = program.flatMap((one, index) => (one.cookie === undefined ? [] : [index, one.cookie]));
  const words = (numbers: readonly number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    numbers.forEach((number, index) => {
      if (bigEndian) bytes.writeUInt32BE(number, 4 * index);
      else bytes.writeUInt32LE(number, 4 * index);
    });
    return bytes;
  };
  return Buffer.concat([words([program.length, marks.length / 2]), encode(program, bigEndian), words(marks)]);
}

/** FNV-1a, 64 bits (draft-eastlake-fnv), in four words of 16 bits: BigInt would take a while. The prime is 2⁴⁰ + 0x1b3. */
function checksum(bytes: Uint8Array): bigint {
  let [a, b, c, d] = [0x2325, 0x8422, 0x9ce4, 0xcbf2];
  for (const byte of bytes) {
    a ^= byte;
    const low = a * 0x1b3;
    const second = b * 0x1b3 + Math.floor(low / 0x10000);
    const third = c * 0x1b3 + a * 0x100 + Math.floor(second / 0x10000);
    const fourth = d * 0x1b3 + b * 0x100 + Math.floor(third / 0x10000);
    [a, b, c, d] = [low & 0xffff, second & 0xffff, third & 0xffff, fourth & 0xffff];
  }
  return (BigInt(d) << 48n) | (BigInt(c) << 32n) | (BigInt(b) << 16n) | BigInt(a);
}
