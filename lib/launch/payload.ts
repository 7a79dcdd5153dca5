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
}

const MAGIC = Buffer.from('SRPAYLD\0', 'latin1');
const VERSION = 1;
const HEAD = 48;
const CHECKSUM_AT = 16;
const SUMMED_FROM = 24;
const MAX_FILTERS = 32;

export function encodePayload(payload: Payload, bigEndian = false): Buffer {
  const { filters, command } = payload;
  if (filters.length === 0 || filters.length > MAX_FILTERS) {
    throw new SandboxError(`a launcher holds 1 to ${MAX_FILTERS} filters, not ${filters.length}`);
  }
  const policy = Buffer.from(`${payload.policy}\0`);
  const body = [
    ...filters.map((program) => filterBytes(program, bigEndian)),
    ...command.flatMap((word) => [Buffer.from(word), Buffer.of(0)]),
    policy,
  ];
  const bytes = Buffer.concat([Buffer.alloc(HEAD), ...body]);
  MAGIC.copy(bytes);
  const put = (value: number, at: number) =>
    bigEndian ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at);
  put(bytes.length, 8);
  put(VERSION, 12);
  [payload.arch, payload.flags, filters.length, command.length, policy.length - 1].forEach((value, index) => {
    put(value, SUMMED_FROM + 4 * index);
  });
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
  const [arch, flags, filterCount, wordCount] = [24, 28, 32, 36].map(word) as [
    number,
    number,
    number,
    number,
  ];
  let at = HEAD;
  const filters: Program[] = [];
  for (let filter = 0; filter < filterCount; filter++) {
    const [length, pairs] = [word(at), word(at + 4)];
    const marks = at + 8 + 8 * length;
    const cookies = new Map<number, number>();
    for (let pair = 0; pair < pairs; pair++) cookies.set(word(marks + 8 * pair), word(marks + 8 * pair + 4));
    filters.push(
      decode(bytes.subarray(at + 8, marks)).map((one, index) => {
        const cookie = cookies.get(index);
        return cookie === undefined ? one : { ...one, cookie };
      }),
    );
    at = marks + 8 * pairs;
  }
  const texts: Buffer[] = [];
  for (let start = at; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    if (end < 0) throw damaged;
    texts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (texts.length !== wordCount + 1) throw damaged;
  return { arch, flags, filters, command: texts.slice(0, -1), policy: texts.at(-1)!.toString() };
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
