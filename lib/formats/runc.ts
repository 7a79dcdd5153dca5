// How runc reads an OCI seccomp object with libseccomp, where that is not what the specification says. Source: behaviour of runc
// 1.1 and libseccomp 2.5, held against their live filter in test/conformance/runc.test.ts.
//
//   several tests of one register in a rule      any of the rule's tests is enough
//   a rule whose action is the default's         as if it were not there
//   a rule without tests beside rules with them  it alone counts; of several without tests the first
//   socket, semop … on ABIs with multiplexers    the rule holds for socketcall and ipc as well; their call number takes
//                                                the place of its test of the first argument, if it has one
//   numbers above the largest one that is named  ENOSYS, unless the default is allow, log or trace

import { type Abi, type AbiName, abis } from '../linux/abi.ts';
import { multiplexed } from '../linux/multiplexed.ts';
import { syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { actionText, sameAction } from '../policy/action.ts';
import { and, type Truth } from '../policy/algebra/truth.ts';
import type { Action, Origin, Policy } from '../policy/model.ts';
import type { OrderedRule } from './first-match.ts';

export interface RuncRule {
  readonly action: Action;
  /** `on`: the same test as one of another call's. */
  readonly conditions: readonly {
    readonly index: number;
    readonly when: Truth;
    readonly on: (call: string) => Truth;
  }[];
  readonly origin: Origin;
}

/** The rules of each call as they count. */
export function runcRules(
  rules: ReadonlyMap<string, readonly RuncRule[]>,
  fallback: Action,
  served: readonly AbiName[],
): ReadonlyMap<string, readonly OrderedRule[]> {
  const found = new Map<string, OrderedRule[]>();
  const has = (call: string) => served.some((abi) => syscallNumber(abis[abi], call) !== undefined);
  const behind = new Map<string, OrderedRule[]>();
  for (const [name, list] of rules) {
    const counting = list.filter((rule) => !sameAction(rule.action, fallback));
    const whole = counting.find((rule) => rule.conditions.length === 0);
    const effective = whole === undefined ? counting : [whole];
    const ordered = effective.flatMap(alternatives);
    if (ordered.length > 0) found.set(name, ordered);
    const other = multiplexed(name);
    if (other === undefined || !has(other.call)) continue;
    const own = behind.get(other.call) ?? [];
    behind.set(other.call, [...own, ...effective.map((rule) => multiplexedRule(rule, other))]);
  }
  for (const [call, more] of behind) {
    const own = found.get(call) ?? [];
    if (!own.some((rule) => rule.when === true)) found.set(call, [...own, ...more]);
  }
  return found;
}

function multiplexedRule(
  { action, conditions, origin }: RuncRule,
  { call, number }: { readonly call: string; readonly number: number },
): OrderedRule {
  const isCall: Truth = {
    kind: 'compare',
    operand: { argument: 'arg0' },
    op: '==',
    value: { kind: 'number', number: BigInt(number) },
  };
  const others = conditions.filter((one) => one.index !== 0).map((one) => one.on(call));
  return { action, when: and(isCall, ...others), origin };
}

function alternatives({ action, conditions, origin }: RuncRule): readonly OrderedRule[] {
  const indexes = conditions.map((one) => one.index);
  const isRepeated = new Set(indexes).size < indexes.length;
  const whens = conditions.map((one) => one.when);
  return isRepeated
    ? whens.map((when) => ({ action, when, origin }))
    : [{ action, when: and(...whens), origin }];
}

/** Where runc's reading differs from the specification's, one sentence a call. */
export function differences(
  rules: ReadonlyMap<string, readonly RuncRule[]>,
  fallback: Action,
): readonly string[] {
  const found: string[] = [];
  for (const [name, list] of rules) {
    const isRepeated = (rule: RuncRule) =>
      new Set(rule.conditions.map((one) => one.index)).size < rule.conditions.length;
    if (list.some(isRepeated)) {
      found.push(`${name}: tests of the same argument are alternatives`);
      continue;
    }
    const counting = list.filter((rule) => !sameAction(rule.action, fallback));
    if (counting.length > 0 && counting.length < list.length) {
      found.push(`${name}: rules with the default's action (${actionText(fallback)}) do not count`);
      continue;
    }
    const whole = counting.find((rule) => rule.conditions.length === 0);
    if (whole !== undefined && counting.some((rule) => !sameAction(rule.action, whole.action))) {
      found.push(`${name}: of its rules only the one without tests counts (${actionText(whole.action)})`);
    }
  }
  return found;
}

/** ENOSYS for what lies above the largest number that the object names. */
export function withRuncUnknown(
  policy: Policy,
  names: readonly string[],
  native: Abi,
  warnings: string[],
): Policy {
  const fallback = policy.default!;
  if (['allow', 'log', 'trace', 'notify'].includes(fallback.kind)) return { ...policy, unknown: fallback };
  const enosys: Action = { kind: 'errno', errno: 'ENOSYS' };
  const above = (abi: Abi) => {
    const numbers = names.flatMap((name) => syscallNumber(abi, name) ?? []);
    const last = numbers.reduce((most, number) => Math.max(most, number), -1);
    return last < 0 ? [] : syscallNames(abi).filter((name) => syscallNumber(abi, name)! > last);
  };
  const own = new Set(above(native));
  for (const other of policy.abis ?? []) {
    const abi = abis[other];
    if (abi === native) continue;
    const theirs = new Set(above(abi));
    const differing = syscallNames(abi).filter(
      (name) => syscallNumber(native, name) !== undefined && own.has(name) !== theirs.has(name),
    );
    if (differing.length > 0) {
      warnings.push(
        `on ${other} the largest number named is another one: ENOSYS and the default are as on ${native.name}`,
      );
    }
    for (const name of theirs) if (syscallNumber(native, name) === undefined) own.add(name);
  }
  const calls = [...own].map((name) => ({ target: { kind: 'name' as const, name } }));
  return {
    ...policy,
    unknown: enosys,
    defaults: calls.length === 0 ? [] : [{ action: enosys, calls, origin: { source: 'runc' } }],
  };
}
