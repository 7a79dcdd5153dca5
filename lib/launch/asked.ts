// One filter for a policy that needs several: of the filters of a process one can have a listener, so --explain has to do with one. Calls
// with the longest conditions are asked of the listener each time they are made, and it decides by the whole policy. A filter cannot see more than
// the listener is told: number, architecture and registers.

import type { Program } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import type { Abi } from '../linux/abi.ts';
import { syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { speaksOf } from '../policy/meaning.ts';
import type { Call, Condition, Policy, Target } from '../policy/model.ts';
import { GATES } from './filters.ts';

/** A proved program that answers as the policy does, or `notify`; undefined where there is none short enough. Never permits what the
 * policy does not. */
export function singleFilter(
  policy: Policy,
  abis: readonly Abi[],
  gates: readonly string[] = GATES,
): Program | undefined {
  const heavy = callsByWeight(policy, abis);
  for (let count = 1; ; count *= 2) {
    const asked = new Set(heavy.slice(0, count));
    const [only, second] = compile(asking(policy, asked), { abis, gates });
    if (second === undefined) return only;
    if (count >= heavy.length) return undefined;
  }
}

/** Names of calls that have conditions, those with the longest first. */
function callsByWeight(policy: Policy, abis: readonly Abi[]): readonly string[] {
  const weights = new Map<string, number>();
  for (const call of policy.statements.flatMap((statement) => statement.calls)) {
    if (call.when === undefined || call.target.kind === 'number') continue;
    const weight = weightOf(call.when);
    for (const abi of abis) {
      for (const name of syscallNames(abi)) {
        if (isMeant(call, name, abi, policy)) weights.set(name, (weights.get(name) ?? 0) + weight);
      }
    }
  }
  return [...weights.keys()].sort((a, b) => weights.get(b)! - weights.get(a)!);
}

const isMeant = (call: Call, name: string, abi: Abi, policy: Policy) =>
  speaksOf(call, name, syscallNumber(abi, name)! - abi.numberBase, policy.kernel);

/** How many values a condition compares with. */
function weightOf(when: Condition): number {
  if (when.kind === 'in') return when.ranges.length;
  if (when.kind === 'not') return weightOf(when.of);
  if (when.kind === 'and' || when.kind === 'or') return when.of.reduce((sum, one) => sum + weightOf(one), 0);
  return 1;
}

/** The policy with `notify` in the place of all that it says of some calls. What it says of numbers stays: they are other calls in other ABIs. */
function asking(policy: Policy, names: ReadonlySet<string>): Policy {
  const targets = [...names].map((name): Target => ({ kind: 'name', name }));
  const statements = policy.statements.flatMap((statement) => {
    const calls = statement.calls.flatMap((call): readonly Call[] => {
      if (call.target.kind === 'group') return [{ ...call, except: [...(call.except ?? []), ...targets] }];
      return call.target.kind === 'name' && names.has(call.target.name) ? [] : [call];
    });
    return calls.length === 0 ? [] : [{ ...statement, calls }];
  });
  const asked = { action: { kind: 'notify' }, calls: targets.map((target) => ({ target })) } as const;
  return { ...policy, statements: [...statements, asked] };
}
