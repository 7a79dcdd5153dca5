// Whether two policies mean the same, asked at the calls where they are likely to differ: at the constants of either, beside
// them, with garbage above the bits that count.

import { expect } from 'vitest';
import { type AbiName, abis } from '../../lib/linux/abi.ts';
import { errnoNumber } from '../../lib/linux/errno.ts';
import { actionText } from '../../lib/policy/action.ts';
import { decideData, type SeccompData } from '../../lib/policy/evaluate.ts';
import type { Action, Policy } from '../../lib/policy/model.ts';
import { randomFrom } from '../support/random.ts';
import { randomCalls } from '../support/random-call.ts';

const native = abis.x86_64;

/** An answer with errors as numbers. */
export function answer(policy: Policy, data: SeccompData, served: readonly AbiName[]): string {
  return text(
    decideData(
      policy,
      served.map((name) => abis[name]),
      data,
    ).action,
  );
}

export function text(action: Action): string {
  if (action.kind === 'trace') return actionText({ kind: 'trace', data: action.data ?? 0 });
  if (action.kind !== 'errno' || typeof action.errno === 'number') return actionText(action);
  return actionText({ kind: 'errno', errno: errnoNumber(action.errno, native)! });
}

/** What a policy answers to one call of x86_64 (or another ABI that it is asked for). */
export function ask(
  policy: Policy,
  nr: number,
  args: readonly bigint[] = [],
  abi: AbiName = 'x86_64',
): string {
  const all = Array.from({ length: 6 }, (_, index) => BigInt.asUintN(64, args[index] ?? 0n));
  return text(decideData(policy, [abis[abi]], { arch: abis[abi].auditArch, nr, args: all }).action);
}

/** Fails with the first call that the two answer otherwise. */
export function expectSame(
  a: Policy,
  b: Policy,
  options: { served?: readonly AbiName[]; count?: number; seed?: number; known?: boolean } = {},
): void {
  const served = options.served ?? ['x86_64'];
  const list = served.map((name) => abis[name]);
  const count = options.count ?? 3000;
  const random = randomFrom(options.seed ?? 1);
  const calls = [...randomCalls(random, a, list, count), ...randomCalls(random, b, list, count)];
  for (const data of calls) {
    const [first, second] = [answer(a, data, served), answer(b, data, served)];
    if (first !== second) {
      const args = data.args.map((one) => `0x${one.toString(16)}`).join(', ');
      expect.fail(`arch 0x${data.arch.toString(16)} call ${data.nr}(${args}): ${first}, then ${second}`);
    }
  }
}
