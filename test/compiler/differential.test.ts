// The compiler and the proof against the reference: random policies, and for each random calls at its boundaries, answered by
// evaluate and by the interpreter running the compiled program. The proof accepts every program. Not one answer may differ.

import { expect, test } from 'vitest';
import { compile } from '../../lib/compiler/compile.ts';
import type { Abi, AbiName } from '../../lib/linux/abi.ts';
import { abis } from '../../lib/linux/abi.ts';
import { number, type Policy } from '../../lib/policy/model.ts';
import { difference, differenceIn } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';

const families: readonly { readonly names: readonly AbiName[]; readonly policies: number }[] = [
  { names: ['x86_64'], policies: 200 },
  { names: ['x86_64', 'i386'], policies: 80 },
  { names: ['x86_64', 'i386', 'x32'], policies: 80 },
  { names: ['x86_64', 'x32'], policies: 40 },
  { names: ['x32'], policies: 20 },
  { names: ['i386'], policies: 30 },
  { names: ['aarch64', 'arm'], policies: 60 },
  { names: ['arm'], policies: 20 },
  { names: ['s390x'], policies: 50 },
  { names: ['mips64'], policies: 40 },
  { names: ['mipsel64'], policies: 20 },
  { names: ['riscv64'], policies: 30 },
  { names: ['loongarch64'], policies: 20 },
  { names: ['ppc64le'], policies: 30 },
];

const CALLS = 160;

test('there are a hundred thousand pairs', () => {
  expect(families.reduce((sum, { policies }) => sum + policies * CALLS, 0)).toBeGreaterThanOrEqual(100_000);
});

test.for(families)('$names', ({ names, policies }) => {
  const served: readonly Abi[] = names.map((name) => abis[name]);
  for (let round = 0; round < policies; round++) {
    const start = seed + round * 7919;
    expect(difference(randomFrom(start), served, CALLS), `SEED=${start}`).toBeUndefined();
  }
});

test('masks of all arguments at once are proved too', () => {
  // Four ways through each argument, and none of them may be forgotten at the next: 4^6 paths unless they are joined.
  const registers = [0, 1, 2, 3, 4, 5].map((index) => `arg${index}`);
  const policy: Policy = {
    statements: [
      {
        action: { kind: 'allow' },
        calls: [
          {
            target: { kind: 'name', name: 'mremap' },
            when: {
              kind: 'and',
              of: registers.map((argument) => ({
                kind: 'or',
                of: [3, 5, 9, 17, 33, 65].map((mask) => ({
                  kind: 'masked',
                  operand: { argument },
                  mask: number(mask),
                  op: '==',
                  value: number(mask & 1),
                })),
              })),
            },
          },
        ],
      },
    ],
    defaults: [],
  };
  const served = [abis.x86_64];
  const start = performance.now();
  const programs = compile(policy, { abis: served });
  expect(performance.now() - start).toBeLessThan(5000);
  const calls = randomCalls(randomFrom(seed), policy, served, 2000);
  expect(differenceIn(policy, programs, served, calls), `SEED=${seed}`).toBeUndefined();
});
