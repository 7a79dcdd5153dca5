// What libseccomp and the formats around it call architectures and actions.
// Source: OCI runtime-spec, config-linux.md, "Seccomp"; libseccomp's seccomp.h.in and src/arch-x86.c (its multiplexed calls).

import type { AbiName } from '../linux/abi.ts';

/** SCMP_ARCH_ names of ABIs that we have tables for. */
export const archNames: Readonly<Record<string, AbiName>> = {
  SCMP_ARCH_X86_64: 'x86_64',
  SCMP_ARCH_X86: 'i386',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_AARCH64: 'aarch64',
  SCMP_ARCH_ARM: 'arm',
  SCMP_ARCH_RISCV64: 'riscv64',
  SCMP_ARCH_LOONGARCH64: 'loongarch64',
  SCMP_ARCH_PPC64LE: 'ppc64le',
  SCMP_ARCH_S390X: 's390x',
  SCMP_ARCH_MIPS64: 'mips64',
  SCMP_ARCH_MIPSEL64: 'mipsel64',
};

/** SCMP_ARCH_ names that exist and that we have no tables for. A call through one of them is refused. */
export const otherArchNames: readonly string[] = [
  ...['SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64N32'],
  ...['SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_S390', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64'],
  ...['SCMP_ARCH_M68K', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB'],
];

export function archNameOf(abi: AbiName): string {
  return Object.entries(archNames).find(([, own]) => own === abi)![0];
}

/** Go's names of architectures, as profiles' conditions have them. */
export const goArchNames: Readonly<Record<AbiName, string>> = {
  x86_64: 'amd64',
  i386: 'x86',
  x32: 'x32',
  aarch64: 'arm64',
  arm: 'arm',
  riscv64: 'riscv64',
  loongarch64: 'loong64',
  ppc64le: 'ppc64le',
  s390x: 's390x',
  mips64: 'mips64',
  mipsel64: 'mipsel64',
};
