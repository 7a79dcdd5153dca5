// Adding up policies: an include, a second --policy, what several runs taught. The union of their statements; where both
// say what happens otherwise, the stricter of the two. What a policy does not say, the other one may say.

import { PolicyError } from '../../errors.ts';
import type { AbiName } from '../../linux/abi.ts';
import { groupMembers } from '../../linux/groups.ts';
import { isNewerThan } from '../../linux/versions.ts';
import { stricter } from '../action.ts';
import type { Action, Call, Policy, Statement, Target } from '../model.ts';

/**
 * The sum of policies, which is `emptyPolicy` for none.
 *
 * - statements and call defaults: all of them, in order
 * - default, unknown, foreign: the strictest of those said; not said where nobody says
 * - kernel: the oldest of those said, since its author knew least. Groups of a policy that was written against a newer one
 *   keep their members: those that the older kernel lacks are named one by one
 * - main: the sum of those that there are
 * - abis: all that are named, since statements are added up too
 */
export function merge(policies: readonly Policy[]): Policy {
  const kernels = policies.flatMap(({ kernel }) => (kernel === undefined ? [] : [kernel]));
  const kernel = kernels.reduce<string | undefined>((oldest, one) => older(oldest, one), undefined);
  const parts = policies.map((policy) => withOlderKernel(policy, kernel));
  const abis = [...new Set(policies.flatMap((policy) => policy.abis ?? []))];
  const mains = policies.flatMap((policy) => policy.main ?? []);
  const comments = policies.flatMap((policy) => policy.comments ?? []);
  const closing = policies.flatMap((policy) => policy.closing ?? []);
  return {
    ...optional('default', strictest(policies.map((policy) => policy.default))),
    ...optional('unknown', strictest(policies.map((policy) => policy.unknown))),
    ...optional('foreign', strictest(policies.map((policy) => policy.foreign))),
    ...optional('kernel', kernel),
    ...optional('abis', abis.length > 0 ? (abis as readonly AbiName[]) : undefined),
    statements: parts.flatMap((policy) => policy.statements),
    defaults: parts.flatMap((policy) => policy.defaults),
    ...optional('main', mains.length > 0 ? merge(mains) : undefined),
    ...optional('comments', comments.length > 0 ? comments : undefined),
    ...optional('closing', closing.length > 0 ? closing : undefined),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

function strictest(actions: readonly (Action | undefined)[]): Action | undefined {
  return actions.reduce(
    (a, b) => (a === undefined || b === undefined ? (a ?? b) : stricter(a, b)),
    undefined,
  );
}

/** The older of two versions `major.minor`. */
export function older(a: string | undefined, b: string): string {
  return a === undefined || order(b) < order(a) ? b : a;
}

function order(kernel: string): number {
  const [major, minor] = kernel.split('.');
  return Number(major) * 10_000 + Number(minor);
}

/** The same policy, saying the same of every call that it names, as one written against an older kernel. */
function withOlderKernel(policy: Policy, kernel: string | undefined): Policy {
  const own = policy.kernel;
  if (kernel === undefined || own === undefined || own === kernel) return policy;
  const expand = (statement: Statement): Statement => ({
    ...statement,
    calls: statement.calls.flatMap((call) => [call, ...membersBetween(call, kernel, own)]),
  });
  return { ...policy, statements: policy.statements.map(expand), defaults: policy.defaults.map(expand) };
}

/** The calls of a group that came after one kernel and up to another. */
function membersBetween(call: Call, after: string, upTo: string): readonly Call[] {
  if (call.target.kind !== 'group') return [];
  const except = call.except ?? [];
  const members = (groupMembers(call.target.name) ?? []).filter(
    (name) =>
      isNewerThan(name, after) &&
      !isNewerThan(name, upTo) &&
      !except.some((target) => includes(target, name)),
  );
  if (members.length > 0 && except.some((target) => target.kind === 'number')) {
    throw new PolicyError(
      `the policies are for kernels ${after} and ${upTo}, and one excepts a number from a group`,
      {
        advice: 'except the call by its name',
      },
    );
  }
  return members.map((name) => ({ target: { kind: 'name', name } }));
}

function includes(target: Target, name: string): boolean {
  if (target.kind === 'group') return (groupMembers(target.name) ?? []).includes(name);
  return target.kind === 'name' && target.name === name;
}
