// A policy laid out call by call, for the algebra: what is said about each name and each number that is no name, with groups,
// exceptions and kernel versions resolved. A number of which an ABI in scope makes one call and another ABI another one
// cannot be laid out so; the scope is then to be narrowed.

import { PolicyError } from '../../errors.ts';
import { type AbiName, abiNames, abis } from '../../linux/abi.ts';
import { groupMembers } from '../../linux/groups.ts';
import { isSyscallName, newestNumber, syscallName } from '../../linux/syscalls.ts';
import { isNewerThan } from '../../linux/versions.ts';
import { stricter } from '../action.ts';
import {
  type Action,
  type Call,
  defaultOf,
  type Origin,
  type Policy,
  type Target,
  unknownOf,
} from '../model.ts';
import type { Truth } from './truth.ts';

export interface Rule {
  readonly action: Action;
  readonly when: Truth;
  readonly origin?: Origin | undefined;
}

/** What a policy says about one call. */
export interface Say {
  /** In the order that they were written. */
  readonly rules: readonly Rule[];
  /** Where no rule holds. */
  readonly base: Action;
}

/** Either a name, or a number that is no name on any ABI in scope. */
export type Single = Exclude<Target, { kind: 'group' }>;

export interface View {
  /** Every call that the policy mentions. */
  readonly mentioned: readonly Single[];
  /** `beyond`: whether a number that is no name lies above the newest call. */
  say(call: Single, beyond: boolean): Say;
}

export interface AlgebraOptions {
  /** The ABIs for which the result must be exact. Absent: those that the policies name, or all. It matters only for
   * calls given by number, which are other calls on other ABIs. */
  readonly abis?: readonly AbiName[];
}

/** The ABIs for which the result of an operation on these policies is to be exact. */
export function scopeOf(policies: readonly Policy[], options: AlgebraOptions): readonly AbiName[] {
  if (options.abis !== undefined && options.abis.length > 0) return options.abis;
  const named = policies.flatMap((policy) => policy.abis ?? []);
  return policies.every((policy) => policy.abis !== undefined) && named.length > 0
    ? [...new Set(named)]
    : abiNames;
}

export function viewOf(policy: Policy, scope: readonly AbiName[]): View {
  const rules = new Map<string, Rule[]>();
  const bases = new Map<string, Action>();
  const mentioned = new Map<string, Single>();
  for (const statement of policy.statements) {
    for (const call of statement.calls) {
      const rule: Rule = { action: statement.action, when: call.when ?? true, origin: statement.origin };
      for (const single of singlesOf(call, policy.kernel, scope)) {
        const key = keyOfCall(single);
        mentioned.set(key, single);
        const list = rules.get(key);
        if (list === undefined) rules.set(key, [rule]);
        else list.push(rule);
      }
    }
  }
  for (const { action, calls } of policy.defaults) {
    for (const single of calls.flatMap((call) => singlesOf(call, policy.kernel, scope))) {
      const key = keyOfCall(single);
      mentioned.set(key, single);
      const before = bases.get(key);
      bases.set(key, before === undefined ? action : stricter(before, action));
    }
  }
  return {
    mentioned: [...mentioned.values()],
    say(call, beyond) {
      const key = keyOfCall(call);
      const isNew = call.kind === 'name' ? isNewer(call.name, policy.kernel) : beyond;
      const base = bases.get(key) ?? (isNew ? unknownOf(policy) : defaultOf(policy));
      return { rules: rules.get(key) ?? [], base };
    },
  };
}

export function keyOfCall(call: Single): string {
  return call.kind === 'name' ? call.name : `#${call.number}`;
}

/** For a number that is no name: whether it lies above the newest call, on each of the ABIs; for a name it is of no meaning. */
export function positionsOf(call: Single, scope: readonly AbiName[]): readonly boolean[] {
  if (call.kind === 'name') return [false];
  const beyond = (name: AbiName) => call.number + abis[name].numberBase > newestNumber(abis[name]);
  return [...new Set(scope.map(beyond))];
}

function singlesOf(call: Call, kernel: string | undefined, scope: readonly AbiName[]): readonly Single[] {
  const { target } = call;
  if (target.kind === 'number') return [singleOf(target.number, scope)];
  const isExcepted = exceptions(call.except ?? [], scope);
  if (target.kind === 'name') return isExcepted(target.name) ? [] : [target];
  return (groupMembers(target.name) ?? [])
    .filter((name) => isSyscallName(name) && !isNewer(name, kernel) && !isExcepted(name))
    .map((name) => ({ kind: 'name', name }));
}

function exceptions(targets: readonly Target[], scope: readonly AbiName[]): (name: string) => boolean {
  if (targets.length === 0) return () => false;
  const names = new Set<string>();
  for (const target of targets) {
    if (target.kind === 'group') for (const name of groupMembers(target.name) ?? []) names.add(name);
    else {
      const single = target.kind === 'number' ? singleOf(target.number, scope) : target;
      if (single.kind === 'name') names.add(single.name);
    }
  }
  return (name) => names.has(name);
}

/** The call that a number is on every ABI in scope. */
function singleOf(number: number, scope: readonly AbiName[]): Single {
  const names = new Set(scope.map((name) => syscallName(abis[name], number + abis[name].numberBase)));
  const [name] = names;
  if (names.size === 1) return name === undefined ? { kind: 'number', number } : { kind: 'name', name };
  throw new PolicyError(`#${number} is not the same call on ${scope.join(', ')}`, {
    advice: 'to combine policies, name the call instead, or say which ABI is meant',
  });
}

function isNewer(name: string, kernel: string | undefined): boolean {
  return kernel !== undefined && isNewerThan(name, kernel);
}
