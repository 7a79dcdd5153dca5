// The kernel's own headers, as Debian packages them for each architecture: the second source that our tables are held against.
// The host's gcc reads them all. It is told that it is another machine by that machine's macros, and only compiles (never links or
// runs), so that neither a cross compiler nor the other architecture's C library is needed.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import type { AbiName } from '../../lib/linux/abi.ts';

export interface HeaderSet {
  readonly abi: AbiName;
  /** The Debian package that brings them. */
  readonly package: string;
  /** A file that only this package has, where `directories` belong to several. */
  readonly file?: string;
  readonly directories: readonly string[];
  readonly flags: readonly string[];
}

const notX86 = ['x86_64__', 'x86_64', 'amd64__', 'amd64', 'i386__', 'i386'].map((name) => `-U__${name}`);
const native = ['/usr/include/x86_64-linux-gnu', '/usr/include'];
const cross = (triplet: string) => [`/usr/${triplet}/include`];
const other = (bits: 32 | 64, ...macros: string[]) => [
  `-m${bits}`,
  ...notX86,
  ...macros.map((macro) => `-D${macro}`),
];

const stubFile = (bits: string) => `/usr/include/x86_64-linux-gnu/gnu/stubs-${bits}.h`;

export const headerSets: readonly HeaderSet[] = [
  { abi: 'x86_64', package: 'linux-libc-dev', directories: native, flags: ['-m64'] },
  // The C library's part of these two is in packages of their own.
  { abi: 'i386', package: 'libc6-dev-i386', file: stubFile('32'), directories: native, flags: ['-m32'] },
  { abi: 'x32', package: 'libc6-dev-x32', file: stubFile('x32'), directories: native, flags: ['-mx32'] },
  {
    abi: 'aarch64',
    package: 'linux-libc-dev-arm64-cross',
    directories: cross('aarch64-linux-gnu'),
    flags: other(64, '__aarch64__', '__AARCH64EL__'),
  },
  {
    abi: 'arm',
    package: 'linux-libc-dev-armhf-cross',
    directories: cross('arm-linux-gnueabihf'),
    // 64-bit members are aligned to 8 bytes there, unlike on i386
    flags: ['-malign-double', ...other(32, '__arm__', '__ARM_EABI__', '__ARMEL__')],
  },
  {
    abi: 'riscv64',
    package: 'linux-libc-dev-riscv64-cross',
    directories: cross('riscv64-linux-gnu'),
    flags: other(64, '__riscv', '__riscv_xlen=64'),
  },
  {
    abi: 'ppc64le',
    package: 'linux-libc-dev-ppc64el-cross',
    directories: cross('powerpc64le-linux-gnu'),
    flags: other(
      64,
      '__powerpc__',
      '__powerpc64__',
      '__PPC__',
      '__PPC64__',
      '__LITTLE_ENDIAN__',
      '_CALL_ELF=2',
    ),
  },
  {
    abi: 's390x',
    package: 'linux-libc-dev-s390x-cross',
    directories: cross('s390x-linux-gnu'),
    flags: other(64, '__s390__', '__s390x__'),
  },
  {
    abi: 'mips64',
    package: 'linux-libc-dev-mips64-cross',
    directories: cross('mips64-linux-gnuabi64'),
    flags: mips('__MIPSEB__', '_MIPSEB'),
  },
  {
    abi: 'mipsel64',
    package: 'linux-libc-dev-mips64el-cross',
    directories: cross('mips64el-linux-gnuabi64'),
    flags: mips('__MIPSEL__', '_MIPSEL'),
  },
];

function mips(...endian: string[]): string[] {
  return other(
    64,
    '__mips__',
    '__mips=64',
    '__mips64',
    '__mips64__',
    '_ABIO32=1',
    '_ABIN32=2',
    '_ABI64=3',
    '_MIPS_SIM=_ABI64',
    '_MIPS_SZLONG=64',
    ...endian,
  );
}

/** Why a set cannot be used here; undefined if it can. With SANDBOX_RUN_REQUIRE_TOOLS set, as in .ci/run, a missing package fails
 * instead of skipping. */
export function unavailable(set: HeaderSet): string | undefined {
  if (process.arch !== 'x64') return 'gcc for x86_64 reads these headers';
  const files = set.file === undefined ? set.directories.map((one) => join(one, 'asm/unistd.h')) : [set.file];
  if (files.some((file) => existsSync(file))) return undefined;
  if (process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined) throw new Error(`not installed: ${set.package}`);
  return `needs the Debian package ${set.package}`;
}

/** All macros after including headers, by name, as text. */
export function macrosOf(set: HeaderSet, source: string): ReadonlyMap<string, string> {
  const output = gcc(set, ['-E', '-dM'], source);
  const found = new Map<string, string>();
  for (const [, name, value] of output.matchAll(/^#define (\w+) (.+)$/gm)) found.set(name!, value!);
  return found;
}

/** The kernel version of the headers as [major, minor]. */
export function versionOf(set: HeaderSet): readonly [number, number] {
  const code = Number(macrosOf(set, '#include <linux/version.h>\n').get('LINUX_VERSION_CODE'));
  return [code >> 16, (code >> 8) & 0xff];
}

/** The values of macros and enumerators after including headers; names that these headers do not know are absent. */
export function valuesOf(set: HeaderSet, includes: string, names: readonly string[]): Map<string, bigint> {
  return evaluate((flags, source) => runGcc(set, flags, source), includes, names);
}

/** The same from the C library's headers of this machine. */
export function libraryValues(includes: string, names: readonly string[]): Map<string, bigint> {
  const run = (flags: readonly string[], source: string) =>
    spawnSync('gcc', ['-x', 'c', ...flags, '-'], { input: source, encoding: 'utf8', maxBuffer: 1 << 26 });
  return evaluate(run, includes, names);
}

/**
 * Enumerators cannot be asked for with #ifdef. So only names that the preprocessed headers contain are compiled, and those that the
 * compiler complains about (a field of that name, a size that it cannot know) are left out.
 */
function evaluate(
  run: (
    flags: readonly string[],
    source: string,
  ) => { status: number | null; stdout: string; stderr: string },
  includes: string,
  names: readonly string[],
): Map<string, bigint> {
  const text = run(['-E', '-dD'], `${includes}\n`);
  if (text.status !== 0) throw new Error(text.stderr.slice(0, 2000));
  const mentioned = new Set(text.stdout.match(/\b\w*[A-Z]\w*\b/g));
  const head = includes.split('\n').length;
  let left = names.filter((name) => mentioned.has(name));
  for (let attempt = 0; attempt < 6; attempt++) {
    const lines = left.map(
      (name) => `unsigned long long v_${name} = (unsigned long long)(long long)(${name});`,
    );
    const compiled = run(['-S', '-w', '-o', '-'], `${includes}\n${lines.join('\n')}\n`);
    if (compiled.status === 0) return readAssembly(compiled.stdout);
    const wrong = new Set<number>();
    for (const [, line] of compiled.stderr.matchAll(/^<stdin>:(\d+):\d+: error/gm))
      wrong.add(Number(line) - head - 1);
    const next = left.filter((_, index) => !wrong.has(index));
    if (next.length === left.length) throw new Error(compiled.stderr.slice(0, 2000));
    left = next;
  }
  throw new Error('still errors after leaving out what is not declared');
}

function readAssembly(text: string): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const [, name, body] of text.matchAll(/^v_(\w+):\n((?:\s+\.\w+[^\n]*\n)+)/gm)) {
    const parts = [...body!.matchAll(/\.(quad|long|zero)\s+(-?\d+)/g)];
    const first = parts[0]!;
    if (first[1] === 'zero') values.set(name!, 0n);
    else if (first[1] === 'quad') values.set(name!, BigInt.asIntN(64, BigInt(first[2]!)));
    else {
      const low = BigInt.asUintN(32, BigInt(first[2]!));
      const high = BigInt.asUintN(32, BigInt(parts[1]![2]!));
      values.set(name!, BigInt.asIntN(64, (high << 32n) | low));
    }
  }
  return values;
}

function gcc(set: HeaderSet, flags: readonly string[], source: string): string {
  const run = runGcc(set, flags, source);
  if (run.status !== 0) throw new Error(`${set.abi}: ${run.stderr.slice(0, 2000)}`);
  return run.stdout;
}

function runGcc(set: HeaderSet, flags: readonly string[], source: string) {
  const own = spawnSync('gcc', ['-print-file-name=include'], { encoding: 'utf8' }).stdout.trim();
  const directories = [stubs(), own, ...set.directories].flatMap((directory) => ['-isystem', directory]);
  const words = ['-x', 'c', ...flags, '-ffreestanding', '-nostdinc', ...set.flags, ...directories, '-'];
  return spawnSync('gcc', words, { input: source, encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** The kernel's headers include a few of the C library's. These say what is needed of them. */
const stubFiles: Readonly<Record<string, string>> = {
  'sys/types.h':
    '#pragma once\n#include <stddef.h>\n#include <linux/posix_types.h>\ntypedef __kernel_long_t time_t;\ntypedef int pid_t;\n',
  'sys/socket.h':
    '#pragma once\nstruct sockaddr { unsigned short sa_family; char sa_data[14]; };\ntypedef unsigned short sa_family_t;\n',
  'limits.h': '#define INT_MAX 0x7fffffff\n#define INT_MIN (-INT_MAX - 1)\n',
  'sys/time.h': '',
  'sys/ioctl.h': '',
  'string.h': '',
  'stdlib.h': '',
  'unistd.h': '',
  'signal.h': '',
  'time.h': '',
  'netinet/in.h': '',
};

let stubDirectory: string | undefined;

afterAll(() => {
  if (stubDirectory !== undefined) rmSync(stubDirectory, { recursive: true, force: true });
  stubDirectory = undefined;
});

function stubs(): string {
  if (stubDirectory === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'sandbox-run-headers-'));
    for (const [name, text] of Object.entries(stubFiles)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    stubDirectory = directory;
  }
  return stubDirectory;
}

/** loongarch64 has no package of its own in Debian 12; its headers are asm-generic's, but for ptrace (two requests). */
export function loongarch(): HeaderSet {
  const directory = join(stubs(), 'loongarch');
  if (!existsSync(directory)) {
    mkdirSync(join(directory, 'asm'), { recursive: true });
    for (const name of readdirSync('/usr/include/asm-generic')) {
      writeFileSync(join(directory, 'asm', name), `#include <asm-generic/${name}>\n`);
    }
    writeFileSync(
      join(directory, 'asm/bitsperlong.h'),
      '#define __BITS_PER_LONG 64\n#include <asm-generic/bitsperlong.h>\n',
    );
    writeFileSync(join(directory, 'asm/byteorder.h'), '#include <linux/byteorder/little_endian.h>\n');
    writeFileSync(join(directory, 'asm/sigcontext.h'), '');
    writeFileSync(join(directory, 'asm/prctl.h'), '');
    writeFileSync(
      join(directory, 'asm/ptrace.h'),
      '#define PTRACE_SYSEMU 0x1f\n#define PTRACE_SYSEMU_SINGLESTEP 0x20\n',
    );
    // What linux/kvm.h wants to know of an architecture; no number of ours depends on it
    const structs = [
      'kvm_debug_exit_arch',
      'kvm_sync_regs',
      'kvm_guest_debug_arch',
      'kvm_regs',
      'kvm_sregs',
      'kvm_fpu',
    ];
    writeFileSync(
      join(directory, 'asm/kvm.h'),
      `${structs.map((name) => `struct ${name} {};`).join('\n')}\n`,
    );
    // Not all of /usr/include: an `asm` there would be this machine's
    for (const name of ['linux', 'asm-generic']) {
      symlinkSync(`/usr/include/${name}`, join(directory, name));
    }
    // arch/loongarch/include/uapi/asm/unistd.h asks for these two
    writeFileSync(
      join(directory, 'asm/unistd.h'),
      '#define __ARCH_WANT_SYS_CLONE\n#define __ARCH_WANT_SYS_CLONE3\n#include <asm-generic/unistd.h>\n',
    );
  }
  return {
    abi: 'loongarch64',
    package: 'linux-libc-dev',
    directories: [directory],
    flags: other(64, '__loongarch__'),
  };
}
