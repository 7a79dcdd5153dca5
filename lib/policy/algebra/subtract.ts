// Taking away: what one policy permits and another one does not. `diff` and `learn` show it; it is also how a policy is
// checked to be no wider than another.

import { PolicyError } from '../../errors.ts';
import { permits, sameAction } from '../action.ts';
import { type Action, defaultOf, foreignOf, type Policy, unknownOf } from '../model.ts';
import { defaultsOf, type Saying, simplified, statementsOf, united } from './collect.ts';
import { callsOf, onlyOne } from './intersect.ts';
import { and, anyOf, not, or, type Truth } from './truth.ts';
import {
  type AlgebraOptions,
  positionsOf,
  type Rule,
  type Say,
  type Single,
  scopeOf,
  viewOf,
} from './view.ts';

/**
 * A policy that permits (with allow or log, as `a` does) exactly what `a` permits and `b` does not, and refuses everything
 * else: with `a`'s default if that refuses, else with kill. Throws PolicyError as `intersect` does.
 */
export function subtract(a: Policy, b: Policy, options: AlgebraOptions = {}): Policy {
  checkAbis(a, b);
  if (a.main !== undefined || b.main !== undefined) {
    throw new PolicyError('a policy with a phase of main cannot be subtracted from, or be subtracted', {
      advice: 'choose one phase of it: --phase exec or --phase main',
    });
  }
  const scope = scopeOf([a, b], options);
  const [viewA, viewB] = [viewOf(a, scope), viewOf(b, scope)];
  const refusal: Action = permits(defaultOf(a)) ? { kind: 'kill' } : defaultOf(a);
  const head = headOf(a, b, refusal);
  const viewR = viewOf(head, scope);
  const sayings: Saying[] = [];
  for (const call of callsOf(a, b, [...viewA.mentioned, ...viewB.mentioned])) {
    const found = positionsOf(call, scope).map((beyond) => {
      const base = viewR.say(call, beyond).base;
      return subtractCall(call, viewA.say(call, beyond), viewB.say(call, beyond), base, refusal);
    });
    sayings.push(onlyOne(found));
  }
  return { ...head, statements: statementsOf(sayings), defaults: defaultsOf(sayings) };
}

function headOf(a: Policy, b: Policy, refusal: Action): Policy {
  const rest = (own: Action, other: Action): Action => {
    if (!permits(own)) return own;
    return permits(other) ? refusal : own;
  };
  const plain: Policy = { default: rest(defaultOf(a), defaultOf(b)), statements: [], defaults: [] };
  const unknown = rest(unknownOf(a), unknownOf(b));
  const foreign = rest(foreignOf(a), foreignOf(b));
  return {
    ...plain,
    ...(!sameAction(unknownOf(plain), unknown) && { unknown }),
    ...(foreign.kind !== 'kill' && { foreign }),
    ...(a.kernel !== undefined && { kernel: a.kernel }),
    ...(a.abis !== undefined && { abis: a.abis }),
  };
}

/** Through an ABI that only one of them serves, the other one answers everything with `foreign`. */
function checkAbis(a: Policy, b: Policy): void {
  if (a.abis === undefined || b.abis === undefined) return;
  const onlyA = a.abis.some((abi) => !b.abis!.includes(abi));
  const onlyB = b.abis.some((abi) => !a.abis!.includes(abi));
  if (!onlyA && !(onlyB && permits(foreignOf(a)))) return;
  throw new PolicyError('the policies serve different ABIs', { advice: 'give both the same abi line' });
}

function subtractCall(call: Single, a: Say, b: Say, base: Action, refusal: Action): Saying {
  const left = and(not(refused(a)), not(permitted(b)));
  const any = anyOf(a.rules.map((rule) => rule.when));
  const rules: Rule[] = united(a.rules.filter((rule) => permits(rule.action))).map((rule) => ({
    ...rule,
    when: and(rule.when, left),
  }));
  if (permits(a.base) && !sameAction(a.base, base)) rules.push({ action: a.base, when: and(left, not(any)) });
  if (permits(base)) rules.push({ action: refusal, when: or(not(permitted(a)), permitted(b)) });
  return { call, rules: simplified(rules) };
}

/** When a rule of the policy refuses the call. */
function refused({ rules }: Say): Truth {
  return anyOf(rules.filter((rule) => !permits(rule.action)).map((rule) => rule.when));
}

/** When a policy permits the call. */
function permitted(say: Say): Truth {
  const granting = say.rules.filter((rule) => permits(rule.action));
  return and(not(refused(say)), permits(say.base) || anyOf(granting.map((rule) => rule.when)));
}
