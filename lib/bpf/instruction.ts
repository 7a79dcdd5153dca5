// Classic BPF as seccomp takes it: one instruction, its codes, and its eight bytes.
// Sources: include/uapi/linux/bpf_common.h, filter.h; kernel/seccomp.c, seccomp_check_filter (what is permitted).

/** struct sock_filter. `code` is 16 bits, `jt` and `jf` 8 bits each (instructions to skip), `k` unsigned 32 bits. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
  /** The launcher's cookie word (0…5) that takes the place of `k` when the filter is installed. */
  readonly cookie?: number;
}

export type Program = readonly Instruction[];

/** The kernel's limit for one filter (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

export const BPF_LD_W_ABS = 0x20;
export const BPF_LD_IMM = 0x00;
export const BPF_LD_MEM = 0x60;
export const BPF_LD_W_LEN = 0x80;
export const BPF_LDX_IMM = 0x01;
export const BPF_LDX_MEM = 0x61;
export const BPF_LDX_W_LEN = 0x81;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU_ADD_K = 0x04;
export const BPF_ALU_AND_K = 0x54;
export const BPF_ALU_OR_K = 0x44;
export const BPF_JMP_JA = 0x05;
export const BPF_JMP_JEQ_K = 0x15;
export const BPF_JMP_JGT_K = 0x25;
export const BPF_JMP_JGE_K = 0x35;
export const BPF_JMP_JSET_K = 0x45;
export const BPF_JMP_JEQ_X = 0x1d;
export const BPF_RET_K = 0x06;
export const BPF_RET_A = 0x16;
export const BPF_MISC_TAX = 0x07;
export const BPF_MISC_TXA = 0x87;

export const load = (offset: number): Instruction => ({ code: BPF_LD_W_ABS, jt: 0, jf: 0, k: offset });
export const and = (mask: number): Instruction => ({ code: BPF_ALU_AND_K, jt: 0, jf: 0, k: mask >>> 0 });
export const ret = (value: number): Instruction => ({ code: BPF_RET_K, jt: 0, jf: 0, k: value >>> 0 });
export const jump = (distance: number): Instruction => ({ code: BPF_JMP_JA, jt: 0, jf: 0, k: distance });
export const jumpIf = (code: number, k: number, jt: number, jf: number): Instruction => ({
  code,
  jt,
  jf,
  k: k >>> 0,
});

/** struct seccomp_data as twelve-and-four 32-bit words: nr, arch, instruction pointer, six arguments. Bytes. */
export const OFFSET_NR = 0;
export const OFFSET_ARCH = 4;
export const OFFSET_IP = 8;
export const OFFSET_ARGS = 16;
export const SECCOMP_DATA_SIZE = 64;

/** The raw array, 8 bytes an instruction, in the byte order of the machine that will run it. */
export function encode(program: Program, bigEndian = false): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach((one, index) => {
    view.setUint16(index * 8, one.code, !bigEndian);
    view.setUint8(index * 8 + 2, one.jt);
    view.setUint8(index * 8 + 3, one.jf);
    view.setUint32(index * 8 + 4, one.k, !bigEndian);
  });
  return bytes;
}

/** Reads a raw array back. Throws RangeError if the length is not a multiple of 8. */
export function decode(bytes: Uint8Array, bigEndian = false): Program {
  if (bytes.length % 8 !== 0) throw new RangeError(`${bytes.length} bytes are not whole 8-byte instructions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    code: view.getUint16(index * 8, !bigEndian),
    jt: view.getUint8(index * 8 + 2),
    jf: view.getUint8(index * 8 + 3),
    k: view.getUint32(index * 8 + 4, !bigEndian),
  }));
}
