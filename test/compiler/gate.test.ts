// Gated calls: with the launch's cookie in args[3] to args[5] they are allowed, whatever the policy says; without it, or with one
// bit of it wrong, or through another ABI, the policy answers as if there were no gate.

import { describe, expect, test } from 'vitest';
import { BPF_JMP_JA } from '../../lib/bpf/instruction.ts';
import { interpretAll, isConstantAllow } from '../../lib/bpf/interpret.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { type AbiName, abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import {
  cookieCalls,
  differenceIn,
  expectedValue,
  randomCookie,
  textOf,
  withCookie,
} from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const gates = ['execve', 'write', 'exit_group', 'seccomp'];
const ALLOW = 0x7fff0000;

const families: readonly (readonly AbiName[])[] = [
  ['x86_64'],
  ['x86_64', 'i386', 'x32'],
  ['aarch64', 'arm'],
  ['s390x'],
];

test.for(families.map((names) => ({ names })))('$names: random policies', ({ names }) => {
  const served = names.map((name) => abis[name]);
  const native = served[0]!;
  const gated = new Set(gates.map((name) => syscallNumber(native, name)!));
  for (let round = 0; round < 60; round++) {
    const start = seed + round * 104_729;
    const random = randomFrom(start);
    const policy = randomPolicy(random, served);
    const cookie = randomCookie(random);
    const programs = withCookie(compile(policy, { abis: served, gates }), cookie);
    const calls = randomCalls(random, policy, served, 150).map((call) =>
      random.chance(0.5) ? { ...call, arch: native.auditArch, nr: random.pick([...gated]) } : call,
    );
    expect(differenceIn(policy, programs, served, calls), `SEED=${start}`).toBeUndefined();
    for (const { call, isRight } of cookieCalls(random, cookie, calls)) {
      const isOpen = isRight && call.arch === native.auditArch && gated.has(call.nr);
      const expected = isOpen ? ALLOW : expectedValue(policy, served, call);
      const { value } = interpretAll(programs, call, native.bigEndian);
      if (value !== expected) expect.fail(`SEED=${start} ${textOf(policy)} ${textOf(call)}`);
    }
  }
});

describe('what is gated and what is not', () => {
  const policyOf = (text: string) => parsePolicy(text, { file: 'test' });
  const cookies = (text: string) =>
    compile(policyOf(text), { abis: [abis.x86_64], gates })
      .flat()
      .filter((one) => one.cookie !== undefined).length;

  test('a call that the policy allows anyway has no gate and stays constant-allowed', () => {
    expect(cookies('allow execve, write, exit_group, seccomp')).toBe(0);
    const [program] = compile(policyOf('allow write'), { abis: [abis.x86_64], gates });
    expect(isConstantAllow(program!, abis.x86_64.auditArch, 1)).toBe(true);
    expect(isConstantAllow(program!, abis.x86_64.auditArch, 59)).toBe(false);
  });

  test('gates whose refusal is the same share one comparison of the cookie', () => {
    expect(cookies('allow read')).toBe(6);
  });

  test('an unknown gate is an error', () => {
    expect(() => compile(policyOf('allow read'), { abis: [abis.x86_64], gates: ['no_such_call'] })).toThrow(
      'no_such_call',
    );
  });

  test('the proof refuses a gate that forgets a word, or compares the wrong one', () => {
    const policy = policyOf('allow read');
    const [program] = compile(policy, { abis: [abis.x86_64], gates });
    const specification = specify(policy, [abis.x86_64], gates);
    prove([program!], specification);
    for (const [at, one] of program!.entries()) {
      if (one.cookie === undefined) continue;
      const swapped = program!.with(at, { ...one, cookie: (one.cookie + 1) % 6 });
      expect(() => prove([swapped], specification)).toThrow();
      const unasked = { code: BPF_JMP_JA, jt: 0, jf: 0, k: one.jt };
      expect(() => prove([program!.with(at, unasked)], specification)).toThrow();
      const { cookie: _, ...plain } = one;
      expect(() => prove([program!.with(at, plain)], specification)).toThrow();
      expect(() => prove([program!.with(at, { ...one, jt: one.jf, jf: one.jt })], specification)).toThrow();
      expect(() => prove([program!.with(at, { ...one, jf: one.jt })], specification)).toThrow();
    }
  });
});
