// Policies recovered from programs: proved the same (recover does that itself), and found the same by the reference.

import { expect, test } from 'vitest';
import { plainValue } from '../../lib/asking/decisions.ts';
import { difference } from '../../lib/asking/difference.ts';
import { recover } from '../../lib/asking/recover.ts';
import type { Program } from '../../lib/bpf/instruction.ts';
import { interpret } from '../../lib/bpf/interpret.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { SandboxError } from '../../lib/errors.ts';
import { type Abi, abis } from '../../lib/linux/abi.ts';
import { abiOfData } from '../../lib/policy/evaluate.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { expectedValue, textOf } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';
import { randomProgram } from '../support/random-program.ts';

const one = (code: number, k = 0, jt = 0, jf = 0) => ({ code, jt, jf, k });
const [ALLOW, KILL, EPERM] = [0x7fff0000, 0x80000000, 0x00050001];

test.each([
  [[abis.x86_64]],
  [[abis.x86_64, abis.i386, abis.x32]],
  [[abis.aarch64]],
  [[abis.s390x]],
])('from compiled random policies %#', (served: readonly Abi[]) => {
  const random = randomFrom(seed);
  for (let round = 0; round < 8; round++) {
    const policy = { ...randomPolicy(random, served), abis: served.map((abi) => abi.name) };
    const programs = compile(policy, { abis: served });
    const { policies, unsaid } = recover(programs[0]!, 'program', served[0]!.name);
    const told = `${seed} ${round}\n${textOf(policy)}`;
    expect(unsaid, told).toEqual([]);
    for (const found of policies) {
      const own = found.abis!.map((name) => abis[name]);
      // The text means the same too.
      const read = parsePolicy(printPolicy(found), { file: 'printed' });
      for (const call of randomCalls(random, policy, served, 60)) {
        const abi = abiOfData(call);
        if (abi === undefined || !own.includes(abi)) continue;
        expect(expectedValue(read, own, call), `${told}\n${textOf(call)}\n${printPolicy(found)}`).toBe(
          interpret(programs[0]!, call, abi.bigEndian).value,
        );
      }
    }
  }
});

test('from random programs of the whole machine', () => {
  const random = randomFrom(seed);
  let done = 0;
  const refused = new Map<string, number>();
  for (let round = 0; round < 200; round++) {
    const program = randomProgram(random, abis.x86_64.auditArch);
    try {
      const { policies, unsaid } = recover(program, 'program', 'x86_64');
      done++;
      for (const policy of policies) {
        const served = policy.abis!.map((name) => abis[name]);
        for (const call of randomCalls(random, policy, served, 20)) {
          const abi = abiOfData(call);
          if (abi === undefined || !served.includes(abi)) continue;
          if (unsaid.some((hole) => hole.abi === abi.name && hole.low <= call.nr && call.nr <= hole.high))
            continue;
          expect(
            expectedValue(policy, served, call),
            `${seed} ${round} ${textOf(program)} ${textOf(call)}`,
          ).toBe(plainValue(interpret(program, call).value));
        }
      }
    } catch (error) {
      if (!(error instanceof SandboxError) || error.name === 'ProofError') throw error;
      const key = error.message.replaceAll(/\d+/g, 'N');
      refused.set(key, (refused.get(key) ?? 0) + 1);
    }
  }
  expect(done, JSON.stringify([...refused])).toBeGreaterThan(50);
});

test('a list with its default, its errors and its widths', () => {
  const program: Program = [
    ...[one(0x20, 4), one(0x15, 0xc000003e, 1, 0), one(0x06, KILL)],
    ...[one(0x20, 0), one(0x35, 0x40000000, 0, 1), one(0x06, KILL)],
    ...[one(0x15, 0, 6, 0), one(0x15, 41, 0, 4)],
    // socket: the whole first register is 1
    ...[
      one(0x20, 20),
      one(0x15, 0, 0, 2),
      one(0x20, 16),
      one(0x15, 1, 1, 0),
      one(0x06, EPERM),
      one(0x06, ALLOW),
    ],
  ];
  const { policies, unsaid } = recover(program, 'program', 'x86_64');
  expect(policies.map(printPolicy)).toEqual([
    'default errno EPERM\nunknown errno EPERM\nabi x86_64\n\nallow read\nallow socket(family:64 == AF_UNIX)\n',
  ]);
  // -1, which this filter takes for a number of x32.
  expect(unsaid).toEqual([{ abi: 'x86_64', low: 0xffffffff, high: 0xffffffff, answers: [{ kind: 'kill' }] }]);
});

test('a filter without a look at the architecture serves every ABI of its machine', () => {
  const program: Program = [one(0x20, 0), one(0x15, 101, 0, 1), one(0x06, EPERM), one(0x06, ALLOW)];
  const { policies } = recover(program, 'program', 'x86_64');
  expect(policies.flatMap((policy) => policy.abis)).toEqual(['x86_64', 'i386', 'x32']);
  expect(printPolicy(policies[0]!)).toContain('errno EPERM ptrace');
  expect(printPolicy(policies[1]!)).toContain('errno EPERM ioperm');
});

test('a proof that fails is an error, and so is what no policy can say', () => {
  const byPlace: Program = [one(0x20, 8), one(0x15, 1, 0, 1), one(0x06, ALLOW), one(0x06, KILL)];
  expect(() => recover(byPlace, 'program', 'x86_64')).toThrow(/instruction pointer|without looking/);
});

test('an answer for numbers that a mask leaves of no word is nobody’s', () => {
  // No word has bit 0 left: of 4 … 5 only 4 is one, and 5 alone would be killed.
  const { policies } = recover(
    [
      one(0x20, 4),
      one(0x15, 0xc000003e, 0, 7),
      one(0x20, 0),
      one(0x15, 1, 0, 5),
      one(0x20, 16),
      one(0x54, 0xfffffffe),
      one(0x15, 5, 3, 0),
      one(0x35, 4, 0, 1),
      one(0x06, EPERM),
      one(0x06, ALLOW),
      one(0x06, KILL),
    ],
    'program',
    'x86_64',
  );
  expect(policies.map((policy) => printPolicy(policy)).join()).not.toContain('kill write');
});

test('architectures above a known one that are answered otherwise are not taken for the rest', () => {
  // arch >= i386's, but not beyond: a range that only begins with an architecture that we know.
  const program = [
    one(0x20, 4),
    one(0x15, 0xc000003e, 4, 0),
    one(0x35, 0x400e0004, 2, 0),
    one(0x35, 0x40000003, 0, 1),
    one(0x06, EPERM),
    one(0x06, KILL),
    one(0x06, ALLOW),
  ];
  const { policies } = recover(program, 'program', 'x86_64');
  expect(policies.some((policy) => policy.abis?.includes('x86_64'))).toBe(true);
});

test('the difference of a program to its own policy is nothing', () => {
  const policy = parsePolicy(
    'default errno EPERM\nallow read, mmap(!(prot & PROT_EXEC)), prctl(option in {1..5, 22})\ntrap 7 open',
    { file: 'p' },
  );
  const [program] = compile(policy, { abis: [abis.x86_64] });
  const { policies } = recover(program!, 'program', 'x86_64');
  const subject = (one: typeof policy) => ({ kind: 'policy', name: 'p', policy: one }) as const;
  expect(policies).toHaveLength(1);
  expect(difference(subject(policy), subject(policies[0]!), { native: 'x86_64' })).toEqual({ changes: [] });
});

test('of two errors for one call the one under a condition stands first, since the first counts', () => {
  const policy = parsePolicy('default kill\nerrno EPERM open(flags & O_CREAT)\nerrno EACCES open', {
    file: 'p',
  });
  const [program] = compile(policy, { abis: [abis.x86_64] });
  const { policies } = recover(program!, 'program', 'x86_64');
  expect(printPolicy(policies[0]!)).toMatch(/errno E\w+ open\(flags & O_CREAT.*\)\n\n?errno E\w+ open\n/);
});
