// Random programs of the whole machine: arithmetic, X and M[] included, with constants that lie close to one another, so that
// their tests overlap. Only programs that the kernel would take.

import type { Instruction, Program } from '../../lib/bpf/instruction.ts';
import { refusal } from '../../lib/bpf/interpret.ts';
import type { Random } from './random.ts';

const answers = [0x7fff0000, 0x00050001, 0x00050026, 0x80000000, 0, 0x0003000b, 0x7ffc0000, 0x7ff00003];
const comparisons = [0x15, 0x25, 0x35, 0x45];
const arithmetic = [0x04, 0x14, 0x44, 0x54, 0x64, 0x74, 0xa4, 0x84, 0x34];

/** A program whose tests are of `arch` and `nr` and of a few argument words. */
export function randomProgram(random: Random, arch: number): Program {
  for (;;) {
    const program = attempt(random, arch);
    if (refusal(program) === undefined) return program;
  }
}

function attempt(random: Random, arch: number): Program {
  const length = 4 + random.below(24);
  const pool = [0, 1, 2, 3, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff, random.below(2 ** 32)];
  const program: Instruction[] = [];
  const one = (code: number, k = 0, jt = 0, jf = 0) => program.push({ code, jt, jf, k: k >>> 0 });
  for (let at = 0; at < length; at++) {
    const left = length - at;
    const far = () => random.below(Math.min(left, 6));
    const kind = random.below(20);
    if (kind < 6) {
      const offset = random.pick([0, 4, 16, 16, 20, 24, 24, 28]);
      one(0x20, offset);
      if (offset === 4) one(0x15, arch, far(), far());
      else if (offset === 0)
        one(random.pick(comparisons), random.pick([0, 1, 2, 39, 40, 200, 0x40000000]), far(), far());
    } else if (kind < 12) one(random.pick(comparisons), random.pick(pool), far(), far());
    else if (kind < 15) {
      const code = random.pick(arithmetic);
      const isShift = code === 0x64 || code === 0x74;
      one(code, isShift ? random.below(32) : code === 0x34 ? 1 + random.below(9) : random.pick(pool));
    } else if (kind === 15) one(random.pick([0x02, 0x03]), random.below(2));
    else if (kind === 16) one(random.pick([0x60, 0x61]), random.below(2));
    else if (kind === 17) one(random.pick([0x07, 0x87, 0x01, 0x00]), random.pick(pool));
    else if (kind === 18) one(random.pick([0x0c, 0x5c, 0x1d, 0x2d]), 0, far(), far());
    else one(0x06, random.pick(answers));
  }
  for (let at = 0; at < 7; at++) one(0x06, answers[at]!);
  return program.map((instruction) =>
    (instruction.code & 7) === 5 ? instruction : { ...instruction, jt: 0, jf: 0 },
  );
}
