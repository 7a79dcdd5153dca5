// What the proof must refuse whatever the specification: programs that the kernel refuses, and programs that it cannot follow.

import { describe, expect, test } from 'vitest';
import { and, type Instruction, jumpIf, load, type Program, ret } from '../../lib/bpf/instruction.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { always, type Formula, type Specification, simplified } from '../../lib/bpf/specification.ts';
import { ProofError } from '../../lib/errors.ts';

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const ARCH = 0xc000003e;

/** `value` everywhere on ARCH where `when` holds, else ALLOW; KILL elsewhere. */
const specification = (value = ALLOW, when: Formula = always): Specification => ({
  bigEndian: false,
  otherwise: KILL,
  architectures: [
    {
      arch: ARCH,
      gated: [],
      ranges: [{ low: 0, high: 0xffffffff, meaning: { rules: [{ value, when }], otherwise: ALLOW } }],
    },
  ],
});
const guarded = (...program: Instruction[]): Program => [
  load(4),
  jumpIf(0x15, ARCH, 1, 0),
  ret(KILL),
  ...program,
];
const one = (code: number, k = 0): Instruction => ({ code, jt: 0, jf: 0, k });

test('a program that says what is specified', () => {
  prove([guarded(ret(ALLOW))], specification());
});

test.for([
  ['an empty program', []],
  ['no RET at its end', [ret(ALLOW), load(0)]],
  ['a jump out of the program', guarded(jumpIf(0x15, 0, 1, 0), ret(ALLOW))],
  ['another answer', guarded(ret(ALLOW + 1))],
  ['no guard of the architecture', [ret(ALLOW)]],
  ['a guard of another architecture', [load(4), jumpIf(0x15, ARCH - 1, 1, 0), ret(KILL), ret(ALLOW)]],
  ['TAX', guarded(one(0x07), ret(ALLOW))],
  ['memory', guarded(one(0x02), ret(ALLOW))],
  ['arithmetic', guarded(one(0x04, 1), ret(ALLOW))],
  ['a comparison with X', guarded(one(0x1d), ret(ALLOW))],
  ['an answer from A', guarded(one(0x00, ALLOW), one(0x16))],
] as const)('refuses %s', ([, program]) => {
  expect(() => prove([program], specification())).toThrow(ProofError);
});

test('refuses no programs at all, unless everything is allowed', () => {
  expect(() => prove([], specification())).toThrow(ProofError);
});

describe('masks', () => {
  const bits = (mask: number): Formula => ({
    kind: 'word',
    offset: 16,
    test: { mask, intervals: [1, 0xffffffff] },
  });
  const program = (mask: number) => guarded(load(16), jumpIf(0x45, mask, 0, 1), ret(KILL), ret(ALLOW));

  test('the bits that are tested are the bits that are meant', () => {
    prove([program(6)], specification(KILL, bits(6)));
    expect(() => prove([program(7)], specification(KILL, bits(6)))).toThrow(ProofError);
    expect(() => prove([program(2)], specification(KILL, bits(6)))).toThrow(ProofError);
    prove(
      [guarded(load(16), and(6), jumpIf(0x15, 0, 1, 0), ret(KILL), ret(ALLOW))],
      specification(KILL, bits(6)),
    );
  });

  test('the same bits of another word are not', () => {
    const other = guarded(load(20), jumpIf(0x45, 6, 0, 1), ret(KILL), ret(ALLOW));
    expect(() => prove([other], specification(KILL, bits(6)))).toThrow(ProofError);
  });
});

test('simplified says the same, shortly', () => {
  const word = (mask: number, ...intervals: number[]): Formula => ({
    kind: 'word',
    offset: 16,
    test: { mask, intervals },
  });
  const or = (...of: Formula[]): Formula => ({ kind: 'or', of });
  const both = (...of: Formula[]): Formula => ({ kind: 'and', of });
  const list = or(
    ...Array.from({ length: 1000 }, (_, i) => both(word(0xffffffff, 2 * i, 2 * i), word(0, 0, 0))),
  );
  const short = simplified(list);
  expect(short.kind === 'word' && short.test.intervals.length).toBe(2000);
  expect(simplified(or(word(0, 1, 1), or()))).toEqual(or());
  expect(simplified(or(word(1, 1, 1), both()))).toEqual(always);
  expect(simplified(both(word(1, 1, 1), or()))).toEqual(or());
  expect(simplified({ kind: 'not', of: both(both(), or(both())) })).toEqual(or());
  expect(simplified({ kind: 'not', of: word(0xff, 0, 3) })).toEqual(word(0xff, 4, 0xffffffff));
  expect(simplified(both(word(0xff, 0, 3), word(0xff, 2, 9), both(word(0xf, 1, 1))))).toEqual(
    both(word(0xff, 2, 3), word(0xf, 1, 1)),
  );
});
