// One round of the differential test: a random policy is compiled and proved, and the program's answers to random calls are held
// against the reference's.

import type { Program } from '../../lib/bpf/instruction.ts';
import { interpretAll } from '../../lib/bpf/interpret.ts';
import { compile } from '../../lib/compiler/compile.ts';
import type { Abi } from '../../lib/linux/abi.ts';
import { returnValue } from '../../lib/policy/action.ts';
import { abiOfData, decideData, type SeccompData } from '../../lib/policy/evaluate.ts';
import type { Policy } from '../../lib/policy/model.ts';
import type { Random } from './random.ts';
import { randomCalls } from './random-call.ts';
import { randomPolicy } from './random-policy.ts';

export interface Difference {
  readonly policy: string;
  readonly call: string;
  readonly reference: string;
  readonly program: string;
}

/** A random policy and `count` calls; what differs first, or nothing. */
export function difference(random: Random, served: readonly Abi[], count: number): Difference | undefined {
  const policy = randomPolicy(random, served);
  let programs: readonly Program[];
  try {
    programs = compile(policy, { abis: served });
  } catch (error) {
    throw new Error(`${String(error)}\n${textOf(policy)}`, { cause: error });
  }
  return differenceIn(policy, programs, served, randomCalls(random, policy, served, count));
}

/** The first call to which the programs and the policy answer differently. */
export function differenceIn(
  policy: Policy,
  programs: readonly Program[],
  served: readonly Abi[],
  calls: readonly SeccompData[],
): Difference | undefined {
  for (const call of calls) {
    const reference = expectedValue(policy, served, call);
    const { value } = interpretAll(programs, call, served[0]!.bigEndian);
    if (value !== reference) {
      return {
        policy: textOf(policy),
        call: textOf(call),
        reference: `0x${reference.toString(16)}`,
        program: `0x${value.toString(16)}`,
      };
    }
  }
  return undefined;
}

/** The SECCOMP_RET_ value that the reference gives. An errno's number is that of the ABI that the call came through. */
export function expectedValue(policy: Policy, served: readonly Abi[], call: SeccompData): number {
  const { action, by } = decideData(policy, served, call);
  const abi = by === 'foreign' ? served[0]! : abiOfData(call)!;
  return returnValue(action, abi);
}

export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one) =>
    typeof one === 'bigint' ? `0x${one.toString(16)}n`.replace('0x-', '-0x') : one,
  );
}

/** A launch's cookie: args[3], args[4] and args[5] as the launcher will set them. */
export type Cookie = readonly [bigint, bigint, bigint];

export function randomCookie(random: Random): Cookie {
  return [random.bits(64), random.bits(64), random.bits(64)];
}

/** The programs as they are installed: the cookie's words in their places (word 0 is the low half of args[3]). */
export function withCookie(programs: readonly Program[], cookie: Cookie): readonly Program[] {
  return programs.map((program) =>
    program.map(({ cookie: word, ...one }) =>
      word === undefined
        ? one
        : { ...one, k: Number((cookie[word >> 1]! >> (word % 2 ? 32n : 0n)) & 0xffffffffn) },
    ),
  );
}

/** The same calls with the cookie in its registers: whole, or with one bit or one register wrong. */
export function cookieCalls(
  random: Random,
  cookie: Cookie,
  calls: readonly SeccompData[],
): readonly { readonly call: SeccompData; readonly isRight: boolean }[] {
  return calls.map((call) => {
    const three: bigint[] = [...cookie];
    const at = random.below(3);
    const kind = random.below(4);
    if (kind === 1) three[at] = three[at]! ^ (1n << BigInt(random.below(64)));
    if (kind === 2) three[at] = call.args[3 + at]!;
    if (kind === 3) three.reverse();
    const isRight = three.every((register, index) => register === cookie[index]);
    return { call: { ...call, args: [...call.args.slice(0, 3), ...three] }, isRight };
  });
}
