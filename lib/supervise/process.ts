// Looking at a thread from outside, through /proc: which program it runs, what its descriptors and addresses mean. All of it
// may vanish or be forbidden at any moment, and then nothing is said about it.

import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';

export interface Thread {
  readonly tid: number;
  readonly pid: number;
  /** Its name, which threads may set themselves. */
  readonly name: string;
  /** The path of its program's file. */
  readonly program: string;
  /** How many threads its process has. */
  readonly threads: number;
  /** How many filters it has; undefined where the kernel does not say (before Linux 5.9). */
  readonly filters: number | undefined;
  /** Signals by number that are blocked, ignored or caught. */
  readonly masks: { readonly blocked: bigint; readonly ignored: bigint; readonly caught: bigint };
}

export function readThread(tid: number): Thread {
  const status = readText(`/proc/${tid}/status`) ?? '';
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
  const mask = (name: string) => BigInt(`0x${field(name) ?? '0'}`);
  return {
    tid,
    pid: Number(field('Tgid') ?? tid),
    name: field('Name') ?? '?',
    program: programOf(tid),
    threads: Number(field('Threads') ?? 1),
    filters: field('Seccomp_filters') === undefined ? undefined : Number(field('Seccomp_filters')),
    masks: { blocked: mask('SigBlk'), ignored: mask('SigIgn'), caught: mask('SigCgt') },
  };
}

/** The path of the file that a thread runs. */
export function programOf(tid: number): string {
  return readLink(`/proc/${tid}/exe`) ?? '?';
}

/** What a descriptor refers to: a path, `socket:[123]`, `pipe:[123]`; undefined where it is not open. */
export function descriptorTarget(tid: number, fd: number): string | undefined {
  return readLink(`/proc/${tid}/fd/${fd}`);
}

/** Up to `length` bytes from an address, fewer where the mapping ends; undefined where nothing can be read. */
export function readMemory(tid: number, address: bigint, length: number): Buffer | undefined {
  if (address === 0n || address >= 1n << 63n) return undefined;
  let file: number | undefined;
  try {
    file = openSync(`/proc/${tid}/mem`, 'r');
    const bytes = Buffer.alloc(length);
    let have = 0;
    // A read stops at a page that is not there, and says so only if it is the first.
    while (have < length) {
      const page = 4096 - Number((address + BigInt(have)) % 4096n);
      const got = tryRead(file, bytes, have, Math.min(page, length - have), address + BigInt(have));
      if (got === 0) break;
      have += got;
    }
    return have === 0 ? undefined : bytes.subarray(0, have);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function tryRead(file: number, into: Buffer, at: number, length: number, position: bigint): number {
  try {
    return readSync(file, into, at, length, position);
  } catch {
    return 0;
  }
}

/** Where code lies: the file that is mapped there, and the offset in that file. */
export interface CodePlace {
  readonly file: string;
  readonly offset: number;
}

/** The code at an address; `[vdso]`, `[anon]` and the like are no files and have the offset from their start. */
export function codeAt(tid: number, address: bigint): CodePlace | undefined {
  for (const line of (readText(`/proc/${tid}/maps`) ?? '').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, low, high, offset, file] = match;
    const start = BigInt(`0x${low}`);
    if (address < start || address >= BigInt(`0x${high}`)) continue;
    return {
      file: file === '' ? '[anon]' : file!,
      offset: Number(address - start) + Number.parseInt(offset!, 16),
    };
  }
  return undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
