// What a policy answers to one imagined call, and which statement decides.

import { UsageError } from '../errors.ts';
import { type Abi, abis } from '../linux/abi.ts';
import { abisWith, syscallNumber } from '../linux/syscalls.ts';
import { type Decision, decideData } from '../policy/evaluate.ts';
import { type Invocation, registerOf } from '../policy/language/invocation.ts';
import type { Policy } from '../policy/model.ts';
import { numberOf } from '../policy/value.ts';

export interface Answer {
  readonly call: string;
  readonly abi: Abi;
  /** As in seccomp_data. */
  readonly nr: number;
  /** The policy's. */
  readonly kernel: string | undefined;
  readonly decision: Decision;
}

/** One answer for each ABI that is asked about and has the call. */
export function answersFor(
  invocation: Invocation,
  text: string,
  policy: Policy,
  served: readonly Abi[],
): readonly Answer[] {
  const asked = invocation.abi === undefined ? served : [abis[invocation.abi]];
  const { target } = invocation;
  const found = asked.flatMap((abi) => {
    const nr = target.kind === 'number' ? target.number + abi.numberBase : syscallNumber(abi, target.name);
    if (nr === undefined) return [];
    const args = Array.from({ length: 6 }, (_, index) => {
      const value = invocation.args[index];
      return value === undefined ? 0n : registerOf(numberOf(value, abi));
    });
    return [
      {
        call: text,
        abi,
        nr,
        kernel: policy.kernel,
        decision: decideData(policy, served, { arch: abi.auditArch, nr, args }),
      },
    ];
  });
  if (found.length === 0 && target.kind === 'name') {
    const others = abisWith(target.name);
    throw new UsageError(`${asked.map((abi) => abi.name).join(' and ')} has no call ${target.name}`, {
      advice: `it exists on ${others.join(', ')}: write ${others[0]}:${target.name}`,
    });
  }
  return found;
}
