// The machine itself: runs a filter on one seccomp_data as the kernel does, counts what it executes, and answers whether
// a call number is "constant-allowed", that is, whether the kernel (5.11 and later) never runs the filter for it.
// Sources: kernel/seccomp.c (seccomp_check_filter, seccomp_is_const_allow), net/core/filter.c (bpf_check_classic),
// Documentation/networking/filter.rst.

import * as op from './instruction.ts';

export interface FilterData {
  /** Unsigned 32-bit. */
  readonly nr: number;
  /** AUDIT_ARCH_ value, unsigned 32-bit. */
  readonly arch: number;
  /** Unsigned 64-bit; 0 if not given. */
  readonly instructionPointer?: bigint;
  /** Six registers, unsigned 64-bit; missing ones are 0. */
  readonly args: readonly bigint[];
}

export interface Outcome {
  /** SECCOMP_RET_ value with data, unsigned 32-bit. */
  readonly value: number;
  /** Instructions executed, the final RET included. */
  readonly executed: number;
}

/** Why the kernel would refuse to install this program, or undefined if it would accept it. */
export function refusal(program: op.Program): string | undefined {
  if (program.length === 0) return 'the program is empty';
  if (program.length > op.MAX_INSTRUCTIONS) {
    return `${program.length} instructions are more than the kernel's ${op.MAX_INSTRUCTIONS}`;
  }
  for (const [at, one] of program.entries()) {
    if (!permitted.has(one.code))
      return `instruction ${at}: code 0x${one.code.toString(16)} is not permitted in seccomp`;
    // The fields as they will be encoded: a jump of 256 would become one of 0.
    if (!isByte(one.jt) || !isByte(one.jf) || one.k !== one.k >>> 0) {
      return `instruction ${at}: jt ${one.jt}, jf ${one.jf} or k ${one.k} does not fit its field`;
    }
    if (one.code === op.BPF_LD_W_ABS && (one.k >= op.SECCOMP_DATA_SIZE || one.k % 4 !== 0)) {
      return `instruction ${at}: offset ${one.k} is not an aligned word of seccomp_data`;
    }
    if (storage.has(one.code) && one.k >= 16) return `instruction ${at}: M[${one.k}] does not exist`;
    if ((one.code === 0x34 || one.code === 0x94) && one.k === 0) return `instruction ${at}: division by 0`;
    if ((one.code === 0x64 || one.code === 0x74) && one.k >= 32)
      return `instruction ${at}: shift by ${one.k}`;
    if (isJump(one.code)) {
      const furthest = one.code === op.BPF_JMP_JA ? one.k : Math.max(one.jt, one.jf);
      if (at + 1 + furthest >= program.length) return `instruction ${at}: jumps out of the program`;
    }
  }
  const last = program.at(-1)!.code;
  if (last !== op.BPF_RET_K && last !== op.BPF_RET_A) return 'the last instruction is not a RET';
  return unwrittenMemory(program);
}

/** The kernel also refuses a program that reads a word of M[] which some way there has not written (check_load_and_stores).
 * Like the kernel this counts an instruction behind a RET as reached from it. */
function unwrittenMemory(program: op.Program): string | undefined {
  const all = 0xffff;
  const written = program.map(() => all);
  let here = 0;
  for (const [at, { code, k, jt, jf }] of program.entries()) {
    here &= written[at]!;
    if (code === op.BPF_ST || code === op.BPF_STX) here |= 1 << k;
    else if ((code === op.BPF_LD_MEM || code === op.BPF_LDX_MEM) && (here & (1 << k)) === 0) {
      return `instruction ${at}: M[${k}] may not have been written`;
    } else if (isJump(code)) {
      for (const distance of code === op.BPF_JMP_JA ? [k] : [jt, jf]) written[at + 1 + distance]! &= here;
      here = all;
    }
  }
  return undefined;
}

/** Runs a program that the kernel would accept (see `refusal`). `bigEndian` is the byte order of the machine. */
export function interpret(program: op.Program, data: FilterData, bigEndian = false): Outcome {
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  let executed = 0;
  for (let pc = 0; ; pc++) {
    const one = program[pc];
    if (one === undefined) throw new RangeError(`the program runs past its end at ${pc}`);
    executed++;
    const { code, k } = one;
    switch (code) {
      case op.BPF_LD_W_ABS:
        a = word(data, k, bigEndian);
        continue;
      case op.BPF_RET_K:
        return { value: k >>> 0, executed };
      case op.BPF_RET_A:
        return { value: a >>> 0, executed };
      case op.BPF_JMP_JA:
        pc += k;
        continue;
      case op.BPF_LD_IMM:
        a = k;
        continue;
      case op.BPF_LD_MEM:
        a = memory[k]!;
        continue;
      case op.BPF_LD_W_LEN:
        a = op.SECCOMP_DATA_SIZE;
        continue;
      case op.BPF_LDX_IMM:
        x = k;
        continue;
      case op.BPF_LDX_MEM:
        x = memory[k]!;
        continue;
      case op.BPF_LDX_W_LEN:
        x = op.SECCOMP_DATA_SIZE;
        continue;
      case op.BPF_ST:
        memory[k] = a;
        continue;
      case op.BPF_STX:
        memory[k] = x;
        continue;
      case op.BPF_MISC_TAX:
        x = a;
        continue;
      case op.BPF_MISC_TXA:
        a = x;
        continue;
    }
    const operand = (code & SRC_X) !== 0 ? x : k;
    if ((code & 7) === CLASS_JMP) {
      pc += compare(code & 0xf0, a, operand) ? one.jt : one.jf;
    } else {
      const result = arithmetic(code & 0xf0, a, operand);
      // Division by X = 0 ends the program with 0, which seccomp reads as kill-thread.
      if (result === undefined) return { value: 0, executed };
      a = result;
    }
  }
}

/** Runs a chain of filters in the order they were installed: all run, the strictest answer counts, of equally strict ones
 * the newest filter's (the kernel walks from the newest and keeps the first). `executed` is the sum. */
export function interpretAll(programs: readonly op.Program[], data: FilterData, bigEndian = false): Outcome {
  const outcomes = programs.map((program) => interpret(program, data, bigEndian));
  const value = outcomes.map((one) => one.value).reduce(strictest);
  return { value, executed: outcomes.reduce((sum, one) => sum + one.executed, 0) };
}

/** The answer of an older filter and a newer one together. */
export function strictest(older: number, newer: number): number {
  return precedence(older) < precedence(newer) ? older : newer;
}

/** The kernel compares actions as signed 32-bit numbers: the smallest is the strictest. */
export function precedence(value: number): number {
  return (value & 0xffff0000) | 0;
}

/** The kernel's own rule: emulate on `arch` and `nr` alone; any step that needs more makes the number uncacheable. */
export function isConstantAllow(program: op.Program, arch: number, nr: number): boolean {
  let a = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc]!;
    switch (code) {
      case op.BPF_LD_W_ABS:
        if (k === op.OFFSET_NR) a = nr;
        else if (k === op.OFFSET_ARCH) a = arch;
        else return false;
        break;
      case op.BPF_RET_K:
        return k >>> 0 === 0x7fff0000;
      case op.BPF_JMP_JA:
        pc += k;
        break;
      case op.BPF_JMP_JEQ_K:
      case op.BPF_JMP_JGE_K:
      case op.BPF_JMP_JGT_K:
      case op.BPF_JMP_JSET_K:
        pc += compare(code & 0xf0, a, k) ? jt : jf;
        break;
      case op.BPF_ALU_AND_K:
        a = (a & k) >>> 0;
        break;
      default:
        return false;
    }
  }
  return false;
}

const CLASS_JMP = 5;
const SRC_X = 8;

function word(data: FilterData, offset: number, bigEndian: boolean): number {
  if (offset === op.OFFSET_NR) return data.nr >>> 0;
  if (offset === op.OFFSET_ARCH) return data.arch >>> 0;
  const whole =
    offset < op.OFFSET_ARGS
      ? (data.instructionPointer ?? 0n)
      : (data.args[(offset - op.OFFSET_ARGS) >> 3] ?? 0n);
  const isFirstHalf = (offset & 4) === 0;
  const half = isFirstHalf === bigEndian ? whole >> 32n : whole;
  return Number(BigInt.asUintN(32, half));
}

function compare(operation: number, a: number, b: number): boolean {
  switch (operation) {
    case 0x10:
      return a >>> 0 === b >>> 0;
    case 0x20:
      return a >>> 0 > b >>> 0;
    case 0x30:
      return a >>> 0 >= b >>> 0;
    default:
      return (a & b) !== 0;
  }
}

function arithmetic(operation: number, a: number, b: number): number | undefined {
  switch (operation) {
    case 0x00:
      return (a + b) >>> 0;
    case 0x10:
      return (a - b) >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x30:
      return b >>> 0 === 0 ? undefined : Math.floor((a >>> 0) / (b >>> 0));
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    // The kernel masks the shift of a register to 31.
    case 0x60:
      return (a << (b & 31)) >>> 0;
    case 0x70:
      return a >>> (b & 31);
    case 0x80:
      return -a >>> 0;
    default:
      return (a ^ b) >>> 0;
  }
}

function isByte(value: number): boolean {
  return value === (value & 0xff);
}

function isJump(code: number): boolean {
  return (code & 7) === CLASS_JMP;
}

/** seccomp_check_filter's list. It has no MOD, and no loads but words of seccomp_data and its length. */
const permitted: ReadonlySet<number> = new Set([
  ...[0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x06, 0x16, 0x07, 0x87],
  ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0xa4],
  ...[0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0xac],
  ...[0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d],
]);

const storage: ReadonlySet<number> = new Set([op.BPF_LD_MEM, op.BPF_LDX_MEM, op.BPF_ST, op.BPF_STX]);
