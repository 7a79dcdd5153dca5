// The ways of calling a Linux kernel that we know: what tells them apart in a filter, and how wide their words are.
// Sources: include/uapi/linux/audit.h (AUDIT_ARCH_*), arch/x86/include/uapi/asm/unistd.h (bit 30 of x32),
// arch/mips/include/uapi/asm/unistd.h (n64 starts at 5000).

export type AbiName =
  | 'x86_64'
  | 'i386'
  | 'x32'
  | 'aarch64'
  | 'arm'
  | 'riscv64'
  | 'loongarch64'
  | 'ppc64le'
  | 's390x'
  | 'mips64'
  | 'mipsel64';

export interface Abi {
  readonly name: AbiName;
  /** seccomp_data.arch: an unsigned 32-bit AUDIT_ARCH_ value. x86_64 and x32 share one. */
  readonly auditArch: number;
  /** Width of long, size_t and pointers as the kernel reads them from registers. */
  readonly wordBits: 32 | 64;
  /** Which half of a 64-bit argument comes first in seccomp_data. */
  readonly bigEndian: boolean;
  /** Added to a number of the table to give seccomp_data.nr. */
  readonly numberBase: number;
  /** The column of the number table that serves it. */
  readonly table: Exclude<AbiName, 'mipsel64'>;
}

const row = (
  name: AbiName,
  auditArch: number,
  wordBits: 32 | 64,
  endian: 'little' | 'big' = 'little',
  numberBase = 0,
  table: AbiName = name,
): Abi => ({
  name,
  auditArch,
  wordBits,
  bigEndian: endian === 'big',
  numberBase,
  table: table as Abi['table'],
});

/** Set in seccomp_data.nr for x32 calls (__X32_SYSCALL_BIT). */
export const X32_BIT = 0x40000000;

export const abis: Readonly<Record<AbiName, Abi>> = {
  x86_64: row('x86_64', 0xc000003e, 64),
  i386: row('i386', 0x40000003, 32),
  x32: row('x32', 0xc000003e, 64, 'little', X32_BIT),
  aarch64: row('aarch64', 0xc00000b7, 64),
  arm: row('arm', 0x40000028, 32),
  riscv64: row('riscv64', 0xc00000f3, 64),
  loongarch64: row('loongarch64', 0xc0000102, 64),
  ppc64le: row('ppc64le', 0xc0000015, 64),
  s390x: row('s390x', 0x80000016, 64, 'big'),
  mips64: row('mips64', 0x80000008, 64, 'big', 5000),
  mipsel64: row('mipsel64', 0xc0000008, 64, 'little', 5000, 'mips64'),
};

export const abiNames = Object.keys(abis) as AbiName[];

export function isAbiName(name: string): name is AbiName {
  return Object.hasOwn(abis, name);
}

/** The ABIs that a kernel of one machine can serve, its native one first. */
const families: readonly (readonly AbiName[])[] = [
  ['x86_64', 'i386', 'x32'],
  ['aarch64', 'arm'],
  ['riscv64'],
  ['loongarch64'],
  ['ppc64le'],
  ['s390x'],
  ['mips64'],
  ['mipsel64'],
];

/** The ABIs that share a kernel with this one, the native one first. */
export function familyOf(abi: AbiName): readonly AbiName[] {
  return families.find((family) => family.includes(abi)) ?? [abi];
}

/** Node's process.arch → the machine's native ABI; undefined where we have no table for it. */
export function abiOfNodeArch(arch: string, endianness: 'LE' | 'BE' = 'LE'): Abi | undefined {
  const names: Record<string, AbiName> = {
    x64: 'x86_64',
    ia32: 'i386',
    arm64: 'aarch64',
    arm: 'arm',
    riscv64: 'riscv64',
    loong64: 'loongarch64',
    ppc64: 'ppc64le',
    s390x: 's390x',
    mips64el: 'mipsel64',
  };
  const name = names[arch];
  if (name === undefined || (name === 'ppc64le' && endianness === 'BE')) return undefined;
  return abis[name];
}
