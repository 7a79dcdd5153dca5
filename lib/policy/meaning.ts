// From a policy to what it says about one call number: the rules that speak of it, strictest first, and the answer where
// none of them holds. This is where groups, exceptions, kernel versions and call defaults get their meaning. The
// reference (evaluate.ts) and the proof rest on it; the compiler has its own way to the same end (compiler/resolve.ts),
// so that a fault in one of them shows.

import type { Abi } from '../linux/abi.ts';
import { groupMembers } from '../linux/groups.ts';
import { newestNumber, syscallName } from '../linux/syscalls.ts';
import { isNewerThan } from '../linux/versions.ts';
import { rank, stricter } from './action.ts';
import {
  type Action,
  type Call,
  type Condition,
  defaultOf,
  type Policy,
  type Statement,
  type Target,
  unknownOf,
} from './model.ts';

export interface Rule {
  readonly action: Action;
  readonly statement: Statement;
  /** Absent: always. */
  readonly when?: Condition;
}

/** Why a call gets its answer where no statement's condition holds. */
export type Reason = 'default' | 'call default' | 'unknown' | 'foreign';

export interface Meaning {
  /** undefined: a number that the ABI does not use. */
  readonly name: string | undefined;
  /** Strictest first; of equally strict ones the first written first. */
  readonly rules: readonly Rule[];
  readonly otherwise: Action;
  readonly reason: Reason;
}

/** What the policy says about number `nr` (as in seccomp_data.nr) of an ABI that it serves. */
export function meaningOf(policy: Policy, abi: Abi, nr: number): Meaning {
  const index = indexOf(policy);
  const name = syscallName(abi, nr);
  const entries = entriesFor(index, name, nr - abi.numberBase, policy.kernel);
  const rules: Rule[] = [];
  let own: Action | undefined;
  for (const { statement, call, isDefault } of entries) {
    const { action } = statement;
    if (isDefault) own = own === undefined ? action : stricter(own, action);
    else rules.push(call.when === undefined ? { action, statement } : { action, statement, when: call.when });
  }
  const sorted = sortedByStrictness(rules);
  if (own !== undefined) return { name, rules: sorted, otherwise: own, reason: 'call default' };
  const isBeyond = name === undefined ? nr > newestNumber(abi) : newer(name, policy.kernel);
  const otherwise = isBeyond ? unknownOf(policy) : defaultOf(policy);
  return { name, rules: sorted, otherwise, reason: isBeyond ? 'unknown' : 'default' };
}

const none: readonly Entry[] = [];

/** In the order written. */
function entriesFor(
  index: Index,
  name: string | undefined,
  number: number,
  kernel: string | undefined,
): readonly Entry[] {
  const named = name === undefined ? undefined : index.byName.get(name);
  const numbered = index.byNumber.get(number);
  if (numbered === undefined && index.except.length === 0) return named ?? none;
  return [
    ...(named ?? []),
    ...(numbered ?? []),
    ...index.except.filter((entry) => speaksOf(entry.call, name, number, kernel)),
  ].sort((a, b) => a.order - b.order);
}

/** Whether a call pattern means this call. A group means its members as of the policy's kernel. */
export function speaksOf(
  call: Call,
  name: string | undefined,
  number: number,
  kernel: string | undefined,
): boolean {
  return (
    matches(call.target, name, number, kernel) &&
    !(call.except ?? []).some((target) => matches(target, name, number, undefined))
  );
}

function matches(
  target: Target,
  name: string | undefined,
  number: number,
  kernel: string | undefined,
): boolean {
  if (target.kind === 'number') return target.number === number;
  if (name === undefined) return false;
  if (target.kind === 'name') return target.name === name;
  return (groupMembers(target.name) ?? []).includes(name) && !newer(name, kernel);
}

function newer(name: string, kernel: string | undefined): boolean {
  return kernel !== undefined && isNewerThan(name, kernel);
}

function sortedByStrictness(rules: readonly Rule[]): readonly Rule[] {
  return rules.length < 2 ? rules : [...rules].sort((a, b) => rank(a.action) - rank(b.action));
}

interface Entry {
  readonly order: number;
  readonly statement: Statement;
  readonly call: Call;
  readonly isDefault: boolean;
}

/** Where each call is spoken of, so that asking about every number of a long policy takes one pass over it. Patterns with
 * exceptions are few and are looked through each time. */
interface Index {
  readonly byName: ReadonlyMap<string, Entry[]>;
  readonly byNumber: ReadonlyMap<number, Entry[]>;
  readonly except: readonly Entry[];
}

const indexes = new WeakMap<Policy, Index>();

function indexOf(policy: Policy): Index {
  const known = indexes.get(policy);
  if (known !== undefined) return known;
  const byName = new Map<string, Entry[]>();
  const byNumber = new Map<number, Entry[]>();
  const except: Entry[] = [];
  const add = <K>(map: Map<K, Entry[]>, key: K, entry: Entry) => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [entry]);
    else list.push(entry);
  };
  let order = 0;
  const read = (statement: Statement, isDefault: boolean) => {
    for (const call of statement.calls) {
      const entry = { order: order++, statement, call, isDefault };
      const { target } = call;
      if (call.except !== undefined) except.push(entry);
      else if (target.kind === 'name') add(byName, target.name, entry);
      else if (target.kind === 'number') add(byNumber, target.number, entry);
      else
        for (const name of groupMembers(target.name) ?? []) {
          if (!newer(name, policy.kernel)) add(byName, name, entry);
        }
    }
  };
  for (const statement of policy.statements) read(statement, false);
  for (const statement of policy.defaults) read(statement, true);
  const index = { byName, byNumber, except };
  indexes.set(policy, index);
  return index;
}
