// The proof against damaged programs: whatever the damage is, a program that answers any call otherwise than before must not be
// accepted. Programs come from the reference policies and from random ones, gates included.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Program } from '../../lib/bpf/instruction.ts';
import { type FilterData, interpret, refusal } from '../../lib/bpf/interpret.ts';
import { prove } from '../../lib/bpf/prove.ts';
import type { Specification } from '../../lib/bpf/specification.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { ProofError } from '../../lib/errors.ts';
import { type Abi, type AbiName, abis } from '../../lib/linux/abi.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { withCookie } from '../support/differential.ts';
import { constantsOfPrograms, mutate } from '../support/mutate.ts';
import { type Random, randomFrom, seed } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';
import { randomPolicy } from '../support/random-policy.ts';

const gates = ['execve', 'write', 'exit_group'];
const cookie = [0x0123456789abcdefn, 0xfedcba9876543210n, 0xdeadbeefcafef00dn] as const;

const files = ['a-thirteen', 'b-docker', 'c-system-service', 'd-arguments', 'e-deny-twenty'];
const policyOf = (file: string) =>
  parsePolicy(readFileSync(new URL(`../../bench/policies/${file}.policy`, import.meta.url), 'utf8'), {
    file,
  });

function isAccepted(program: Program, specification: Specification): boolean {
  try {
    prove([program], specification);
    return true;
  } catch (error) {
    // Anything else would be a fault of the proof's own.
    if (!(error instanceof ProofError)) throw error;
    return false;
  }
}

/** Data that a program's own constants and the policy's make interesting. */
function* interesting(
  random: Random,
  policy: Policy,
  served: readonly Abi[],
  program: Program,
): Generator<FilterData> {
  const constants = constantsOfPrograms([program]);
  const word = () => BigInt(random.pick(constants));
  const calls = randomCalls(random, policy, served, 300);
  yield* calls;
  for (const nr of constants) yield { nr, arch: served[0]!.auditArch, args: [0n, 0n, 0n, 0n, 0n, 0n] };
  for (const call of calls) {
    const nr = random.chance(0.5) ? call.nr : random.pick(constants);
    const args = call.args.map(() => (word() << 32n) | word());
    yield { ...call, nr, args, instructionPointer: word() };
    yield { ...call, nr: random.pick(constants), args: [0n, word(), word(), ...cookie] };
    yield { ...call, args: [...call.args.slice(0, 3), ...cookie] };
  }
}

interface Tally {
  accepted: number;
  rejected: number;
  changed: number;
}

function tryMutants(
  policy: Policy,
  served: readonly Abi[],
  count: number,
  random: Random,
  tally: Tally,
): void {
  const [program, second] = compile(policy, { abis: served, gates });
  if (program === undefined || second !== undefined) return;
  const specification = specify(policy, served, gates);
  const bigEndian = served[0]!.bigEndian;
  const [original] = withCookie([program], cookie);
  for (let i = 0; i < count; i++) {
    const mutant = mutate(program, random);
    const accepted = isAccepted(mutant.program, specification);
    // Of the rejected ones some are looked at too, so that it is known that there was something to reject.
    if (!accepted && i % 10 !== 0) {
      tally.rejected++;
      continue;
    }
    const [installed] = withCookie([mutant.program], cookie);
    if (refusal(installed!) !== undefined) {
      expect(accepted, `${mutant.what}, SEED=${seed}`).toBe(false);
      continue;
    }
    let isChanged = false;
    for (const data of interesting(random, policy, served, mutant.program)) {
      const before = interpret(original!, data, bigEndian).value;
      const after = interpret(installed!, data, bigEndian).value;
      if (before === after) continue;
      isChanged = true;
      if (accepted)
        expect.fail(
          `accepted: ${mutant.what}, 0x${after.toString(16)} for 0x${before.toString(16)}, SEED=${seed}`,
        );
      break;
    }
    if (accepted) tally.accepted++;
    else tally.rejected++;
    if (isChanged) tally.changed++;
  }
}

test('no changed program of a reference policy is accepted', () => {
  const tally: Tally = { accepted: 0, rejected: 0, changed: 0 };
  for (const file of files) tryMutants(policyOf(file), [abis.x86_64], 250, randomFrom(seed), tally);
  console.log(`reference policies: ${JSON.stringify(tally)}`);
  // The damage is such that most of it shows, and some does not.
  expect(tally.rejected).toBeGreaterThan(900);
  expect(tally.changed).toBeGreaterThan(50);
  expect(tally.accepted).toBeGreaterThan(10);
});

test.for<readonly AbiName[]>([
  ['x86_64'],
  ['x86_64', 'i386', 'x32'],
  ['s390x'],
])('no changed program of a random policy is accepted: %j', (names) => {
  const served = names.map((name) => abis[name]);
  const tally: Tally = { accepted: 0, rejected: 0, changed: 0 };
  for (let round = 0; round < 25; round++) {
    const random = randomFrom(seed + round);
    tryMutants(randomPolicy(random, served), served, 50, random, tally);
  }
  console.log(`random policies, ${names.join(' ')}: ${JSON.stringify(tally)}`);
  expect(tally.rejected).toBeGreaterThan(600);
  expect(tally.changed).toBeGreaterThan(20);
  expect(tally.accepted).toBeGreaterThan(5);
});
