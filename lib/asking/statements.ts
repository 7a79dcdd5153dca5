// Statements from what there is to say about ABIs: those that say the same of the same calls share one policy.

import type { Abi } from '../linux/abi.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { actionText, rank, sameAction } from '../policy/action.ts';
import { printCondition } from '../policy/language/print.ts';
import {
  type Action,
  type Call,
  type Policy,
  type Statement,
  type Target,
  unknownOf,
} from '../policy/model.ts';
import { actionFor } from './difference.ts';
import type { Row, Rows } from './rows.ts';

/** ABIs that can share a policy: none says anything else of a call that both have. The first stays first. */
export function together(all: readonly Rows[]): readonly (readonly Rows[])[] {
  const groups: Rows[][] = [];
  for (const one of all) {
    const group = groups.find((members) => members.every((other) => agrees(one, other)));
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  return groups;
}

function agrees(a: Rows, b: Rows): boolean {
  if (!sameAction(a.fallback, b.fallback) || !sameAction(a.unknown, b.unknown)) return false;
  const hasNumbers = (rows: Rows) => [...rows.calls.keys()].some((key) => key.startsWith('#'));
  if (hasNumbers(a) || hasNumbers(b)) return false;
  return isWithin(a, b) && isWithin(b, a);
}

/** What `a` says of calls that `b`'s ABI has too, `b` says as well. */
function isWithin(a: Rows, b: Rows): boolean {
  for (const [name, { rules }] of a.calls) {
    if (!hasCall(b.abi, name)) continue;
    const other = b.calls.get(name);
    if (other === undefined || textOf(other.rules) !== textOf(rules)) return false;
  }
  return true;
}

function hasCall(abi: Abi, name: string): boolean {
  return syscallNumber(abi, name) !== undefined;
}

function textOf(rules: readonly Row[]): string {
  return rules
    .map(({ action, when }) => `${actionText(action)} ${when === undefined ? '' : printCondition(when)}`)
    .join(';');
}

/** `foreign`: the answer to ABIs that are not served, a SECCOMP_RET_ value. */
export function policyOf(group: readonly Rows[], foreign: number | undefined, native: Abi): Policy {
  const [first] = group;
  const calls = new Map<string, { target: Target; rules: readonly Row[] }>();
  for (const one of group) for (const [key, call] of one.calls) calls.set(key, call);
  const plain = { default: first!.fallback, statements: statementsOf([...calls.values()]), defaults: [] };
  const elsewhere: Action = foreign === undefined ? { kind: 'kill' } : actionFor(foreign, native);
  return {
    ...plain,
    ...(!sameAction(unknownOf(plain), first!.unknown) && { unknown: first!.unknown }),
    ...(elsewhere.kind !== 'kill' && { foreign: elsewhere }),
    abis: group.map((one) => one.abi.name),
  };
}

/** For a program that serves nobody. */
export function closedPolicy(value: number | undefined, native: Abi): Policy {
  const action: Action = value === undefined ? { kind: 'kill' } : actionFor(value, native);
  const rest = action.kind === 'kill' ? {} : { foreign: action };
  return { default: action, unknown: action, ...rest, abis: [native.name], statements: [], defaults: [] };
}

/** One statement for all unconditional calls of an action, and one for all conditional ones; the loosest action first. Calls
 * with several rules of equal strictness keep their order, because conditional ones come first there. */
function statementsOf(calls: readonly { target: Target; rules: readonly Row[] }[]): readonly Statement[] {
  const groups = new Map<string, { action: Action; isConditional: boolean; calls: Call[] }>();
  for (const { target, rules } of calls) {
    for (const { action, when } of rules) {
      const key = `${actionText(action)}${when === undefined ? '' : '?'}`;
      const group = groups.get(key) ?? { action, isConditional: when !== undefined, calls: [] };
      groups.set(key, group);
      group.calls.push(when === undefined ? { target } : { target, when });
    }
  }
  const isTied = (kind: Action['kind']) =>
    new Set(
      [...groups.values()].filter((one) => one.action.kind === kind).map((one) => actionText(one.action)),
    ).size > 1;
  const order = (one: { action: Action; isConditional: boolean }) =>
    one.isConditional === isTied(one.action.kind) ? 0 : 1;
  return [...groups.values()]
    .sort(
      (a, b) =>
        rank(b.action) - rank(a.action) ||
        order(a) - order(b) ||
        (actionText(a.action) < actionText(b.action) ? -1 : 1),
    )
    .map(({ action, calls: own }) => ({ action, calls: own }));
}
