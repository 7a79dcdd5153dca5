// Asking two policies: to each call the stricter of their two answers, which is what the kernel does with stacked filters.
//
// For one call let A have rules and an answer where none holds (its base), and B likewise. A rule of A that is at least as
// strict as B's base stands as it is: wherever it holds, the answer is that strict. A looser one decides only where a rule of
// B holds too; elsewhere B's base is the answer, which is said where it is not the answer of the call anyway. The
// same the other way round. Of two equally strict answers the first policy's counts, so its rules stand first.

import { PolicyError } from '../../errors.ts';
import type { AbiName } from '../../linux/abi.ts';
import { syscallNames } from '../../linux/syscalls.ts';
import { rank, sameAction, stricter } from '../action.ts';
import { type Action, defaultOf, foreignOf, type Policy, unknownOf } from '../model.ts';
import { defaultsOf, type Saying, simplified, statementsOf, united } from './collect.ts';
import { older } from './merge.ts';
import { and, anyOf, keyOf, not } from './truth.ts';
import {
  type AlgebraOptions,
  keyOfCall,
  positionsOf,
  type Rule,
  type Say,
  type Single,
  scopeOf,
  viewOf,
} from './view.ts';

/**
 * A policy that answers every call with the stricter of two policies' answers; of equally strict ones `a`'s. Its statements
 * name single calls; where only one of them has a phase of main, the result has that one. Exact for every call through every ABI in scope. Throws PolicyError for a number that is not one call on
 * all of these, and where the policies serve different ABIs in a way that one policy cannot say.
 */
export function intersect(a: Policy, b: Policy, options: AlgebraOptions = {}): Policy {
  const scope = scopeOf([a, b], options);
  const [viewA, viewB] = [viewOf(a, scope), viewOf(b, scope)];
  const kernels = [a.kernel, b.kernel].flatMap((kernel) => kernel ?? []);
  const kernel = kernels.reduce<string | undefined>((oldest, one) => older(oldest, one), undefined);
  const head = headOf(a, b, kernel);
  const viewR = viewOf(head, scope);
  const sayings: Saying[] = [];
  for (const call of callsOf(a, b, [...viewA.mentioned, ...viewB.mentioned])) {
    const found = positionsOf(call, scope).map((beyond) =>
      intersectCall(call, viewA.say(call, beyond), viewB.say(call, beyond), viewR.say(call, beyond).base),
    );
    sayings.push(onlyOne(found));
  }
  const mains = [a.main, b.main].flatMap((main) => main ?? []);
  const main = mains.length === 2 ? intersect(mains[0]!, mains[1]!, options) : mains[0];
  return {
    ...head,
    statements: statementsOf(sayings),
    defaults: defaultsOf(sayings),
    ...(main !== undefined && { main }),
  };
}

/** The calls that something may have to be said about: those that are mentioned. Where the policies were written against
 * different kernels, also all others, since a call may be unknown to one of them only. */
export function callsOf(a: Policy, b: Policy, mentioned: readonly Single[]): readonly Single[] {
  const calls = new Map<string, Single>();
  const names = a.kernel === b.kernel ? [] : syscallNames();
  for (const name of names) calls.set(name, { kind: 'name', name });
  for (const call of mentioned) calls.set(keyOfCall(call), call);
  return [...calls.values()];
}

/** What is to be said about a number must not depend on where an ABI's newest call stands. */
export function onlyOne(found: readonly Saying[]): Saying {
  const text = (saying: Saying) =>
    JSON.stringify([saying.base, saying.rules.map((rule) => [rule.action, keyOf(rule.when)])]);
  const [first, ...others] = found;
  if (others.every((other) => text(other) === text(first!))) return first!;
  throw new PolicyError(`${keyOfCall(first!.call)} is known to some ABIs and not to others`, {
    advice: 'to combine policies that speak of it, say which ABI is meant',
  });
}

function headOf(a: Policy, b: Policy, kernel: string | undefined): Policy {
  const fallback = stricter(defaultOf(a), defaultOf(b));
  const unknown = stricter(unknownOf(a), unknownOf(b));
  const foreign = stricter(foreignOf(a), foreignOf(b));
  const abis = commonAbis(a, b);
  const plain: Policy = { default: fallback, statements: [], defaults: [] };
  return {
    ...plain,
    ...(!sameAction(unknownOf(plain), unknown) && { unknown }),
    ...(foreign.kind !== 'kill' && { foreign }),
    ...(kernel !== undefined && { kernel }),
    ...(abis !== undefined && { abis }),
  };
}

/** The ABIs that both serve. To calls through an ABI that only one serves the other answers `foreign`: with kill that is
 * the answer; anything else one policy could not say. */
function commonAbis(a: Policy, b: Policy): readonly AbiName[] | undefined {
  if (a.abis === undefined || b.abis === undefined) return a.abis ?? b.abis;
  const common = a.abis.filter((abi) => b.abis!.includes(abi));
  const advice = 'give both the same abi line';
  if (common.length === 0) throw new PolicyError('the policies have no ABI in common', { advice });
  const isKilled = (served: readonly AbiName[], other: Policy) =>
    served.length === common.length || foreignOf(other).kind === 'kill';
  if (isKilled(a.abis, b) && isKilled(b.abis, a)) return common;
  throw new PolicyError('the policies serve different ABIs, and foreign is not kill', { advice });
}

function intersectCall(call: Single, a: Say, b: Say, baseOfResult: Action): Saying {
  const base = stricter(a.base, b.base);
  const fromA = oneSide(a, b, base, rank(b.base));
  const fromB = oneSide(b, a, base, rank(a.base) - 1);
  const rules = simplified([...fromA.rules, ...fromB.rules, ...fromA.rest, ...fromB.rest]);
  const isDecided = rules.some((rule) => rule.when === true);
  return { call, rules, base: isDecided || sameAction(base, baseOfResult) ? undefined : base };
}

/** More conditions than any one call has in a program; only alternating errors get there. */
const MAX_CONDITIONS = 1_000_000;

/** What the rules of one policy become beside the other one. Those of at most the rank `asTheyAre` stand as they are. */
function oneSide(own: Say, other: Say, base: Action, asTheyAre: number): { rules: Rule[]; rest: Rule[] } {
  const any = anyOf(other.rules.map((rule) => rule.when));
  const isStrict = (rule: Rule) => rank(rule.action) <= asTheyAre;
  const loose = own.rules.filter((rule) => !isStrict(rule));
  // This changes the order of rules of different strictness only, which is no matter.
  const ordered = [...own.rules.filter(isStrict), ...united(loose)];
  if (ordered.length * other.rules.length > MAX_CONDITIONS) {
    throw new PolicyError(
      'the policies have too many rules with different errors on one call to be combined',
      {
        advice: 'use fewer different errors',
      },
    );
  }
  const rules = ordered.map((rule) => (isStrict(rule) ? rule : { ...rule, when: and(rule.when, any) }));
  if (loose.length === 0 || sameAction(other.base, base)) return { rules, rest: [] };
  const when = and(anyOf(loose.map((rule) => rule.when)), not(any));
  return { rules, rest: [{ action: other.base, when }] };
}
