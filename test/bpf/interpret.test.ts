// The interpreter is the kernel's machine: each instruction by hand, and random programs of all instructions against the kernel
// itself, both in what it accepts and in what they return.

import { describe, expect, test } from 'vitest';
import { decode, encode, type Instruction, type Program, ret } from '../../lib/bpf/instruction.ts';
import {
  type FilterData,
  interpret,
  interpretAll,
  isConstantAllow,
  refusal,
} from '../../lib/bpf/interpret.ts';
import { abis } from '../../lib/linux/abi.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import { type Answer, askKernel, unaskable } from '../support/kernel-oracle.ts';
import { type Random, randomFrom, seed } from '../support/random.ts';

const ALLOW = 0x7fff0000;
const ERRNO = 0x50000;
const X86_64 = abis.x86_64.auditArch;

const one = (code: number, k = 0, jt = 0, jf = 0): Instruction => ({ code, jt, jf, k });
const retA = one(0x16);
const data: FilterData = {
  nr: 0x11,
  arch: 0xc000003e,
  instructionPointer: 0x1122334455667788n,
  args: [0xaabbccdd00112233n, 1n, 2n, 3n, 4n, 0xffffffff80000000n],
};

/** A after these instructions. */
const result = (...program: Instruction[]) => interpret([...program, retA], data).value;
const imm = (k: number) => one(0x00, k);
const immX = (k: number) => one(0x01, k);

describe('loads', () => {
  test.for([
    [0, 0x11],
    [4, 0xc000003e],
    [8, 0x55667788],
    [12, 0x11223344],
    [16, 0x00112233],
    [20, 0xaabbccdd],
    [24, 1],
    [56, 0x80000000],
    [60, 0xffffffff],
  ] as const)('word %i, little endian', ([offset, value]) => {
    expect(result(one(0x20, offset))).toBe(value);
    // Big endian has the halves of 64-bit members the other way round.
    const swapped = offset < 8 ? offset : offset ^ 4;
    expect(interpret([one(0x20, swapped), retA], data, true).value).toBe(value);
  });

  test('length, immediate, memory', () => {
    expect(result(one(0x80))).toBe(64);
    expect(result(one(0x81), one(0x87))).toBe(64);
    expect(result(imm(0xffffffff))).toBe(0xffffffff);
    expect(result(imm(7), one(0x02, 15), imm(1), one(0x60, 15))).toBe(7);
    expect(result(immX(8), one(0x03, 0), immX(1), one(0x61, 0), one(0x87))).toBe(8);
    expect(result(imm(9), one(0x07), imm(1), one(0x87))).toBe(9);
    expect(interpret([retA], data).value).toBe(0);
  });
});

describe('arithmetic is unsigned and wraps at 32 bits', () => {
  test.for([
    ['add', 0x04, 0xffffffff, 2, 1],
    ['sub', 0x14, 1, 2, 0xffffffff],
    ['mul', 0x24, 0x80000001, 6, 6],
    ['mul of large numbers', 0x24, 0xffffffff, 0xffffffff, 1],
    ['div', 0x34, 0xfffffffe, 3, 0x55555554],
    ['or', 0x44, 0x80000000, 1, 0x80000001],
    ['and', 0x54, 0xffffffff, 0x80000001, 0x80000001],
    ['lsh', 0x64, 0xffffffff, 31, 0x80000000],
    ['rsh', 0x74, 0x80000000, 31, 1],
    ['xor', 0xa4, 0xffffffff, 0x0f0f0f0f, 0xf0f0f0f0],
  ] as const)('%s', ([, code, a, b, expected]) => {
    expect(result(imm(a), one(code, b))).toBe(expected);
    expect(result(imm(a), immX(b), one(code | 8))).toBe(expected);
  });

  test('neg, and shifts by a register beyond 31', () => {
    expect(result(imm(1), one(0x84))).toBe(0xffffffff);
    expect(result(imm(1), immX(33), one(0x6c))).toBe(2);
    expect(result(imm(4), immX(33), one(0x7c))).toBe(2);
  });

  test('division by X = 0 ends with 0, which is kill-thread', () => {
    expect(interpret([imm(1), immX(0), one(0x3c), ret(ALLOW)], data)).toEqual({ value: 0, executed: 3 });
  });
});

describe('jumps', () => {
  const taken = (code: number, a: number, k: number) =>
    interpret([imm(a), immX(k), one(code, k, 0, 1), ret(1), ret(2)], data).value === 1;

  test.for([
    ['jeq', 0x15, [0xffffffff, 0xffffffff, true], [1, 2, false]],
    ['jgt', 0x25, [0x80000000, 0x7fffffff, true], [5, 5, false]],
    ['jge', 0x35, [5, 5, true], [0x7fffffff, 0x80000000, false]],
    ['jset', 0x45, [0x80000000, 0xc0000000, true], [5, 2, false]],
  ] as const)('%s compares unsigned', ([, code, yes, no]) => {
    for (const [a, k, expected] of [yes, no]) {
      expect(taken(code, a, k)).toBe(expected);
      expect(taken(code | 8, a, k)).toBe(expected);
    }
  });

  test('ja skips, and what is executed is counted', () => {
    expect(interpret([one(0x05, 2), ret(1), ret(2), ret(3)], data)).toEqual({ value: 3, executed: 2 });
    expect(interpret([one(0x15, 0, 1, 0), ret(1), ret(2)], data)).toEqual({ value: 2, executed: 2 });
  });
});

describe('stacked filters', () => {
  const all = (...values: number[]) =>
    interpretAll(
      values.map((value) => [ret(value)]),
      data,
    ).value;

  test('the strictest answers, in the order kill, kill-thread, trap, errno, notify, trace, log, allow', () => {
    const order = [0x80000000, 0, 0x30000, ERRNO, 0x7fc00000, 0x7ff00000, 0x7ffc0000, ALLOW];
    order.forEach((strict, index) => {
      for (const loose of order.slice(index)) {
        expect(all(strict, loose)).toBe(strict);
        expect(all(loose, strict)).toBe(strict);
      }
    });
  });

  test('of equally strict ones the newest', () => {
    expect(all(ERRNO + 1, ERRNO + 2, ALLOW)).toBe(ERRNO + 2);
  });
});

test('what does not fit its field is refused, since encoding would cut it off', () => {
  const far = (jt: number, jf: number) => [
    one(0x15, 0, jt, jf),
    ...Array.from({ length: 400 }, () => ret(0)),
  ];
  expect(refusal(far(255, 255))).toBeUndefined();
  expect(refusal(far(256, 0))).toContain('jt 256');
  expect(refusal(far(0, 300))).toContain('jf 300');
  expect(refusal(far(-1, 0))).toContain('jt -1');
  expect(refusal([one(0x06, -1)])).toContain('k -1');
  expect(refusal([one(0x06, 2 ** 32)])).toBeDefined();
});

describe('constant-allowed', () => {
  const is = (...program: Instruction[]) => isConstantAllow(program, X86_64, 5);

  test('what depends on number and architecture alone', () => {
    expect(is(ret(ALLOW))).toBe(true);
    expect(is(ret(ALLOW + 1))).toBe(false);
    expect(is(ret(0x7ffc0000))).toBe(false);
    expect(
      is(one(0x20, 4), one(0x15, X86_64, 0, 2), one(0x20, 0), one(0x15, 5, 1, 0), ret(0), ret(ALLOW)),
    ).toBe(true);
    expect(is(one(0x20, 0), one(0x54, 4), one(0x15, 4, 1, 0), ret(0), ret(ALLOW))).toBe(true);
    expect(is(one(0x05, 1), ret(0), ret(ALLOW))).toBe(true);
  });

  test.for([
    ['a load of the instruction pointer', [one(0x20, 8)]],
    ['a load of an argument', [one(0x20, 16)]],
    ['tax', [one(0x07)]],
    ['memory', [one(0x02, 0)]],
    ['another operation', [one(0x44, 0)]],
    ['a comparison with X', [one(0x1d, 0)]],
  ] as const)('not with %s', ([, before]) => {
    expect(is(...before, ret(ALLOW))).toBe(false);
  });
});

test('encode and decode are inverse, in both byte orders', () => {
  const random = randomFrom(seed);
  const program = Array.from({ length: 50 }, () => randomInstruction(random, 1000));
  for (const bigEndian of [false, true])
    expect(decode(encode(program, bigEndian), bigEndian)).toEqual(program);
  expect(encode([one(0x15, 0x01020304, 5, 6)])).toEqual(Uint8Array.of(0x15, 0, 5, 6, 4, 3, 2, 1));
  expect(encode([one(0x15, 0x01020304, 5, 6)], true)).toEqual(Uint8Array.of(0, 0x15, 5, 6, 1, 2, 3, 4));
  expect(() => decode(new Uint8Array(9))).toThrow(RangeError);
});

describe.skipIf(unaskable !== undefined)('against the kernel', () => {
  const call: SeccompData = { arch: X86_64, nr: 0x2000, args: [0n, 0n, 0n, 0n, 0n, 0n] };

  test('what it accepts', () => {
    const random = randomFrom(seed);
    const programs = Array.from({ length: 1500 }, (_, index) => {
      const length = 1 + random.below(8);
      const body = Array.from({ length }, (_, at) => randomInstruction(random, index % 2 ? length - at : 12));
      return random.chance(0.9) ? [...body, ret(ERRNO)] : body;
    });
    const answers = askKernel(programs.map((program) => ({ programs: [program], calls: [] })));
    const accepted = answers.filter((answer) => answer.refused === 0).length;
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(1400);
    programs.forEach((program, index) => {
      const reason = refusal(program);
      const { refused } = answers[index]!;
      if ((reason === undefined) !== (refused === 0)) {
        expect.fail(`kernel ${refused}, refusal ${reason}, SEED=${seed} ${JSON.stringify(program)}`);
      }
    });
  });

  test.for([
    ['4096 instructions', [...Array.from({ length: 4095 }, () => imm(0)), ret(ERRNO)]],
    ['4097 instructions', [...Array.from({ length: 4096 }, () => imm(0)), ret(ERRNO)]],
    ['none', []],
  ] as const)('a program of %s', ([, program]) => {
    const [answer] = askKernel([{ programs: [program], calls: [] }]);
    expect(answer!.refused === 0).toBe(refusal(program) === undefined);
  });

  test('what random programs return', () => {
    const random = randomFrom(seed + 1);
    const questions: { programs: readonly Program[]; calls: readonly SeccompData[] }[] = [];
    while (questions.length < 250) {
      const length = 2 + random.below(30);
      const body = Array.from({ length }, (_, at) => {
        const each = randomInstruction(random, length - at);
        return (each.code & 7) === 6 || isPointerLoad(each) ? one(0x07) : each;
      });
      // However it gets here, the answer is an errno made of A: no call goes through.
      const program = [...body, one(0x54, 0xfff), one(0x44, ERRNO), retA];
      if (refusal(program) !== undefined) continue;
      const calls = Array.from({ length: 24 }, () => ({
        ...call,
        nr: call.nr + random.below(64),
        args: call.args.map(() => (random.chance(0.5) ? random.bits(64) : random.bits(6))),
      }));
      questions.push({ programs: [program], calls: calls.filter((each) => value(program, each) !== 0) });
    }
    const answers = askKernel(questions);
    const seen = new Set<number>();
    questions.forEach(({ programs, calls }, index) => {
      const { refused, died, results } = answers[index] as Answer;
      expect({ refused, died }).toEqual({ refused: 0, died: 0 });
      calls.forEach((each, at) => {
        const expected = -(value(programs[0]!, each) & 0xfff);
        seen.add(expected);
        if (results[at]! !== expected) {
          expect.fail(
            `kernel ${results[at]}, interpreter ${expected}, SEED=${seed} ${JSON.stringify(programs[0])}`,
          );
        }
      });
    });
    expect(seen.size).toBeGreaterThan(100);
  });

  test('division by X = 0 ends the thread', () => {
    const program = [imm(1), immX(0), one(0x3c), ret(ERRNO)];
    expect(value(program, call)).toBe(0);
    const [answer] = askKernel([{ programs: [program], calls: [call] }]);
    expect(answer!.died).toBe(31);
  });
});

/** Where the call is made from is not known here. */
function isPointerLoad({ code, k }: Instruction): boolean {
  return code === 0x20 && (k === 8 || k === 12);
}

function value(program: Program, call: SeccompData): number {
  return interpret(program, call).value;
}

const codes = [
  ...[0x20, 0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x06, 0x16, 0x07, 0x87],
  ...[0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0xa4],
  ...[0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0xac],
  ...[0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d],
  // What seccomp forbids: byte loads, packet loads, MOD, other bits.
  ...[0x28, 0x30, 0x40, 0xb1, 0x94, 0x9c, 0x0e, 0x100],
];

/** Jumps up to `room` instructions ahead. RETs carry an errno. */
function randomInstruction(random: Random, room: number): Instruction {
  const code = random.chance(0.99) ? codes[random.below(codes.length - 8)]! : random.pick(codes);
  const jt = random.below(Math.min(room, 256));
  const jf = random.below(Math.min(room, 256));
  if (code === 0x05) return one(code, random.below(room));
  if ((code & 7) === 5) return one(code, Number(random.bits(random.pick([3, 32]))), jt, jf);
  if (code === 0x20) return one(code, random.chance(0.98) ? 4 * random.below(16) : random.below(80));
  if ([0x60, 0x61, 0x02, 0x03].includes(code)) return one(code, random.below(random.chance(0.95) ? 3 : 20));
  if (code === 0x06) return one(code, ERRNO + random.below(4096));
  return one(code, Number(random.bits(random.pick([1, 5, 6, 32]))));
}
