// Lifted decisions against the machine: random programs on random and boundary calls.

import { expect, test } from 'vitest';
import { UnfollowedError } from '../../lib/bpf/held.ts';
import type { Program } from '../../lib/bpf/instruction.ts';
import { interpret } from '../../lib/bpf/interpret.ts';
import { cutsOf, type DecisionMaker, liftNumbers } from '../../lib/bpf/lift.ts';
import { abis } from '../../lib/linux/abi.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomProgram } from '../support/random-program.ts';

/** A decision as a function of the words. */
type Decide = (word: (offset: number) => number) => number;

const functions: DecisionMaker<Decide> = {
  leaf: (value) => () => value,
  test:
    (offset, { mask, intervals }, yes, no) =>
    (word) => {
      const value = (word(offset) & mask) >>> 0;
      const isIn = intervals.some((low, at) => at % 2 === 0 && low <= value && value <= intervals[at + 1]!);
      return (isIn ? yes : no)(word);
    },
};

test('lifted programs answer as the machine does', () => {
  const random = randomFrom(seed);
  const arch = abis.x86_64.auditArch;
  let lifted = 0;
  for (let round = 0; round < 500; round++) {
    const program = randomProgram(random, arch);
    try {
      const cuts = cutsOf(program);
      lifted++;
      for (let call = 0; call < 12; call++) {
        const corner = () =>
          random.chance(0.6)
            ? BigInt(random.pick([0, 1, 2, 3, 4, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff]))
            : random.bits(32);
        const nr = random.chance(0.8)
          ? random.pick([0, 1, 2, 39, 40, 200, 0x40000000])
          : Number(random.bits(32));
        const asked = random.chance(0.7) ? arch : random.below(2 ** 32);
        const args = Array.from({ length: 6 }, () => (corner() << 32n) | corner());
        const numbers = liftNumbers(program, asked, cuts, functions);
        const at = numbers.starts.findLastIndex((start) => start <= nr);
        const word = (offset: number) => {
          const register = args[(offset - 16) >> 3]!;
          return Number(BigInt.asUintN(32, offset % 8 === 0 ? register : register >> 32n));
        };
        const expected = interpret(program, { arch: asked, nr, args }).value;
        expect(
          numbers.nodes[at]!(word),
          JSON.stringify({ seed, round, program, nr, asked, args: args.map(String) }),
        ).toBe(expected);
      }
    } catch (error) {
      if (!(error instanceof UnfollowedError)) throw error;
    }
  }
  expect(lifted).toBeGreaterThan(200);
});

const one = (code: number, k = 0, jt = 0, jf = 0) => ({ code, jt, jf, k });

test.each<[string, Program]>([
  [
    'two words in one sum',
    [one(0x20, 16), one(0x07), one(0x20, 24), one(0x0c), one(0x15, 1, 0, 1), one(0x06), one(0x06)],
  ],
  [
    'a word compared with a word',
    [one(0x20, 16), one(0x07), one(0x20, 24), one(0x1d, 0, 0, 1), one(0x06), one(0x06)],
  ],
  ['an answer that is an argument', [one(0x20, 16), one(0x16)]],
  ['an answer that is the number', [one(0x20, 0), one(0x16)]],
  ['a product', [one(0x20, 16), one(0x24, 3), one(0x15, 9, 0, 1), one(0x06), one(0x06)]],
])('refused with its place, not guessed: %s', (_, program) => {
  expect(() => cutsOf(program)).toThrow(/^instruction \d+: /);
});

test('what the kernel would not take is no program', () => {
  expect(() => cutsOf([one(0x20, 16)])).toThrow(/RET/);
});

test('a number that was put together is followed', () => {
  // M[0] = nr; A = 5; A += 2; X = A; A = M[0]; A == X?
  const program = [
    ...[one(0x20, 0), one(0x02), one(0x00, 5), one(0x04, 2), one(0x07), one(0x60)],
    ...[one(0x1d, 0, 0, 1), one(0x06, 0x7fff0000), one(0x06, 0)],
  ];
  expect(cutsOf(program).numbers).toEqual([0, 7, 8]);
});
