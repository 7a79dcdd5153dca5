// A call as people read it: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`. What lies behind a pointer is read
// from the program's memory with care: it may be garbage, and it may change; nothing is decided by it.

import type { Abi } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import { constantValue, nameConstant, nameFlags } from '../linux/constants.ts';
import { descriptorTarget, readMemory } from './process.ts';

export interface DecodedArgument {
  readonly name: string;
  /** The register, as an unsigned number. */
  readonly value: bigint;
  readonly text: string;
}

/** Names that the kernel's prototypes and manual pages give to descriptors. */
const DESCRIPTORS = new Set(
  'fd sockfd dfd dirfd fildes oldfd newfd epfd fd_in fd_out in_fd out_fd infd outfd ufd mqdes pidfd olddfd newdfd'.split(
    ' ',
  ),
);

export function isDescriptor(parameter: Parameter): boolean {
  return !parameter.pointer && parameter.bits === 32 && parameter.names.some((name) => DESCRIPTORS.has(name));
}

/** The arguments of a call with what they mean. `tid`: whose memory and descriptors; undefined: only the registers. */
export function decodeArguments(
  name: string | undefined,
  abi: Abi,
  args: readonly bigint[],
  tid: number | undefined,
): readonly DecodedArgument[] {
  const parameters = name === undefined ? undefined : parametersOf(name, abi);
  if (parameters === undefined) {
    return args.map((value, index) => ({ name: `arg${index}`, value, text: hex(value) }));
  }
  return parameters.map((parameter, index) => ({
    name: parameter.names[0]!,
    value: args[index]!,
    text: textOf(parameter, index, parameters, args, abi, tid),
  }));
}

function textOf(
  parameter: Parameter,
  index: number,
  parameters: readonly Parameter[],
  args: readonly bigint[],
  abi: Abi,
  tid: number | undefined,
): string {
  const bits = BigInt.asUintN(parameter.bits, args[index]!);
  const number = parameter.signed ? BigInt.asIntN(parameter.bits, bits) : bits;
  const { constants } = parameter;
  if (constants !== undefined) {
    if (constants.kind === 'flags') return nameFlags(constants.family, bits, abi);
    const named = nameConstant(constants.family, bits, abi);
    if (named !== undefined) return named;
  }
  if (isDescriptor(parameter)) return descriptor(number, tid);
  if (!parameter.pointer)
    return number > 0xffffffn && constants === undefined && !parameter.signed ? hex(number) : String(number);
  if (bits === 0n) return 'NULL';
  return (
    (tid === undefined ? undefined : pointed(parameter, index, parameters, args, bits, abi, tid)) ?? hex(bits)
  );
}

function descriptor(number: bigint, tid: number | undefined): string {
  const fd = BigInt.asIntN(32, number);
  if (fd === -100n) return 'AT_FDCWD';
  const target = tid === undefined || fd < 0n ? undefined : descriptorTarget(tid, Number(fd));
  return target === undefined ? String(fd) : `${fd}<${printable(target)}>`;
}

const LONGEST_PATH = 4096;
const SHOWN_BYTES = 48;
const SHOWN_WORDS = 8;

function pointed(
  parameter: Parameter,
  index: number,
  parameters: readonly Parameter[],
  args: readonly bigint[],
  address: bigint,
  abi: Abi,
  tid: number,
): string | undefined {
  const { type } = parameter;
  if (/^const char \*$/.test(type)) {
    // A buffer with a length is no text with an end.
    const length = lengthAfter(parameters, args, index);
    return length === undefined ? textAt(tid, address) : bytesAt(tid, address, length);
  }
  if (/^const char \*\*$/.test(type)) return wordsAt(tid, address, abi);
  if (/sockaddr \*$/.test(type)) {
    const length = args[index + 1];
    return parameters[index + 1]?.pointer === false && length !== undefined
      ? addressAt(tid, address, Number(BigInt.asUintN(32, length)), abi)
      : undefined;
  }
  if (/^const void \*$/.test(type)) {
    const length = lengthAfter(parameters, args, index);
    return length === undefined ? undefined : bytesAt(tid, address, length);
  }
  return undefined;
}

function lengthAfter(
  parameters: readonly Parameter[],
  args: readonly bigint[],
  index: number,
): number | undefined {
  if (parameters[index + 1]?.type !== 'size_t') return undefined;
  const length = args[index + 1]!;
  return length > 1n << 31n ? undefined : Number(length);
}

function textAt(tid: number, address: bigint): string | undefined {
  const bytes = readMemory(tid, address, LONGEST_PATH);
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return end < 0 ? `${quoted(bytes.subarray(0, SHOWN_BYTES))}…` : quoted(bytes.subarray(0, end));
}

function bytesAt(tid: number, address: bigint, length: number): string | undefined {
  const bytes = readMemory(tid, address, Math.min(length, SHOWN_BYTES));
  return bytes === undefined ? undefined : `${quoted(bytes)}${length > bytes.length ? '…' : ''}`;
}

function wordsAt(tid: number, address: bigint, abi: Abi): string | undefined {
  const size = abi.wordBits / 8;
  const list = readMemory(tid, address, size * (SHOWN_WORDS + 1));
  if (list === undefined) return undefined;
  const words: string[] = [];
  for (let at = 0; at + size <= list.length; at += size) {
    const pointer = size === 8 ? list.readBigUInt64LE(at) : BigInt(list.readUInt32LE(at));
    if (pointer === 0n) return `[${words.join(', ')}]`;
    if (words.length === SHOWN_WORDS) break;
    words.push(textAt(tid, pointer) ?? hex(pointer));
  }
  return `[${[...words, '…'].join(', ')}]`;
}

/** unix(7), ip(7), ipv6(7). */
function addressAt(tid: number, address: bigint, length: number, abi: Abi): string | undefined {
  const bytes = readMemory(tid, address, Math.min(length, 128));
  if (bytes === undefined || bytes.length < 2) return undefined;
  const family = abi.bigEndian ? bytes.readUInt16BE(0) : bytes.readUInt16LE(0);
  const is = (name: string) => constantValue(name, abi) === BigInt(family);
  if (is('AF_UNIX')) {
    const path = bytes.subarray(2);
    // An abstract name begins with a zero byte and has no end but the length.
    if (path[0] === 0) return `{AF_UNIX, @${quoted(path.subarray(1))}}`;
    const end = path.indexOf(0);
    return `{AF_UNIX, ${quoted(end < 0 ? path : path.subarray(0, end))}}`;
  }
  if (is('AF_INET') && bytes.length >= 8) {
    return `{AF_INET, ${[...bytes.subarray(4, 8)].join('.')}:${bytes.readUInt16BE(2)}}`;
  }
  if (is('AF_INET6') && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(8 + 2 * at).toString(16));
    return `{AF_INET6, [${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]:${bytes.readUInt16BE(2)}}`;
  }
  return `{${nameConstant('address-families', BigInt(family), abi) ?? `family ${family}`}, …}`;
}

/** As C would write it; what is no printable ASCII, as \x…. */
function quoted(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0x0a) text += '\\n';
    else if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `"${text}"`;
}

/** Text from outside without anything that a terminal would act on. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
