// Compiled programs in the running kernel: each answer is replaced with an errno of its own, so that every call returns at once and
// tells which answer it got. Calls by int 0x80 from 64-bit code come with whole 64-bit registers, which the filter sees too. Kernel, interpreter and reference must agree on each of some thousands of pairs.

import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BPF_JMP_JEQ_K, BPF_RET_K, jumpIf, load, type Program, ret } from '../../lib/bpf/instruction.ts';
import { interpretAll } from '../../lib/bpf/interpret.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { type AbiName, abis } from '../../lib/linux/abi.ts';
import { syscallNumber } from '../../lib/linux/syscalls.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import { expectedValue, textOf } from '../support/differential.ts';
import { askKernel, unaskable } from '../support/kernel-oracle.ts';
import { randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const ERRNO = 0x50000;
const SECCOMP = syscallNumber(abis.x86_64, 'seccomp')!;

if (unaskable !== undefined) console.log(`not tried: ${unaskable}`);
if (!existsSync('/proc/self/seccomp_cache')) {
  console.log(
    'not tried: isConstantAllow against /proc/PID/seccomp_cache (kernel without SECCOMP_CACHE_DEBUG)',
  );
}

/** The same program with an errno in place of each answer; `errnos` collects which. */
function masked(program: Program, errnos: Map<number, number>): Program {
  return program.map((one) => {
    if (one.code !== BPF_RET_K) return one;
    const errno = errnos.get(one.k) ?? errnos.size + 1;
    errnos.set(one.k, errno);
    return ret(ERRNO + errno);
  });
}

/** uprobe and uretprobe never reach a filter (kernel/seccomp.c, seccomp_uprobe_exception, since 6.14), and end with SIGILL whoever
 * makes them outside of a probe. */
const unfiltered = new Set([335, 336]);

const isMakeable = ({ arch, nr }: SeccompData) =>
  arch === abis.i386.auditArch || (arch === abis.x86_64.auditArch && !unfiltered.has(nr));

test.skipIf(unaskable !== undefined)('kernel, interpreter and reference agree', () => {
  const families: readonly (readonly AbiName[])[] = [
    ['x86_64'],
    ['x86_64', 'i386'],
    ['x86_64', 'i386', 'x32'],
    ['i386'],
  ];
  const cases = Array.from({ length: 80 }, (_, round) => {
    const random = randomFrom(seed + round);
    const served = families[round % families.length]!.map((name) => abis[name]);
    const policy = randomPolicy(random, served);
    const [program] = compile(policy, { abis: served });
    const errnos = new Map<number, number>();
    const calls = randomCalls(random, policy, served, 120).filter(isMakeable);
    return { policy, served, errnos, calls, programs: [masked(program!, errnos)] };
  });
  const answers = askKernel(cases);
  let pairs = 0;
  cases.forEach(({ policy, served, errnos, calls, programs }, index) => {
    const { refused, died, results } = answers[index]!;
    expect({ refused, died }).toEqual({ refused: 0, died: 0 });
    calls.forEach((call, at) => {
      const expected = errnos.get(expectedValue(policy, served, call));
      const interpreted = interpretAll(programs, call).value - ERRNO;
      if (results[at] !== -expected! || interpreted !== expected) {
        expect.fail(
          `kernel ${results[at]}, interpreter ${interpreted}, reference ${expected}; SEED=${seed} ${textOf(call)} ${textOf(policy)}`,
        );
      }
      pairs++;
    });
  });
  console.log(`${pairs} calls made under ${cases.length} policies`);
  expect(pairs).toBeGreaterThan(5000);
});

test.skipIf(unaskable !== undefined)('of stacked filters that are equally strict the newest answers', () => {
  const random = randomFrom(seed);
  const served = [abis.x86_64];
  const policies = Array.from({ length: 3 }, () => randomPolicy(random, served));
  const errnos = policies.map(() => new Map<number, number>());
  const programs = policies.map((policy, index) => {
    const program = masked(compile(policy, { abis: served })[0]!, errnos[index]!).map((one) =>
      one.code === BPF_RET_K ? ret(one.k + 100 * index) : one,
    );
    // The next filter's installation must get through.
    return [load(0), jumpIf(BPF_JMP_JEQ_K, SECCOMP, 0, 1), ret(0x7fff0000), ...program];
  });
  programs[2] = programs[2]!.slice(3);
  const calls = policies
    .flatMap((policy) => randomCalls(random, policy, served, 100))
    .filter((call) => isMakeable(call) && call.nr !== SECCOMP);
  const [answer] = askKernel([{ programs, calls }]);
  expect({ refused: answer!.refused, died: answer!.died }).toEqual({ refused: 0, died: 0 });
  expect(answer!.results, `SEED=${seed}`).toEqual(
    calls.map((call) => -(interpretAll(programs, call).value - ERRNO)),
  );
  expect(Math.max(...answer!.results)).toBeLessThan(-200);
});
