// Policies whose program is longer than one filter may be: several filters that together answer as the policy says, each within
// the kernel's limits; and policies that no chain of filters can hold, refused in little time.

import { describe, expect, test } from 'vitest';
import { MAX_INSTRUCTIONS, type Program } from '../../lib/bpf/instruction.ts';
import { refusal } from '../../lib/bpf/interpret.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { CompileError, ProofError } from '../../lib/errors.ts';
import { type AbiName, abis } from '../../lib/linux/abi.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import { type Action, type Call, type Condition, number, type Policy } from '../../lib/policy/model.ts';
import { cookieCalls, differenceIn, randomCookie, withCookie } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';

const gates = ['execve', 'write', 'exit_group', 'seccomp'];
const allow: Action = { kind: 'allow' };

const values = (count: number, step: bigint) =>
  Array.from({ length: count }, (_, i) => BigInt(i) * step + 3n);
const named = (name: string, when?: Condition): Call => ({
  target: { kind: 'name', name },
  ...(when === undefined ? {} : { when }),
});
const plain = ['read', 'close', 'openat', 'mmap', 'futex', 'getpid', 'socket'].map((name) => named(name));
const isIn = (argument: string, list: readonly bigint[]): Condition => ({
  kind: 'in',
  operand: { argument },
  ranges: list.map((one) => ({ low: number(one), high: number(one) })),
});
const equal = (argument: string, value: bigint): Condition => ({
  kind: 'compare',
  operand: { argument },
  op: '==',
  value: number(value),
});
const policyOf = (...calls: readonly Call[]): Policy => ({
  statements: [
    { action: allow, calls },
    { action: { kind: 'log' }, calls: plain },
  ],
  defaults: [],
});

const manyCalls = ['ioctl', 'fcntl', 'kill', 'madvise', 'mprotect', 'prctl', 'clone', 'lseek', 'setsockopt'];

const large: readonly {
  readonly name: string;
  readonly abis: readonly AbiName[];
  readonly policy: Policy;
}[] = [
  {
    name: 'one list of an int',
    abis: ['x86_64', 'i386'],
    policy: policyOf(named('ioctl', isIn('cmd', values(5000, 7n)))),
  },
  {
    name: 'a rule for each 64-bit value, big-endian',
    abis: ['s390x'],
    policy: policyOf(...values(1600, 0x1234567891n).map((one) => named('lseek', equal('offset', one)))),
  },
  {
    name: 'a gated call with a list',
    abis: ['x86_64'],
    policy: policyOf(named('execve', isIn('arg1', values(3500, 9n)))),
  },
  {
    name: 'many calls with rules of two arguments',
    abis: ['x86_64'],
    policy: {
      default: { kind: 'errno', errno: 'EPERM' },
      statements: manyCalls.map((name, index) => ({
        action: { kind: 'trap' },
        calls: values(190, 11n).map((one) =>
          named(name, {
            kind: 'and',
            of: [
              equal('arg1', one + BigInt(index)),
              { kind: 'any-bit', operand: { argument: 'arg2' }, mask: number(one) },
            ],
          }),
        ),
      })),
      defaults: [],
    },
  },
];

describe.for(large)('$name', ({ policy, abis: names }) => {
  const served = names.map((name) => abis[name]);
  const native = served[0]!;
  let programs: readonly Program[] = [];

  test('becomes several filters that the kernel would take', () => {
    programs = compile(policy, { abis: served, gates });
    expect(programs.length).toBeGreaterThan(1);
    for (const program of programs) {
      expect(refusal(program)).toBeUndefined();
      expect(program.length).toBeLessThanOrEqual(MAX_INSTRUCTIONS);
    }
    // None of them is a splinter: a filter costs every call.
    expect(programs.length).toBeLessThanOrEqual(Math.ceil(programs.flat().length / MAX_INSTRUCTIONS) * 2);
  });

  test('together they answer as the policy says, with and without the cookie', () => {
    const random = randomFrom(seed);
    const cookie = randomCookie(random);
    const installed = withCookie(programs, cookie);
    const calls = randomCalls(random, policy, served, 1500);
    expect(differenceIn(policy, installed, served, calls), `SEED=${seed}`).toBeUndefined();
    const execve: SeccompData[] = calls
      .slice(0, 300)
      .map((call) => ({ ...call, arch: native.auditArch, nr: native.name === 's390x' ? 11 : 59 }));
    const wrong = cookieCalls(random, cookie, execve)
      .filter((one) => !one.isRight)
      .map((one) => one.call);
    expect(differenceIn(policy, installed, served, wrong), `SEED=${seed}`).toBeUndefined();
  });

  test('the proof is of the sum: without one of them it fails', () => {
    const specification = specify(policy, served, gates);
    for (const index of programs.keys()) {
      expect(() => prove(programs.toSpliced(index, 1), specification)).toThrow(ProofError);
    }
  });
});

describe('what fits in no chain is refused in about two seconds', () => {
  const count = 100_000;
  const hopeless: readonly (readonly [string, Policy])[] = [
    ['a list of an int', policyOf(named('ioctl', isIn('cmd', values(count, 7n))))],
    ['a rule for each value', policyOf(...values(count, 7n).map((one) => named('ioctl', equal('cmd', one))))],
    ['64-bit values', policyOf(named('lseek', isIn('offset', values(count, 0x1234567891n))))],
    // Neither argument's masks say anything about the other's, so every combination is a case of its own.
    [
      'masks of two arguments, in pairs',
      policyOf(
        ...Array.from({ length: 26 }, (_, bit) => {
          const mask = number(2 ** bit + 2 ** (bit + 1));
          const part = (argument: string): Condition => ({ kind: 'any-bit', operand: { argument }, mask });
          return named('mremap', { kind: 'and', of: [part('arg0'), part('arg1')] });
        }),
      ),
    ],
  ];

  test.for(hopeless)('%s', ([, policy]) => {
    const start = performance.now();
    expect(() => compile(policy, { abis: [abis.x86_64] })).toThrow(CompileError);
    // A generous bound: this machine may be busy.
    expect(performance.now() - start).toBeLessThan(8000);
  });
});
