// Small damage to programs, as a faulty compiler would do it: jumps, constants, answers, offsets, codes, and instructions lost or
// doubled.

import * as op from '../../lib/bpf/instruction.ts';
import type { Random } from './random.ts';

const codes = [
  ...[op.BPF_JMP_JEQ_K, op.BPF_JMP_JGT_K, op.BPF_JMP_JGE_K, op.BPF_JMP_JSET_K, op.BPF_JMP_JA],
  ...[op.BPF_LD_W_ABS, op.BPF_ALU_AND_K, op.BPF_ALU_OR_K, op.BPF_RET_K, op.BPF_RET_A, op.BPF_MISC_TAX],
];
const answers = [0x7fff0000, 0x80000000, 0, 0x30000, 0x50001, 0x50026, 0x7ffc0000, 0x7ff00000, 0x7fc00000];

/** A program that differs from this one in one place; what was done, in words. */
export function mutate(
  program: op.Program,
  random: Random,
): { readonly program: op.Program; readonly what: string } {
  for (;;) {
    const at = random.below(program.length);
    const one = program[at]!;
    const made = damaged(program, at, one, random);
    if (made !== undefined) return { program: made.program, what: `${made.what} at ${at}` };
  }
}

function damaged(
  program: op.Program,
  at: number,
  one: op.Instruction,
  random: Random,
): { readonly program: op.Program; readonly what: string } | undefined {
  const put = (what: string, change: Partial<op.Instruction>) => {
    const changed = { ...one, ...change };
    const isSame = (Object.keys(changed) as (keyof op.Instruction)[]).every(
      (key) => changed[key] === one[key],
    );
    return isSame ? undefined : { what, program: program.with(at, changed) };
  };
  const isTest = (one.code & 7) === 5 && one.code !== op.BPF_JMP_JA;
  const byte = (value: number) => Math.min(255, Math.max(0, value));
  switch (random.below(14)) {
    case 0:
      return isTest ? put('jt and jf swapped', { jt: one.jf, jf: one.jt }) : undefined;
    case 1:
      return isTest ? put('jt changed', { jt: byte(one.jt + random.pick([-1, 1])) }) : undefined;
    case 2:
      return isTest ? put('jf changed', { jf: byte(one.jf + random.pick([-1, 1])) }) : undefined;
    case 3:
      return isTest
        ? put('jt anywhere', { jt: random.below(Math.min(256, program.length - at)) })
        : undefined;
    case 4:
      return isTest
        ? put('jf anywhere', { jf: random.below(Math.min(256, program.length - at)) })
        : undefined;
    case 5:
      return one.code === op.BPF_JMP_JA ? put('ja changed', { k: one.k + random.pick([-1, 1]) }) : undefined;
    case 6:
      return put('constant changed', { k: (one.k + random.pick([-1, 1])) >>> 0 });
    case 7:
      return put('bit flipped', { k: (one.k ^ (1 << random.below(32))) >>> 0 });
    case 8:
      return put('constant of another instruction', { k: random.pick(program).k });
    case 9:
      return one.code === op.BPF_RET_K ? put('answer changed', { k: random.pick(answers) }) : undefined;
    case 10:
      return one.code === op.BPF_LD_W_ABS ? put('offset changed', { k: 4 * random.below(16) }) : undefined;
    case 11:
      return put('code changed', { code: random.pick(codes) });
    case 12:
      return { what: 'deleted', program: program.toSpliced(at, 1) };
    default:
      return { what: 'doubled', program: program.toSpliced(at, 0, one) };
  }
}

/** What tells programs apart: every constant they compare with, and its neighbours. */
export function constantsOfPrograms(programs: readonly op.Program[]): readonly number[] {
  const found = new Set<number>([0, 1, 0x7fffffff, 0x80000000, 0xffffffff]);
  for (const { code, k } of programs.flat()) {
    if ((code & 7) !== 5 && code !== op.BPF_ALU_AND_K) continue;
    for (const value of [k - 1, k, k + 1, ~k, k & -k]) found.add(value >>> 0);
  }
  return [...found];
}
