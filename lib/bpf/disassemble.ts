// A program as text, one instruction a line, each with what it asks in the words of seccomp: which word is looked at, which
// call or architecture a number means, which action a value is.

import { type Abi, abis } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { syscallName } from '../linux/syscalls.ts';
import * as op from './instruction.ts';

/** The listing. `served`: the ABIs whose names to use for call numbers, the native one first. */
export function disassemble(program: op.Program, served: readonly Abi[]): string {
  const held = accumulators(program);
  const width = String(program.length - 1).length;
  return program
    .map((one, at) => {
      const comment = commentOn(one, held[at], served);
      const code = `${String(at).padStart(width)}: ${mnemonic(one, at)}`;
      return `${comment === '' ? code : `${code.padEnd(34)} ; ${comment}`}\n`;
    })
    .join('');
}

/** A SECCOMP_RET_ value in words. */
export function returnText(value: number, abi: Abi): string {
  const data = value & 0xffff;
  switch ((value & 0xffff0000) >>> 0) {
    case 0x80000000:
      return 'kill';
    case 0x00000000:
      return 'kill-thread';
    case 0x00030000:
      return data === 0 ? 'trap' : `trap ${data}`;
    case 0x00050000:
      return `errno ${errnoName(data, abi) ?? data}`;
    case 0x7fc00000:
      return 'notify';
    case 0x7ff00000:
      return data === 0 ? 'trace' : `trace ${data}`;
    case 0x7ffc0000:
      return 'log';
    case 0x7fff0000:
      return 'allow';
    default:
      return `kill (undefined action 0x${value.toString(16)})`;
  }
}

/** The name of a word of seccomp_data. */
export function wordName(offset: number, bigEndian: boolean): string {
  if (offset === op.OFFSET_NR) return 'nr';
  if (offset === op.OFFSET_ARCH) return 'arch';
  const half = ((offset & 4) === 0) === bigEndian ? 'high' : 'low';
  if (offset < op.OFFSET_ARGS) return `instruction_pointer.${half}`;
  return `arg${(offset - op.OFFSET_ARGS) >> 3}.${half}`;
}

const comparisons: Readonly<Record<number, readonly [name: string, sign: string]>> = {
  16: ['jeq', '=='],
  32: ['jgt', '>'],
  48: ['jge', '>='],
  64: ['jset', '&'],
};

const operations: Readonly<Record<number, string>> = {
  0: 'add',
  16: 'sub',
  32: 'mul',
  48: 'div',
  64: 'or',
  80: 'and',
  96: 'lsh',
  112: 'rsh',
  128: 'neg',
  160: 'xor',
};

function mnemonic(one: op.Instruction, at: number): string {
  const { code, k } = one;
  const hex = `#0x${k.toString(16)}`;
  switch (code) {
    case op.BPF_LD_W_ABS:
      return `ld [${k}]`;
    case op.BPF_LD_IMM:
      return `ld ${hex}`;
    case op.BPF_LD_MEM:
      return `ld M[${k}]`;
    case op.BPF_LD_W_LEN:
      return 'ld #len';
    case op.BPF_LDX_IMM:
      return `ldx ${hex}`;
    case op.BPF_LDX_MEM:
      return `ldx M[${k}]`;
    case op.BPF_LDX_W_LEN:
      return 'ldx #len';
    case op.BPF_ST:
      return `st M[${k}]`;
    case op.BPF_STX:
      return `stx M[${k}]`;
    case op.BPF_MISC_TAX:
      return 'tax';
    case op.BPF_MISC_TXA:
      return 'txa';
    case op.BPF_RET_K:
      return `ret ${hex}`;
    case op.BPF_RET_A:
      return 'ret a';
    case op.BPF_JMP_JA:
      return `ja ${at + 1 + k}`;
  }
  const operand = (code & 8) !== 0 ? 'x' : one.cookie === undefined ? hex : `cookie[${one.cookie}]`;
  const kind = code & 7;
  if (kind === 5 && comparisons[code & 0xf0] !== undefined) {
    return `${comparisons[code & 0xf0]![0]} ${operand}, ${at + 1 + one.jt}, ${at + 1 + one.jf}`;
  }
  if (kind === 4 && operations[code & 0xf0] !== undefined) {
    return (code & 0xf0) === 128 ? 'neg' : `${operations[code & 0xf0]} ${operand}`;
  }
  return `.code 0x${code.toString(16)}, ${one.jt}, ${one.jf}, ${hex}`;
}

/** The word that the accumulator holds before each instruction, where all ways there agree. */
function accumulators(program: op.Program): readonly (number | undefined)[] {
  const held: (number | 'many' | undefined)[] = program.map(() => undefined);
  const arrive = (at: number, word: number | 'many') => {
    held[at] = held[at] === undefined || held[at] === word ? word : 'many';
  };
  if (program.length > 0) held[0] = 'many';
  for (const [at, one] of program.entries()) {
    const now = held[at] ?? 'many';
    if (one.code === op.BPF_RET_K || one.code === op.BPF_RET_A) continue;
    if (one.code === op.BPF_JMP_JA) arrive(at + 1 + one.k, now);
    else if ((one.code & 7) === 5) {
      arrive(at + 1 + one.jt, now);
      arrive(at + 1 + one.jf, now);
    } else if (one.code === op.BPF_LD_W_ABS) arrive(at + 1, one.k);
    else
      arrive(
        at + 1,
        (one.code & 7) === 4 || (one.code & 7) === 0 || one.code === op.BPF_MISC_TXA ? 'many' : now,
      );
  }
  return held.map((word) => (word === 'many' ? undefined : word));
}

function commentOn(one: op.Instruction, held: number | undefined, served: readonly Abi[]): string {
  const native = served[0]!;
  const { code, k } = one;
  if (code === op.BPF_LD_W_ABS) return wordName(k, native.bigEndian);
  if (code === op.BPF_RET_K) return returnText(k, native);
  const isComparison = (code & 7) === 5 && code !== op.BPF_JMP_JA && (code & 8) === 0;
  if (!isComparison || held === undefined) return '';
  const name = wordName(held, native.bigEndian);
  const sign = comparisons[code & 0xf0]?.[1] ?? '?';
  if (one.cookie !== undefined) return `${name} == the launch's cookie, word ${one.cookie}`;
  if (held === op.OFFSET_ARCH) {
    const abi = Object.values(abis).find((candidate) => candidate.auditArch === k);
    return `${name} ${sign} ${abi?.name ?? `0x${k.toString(16)}`}`;
  }
  if (held === op.OFFSET_NR) {
    const call = served.map((abi) => syscallName(abi, k)).find((found) => found !== undefined);
    return `${name} ${sign} ${call ?? k}`;
  }
  return `${name} ${sign} 0x${k.toString(16)}`;
}
