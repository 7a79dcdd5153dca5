// From rules of which the first that matches decides to statements of which the strictest decides. A rule that follows a
// looser one, or another errno, would be mistaken in a Policy; it gets the earlier ones' opposite as a further condition. The
// result does not depend on any order.

import { PolicyError } from '../errors.ts';
import type { AbiName } from '../linux/abi.ts';
import { actionText, rank, sameAction } from '../policy/action.ts';
import { and, anyOf, not, type Truth } from '../policy/algebra/truth.ts';
import type { Action, Call, Origin, Policy, Statement, Target } from '../policy/model.ts';

export interface OrderedRule {
  readonly action: Action;
  readonly when: Truth;
  readonly origin?: Origin | undefined;
}

/** More conditions than any one call has; only thousands of alternating answers get there. */
const MAX_CONDITIONS = 200_000;

/** The same decisions without an order. What can never be reached is left out. Throws PolicyError for a call with too many
 * alternating answers. */
export function orderFree(rules: readonly OrderedRule[]): readonly OrderedRule[] {
  const result: OrderedRule[] = [];
  /** Conditions of the rules so far, by answer. */
  const before = new Map<string, { readonly action: Action; readonly whens: Truth[] }>();
  let conditions = 0;
  for (const rule of rules) {
    const looser: Truth[] = [];
    for (const { action, whens } of before.values()) {
      if (rank(action) < rank(rule.action) || sameAction(action, rule.action)) continue;
      conditions += whens.length;
      if (conditions > MAX_CONDITIONS) {
        throw new PolicyError('a call has too many rules with alternating answers', {
          place: rule.origin?.place,
          advice: 'put the rules of one answer together',
        });
      }
      for (const when of whens) looser.push(when);
    }
    const when = looser.length === 0 ? rule.when : and(rule.when, not(anyOf(looser)));
    if (when !== false) result.push({ ...rule, when });
    const key = actionText(rule.action);
    const own = before.get(key);
    if (own === undefined) before.set(key, { action: rule.action, whens: [rule.when] });
    else own.whens.push(rule.when);
    if (rule.when === true) break;
  }
  return result;
}

/** The same decisions, where of the rules that match the strictest decides, and of two alike the first. */
export function strictestFirst(rules: readonly OrderedRule[]): readonly OrderedRule[] {
  return orderFree([...rules].sort((a, b) => rank(a.action) - rank(b.action)));
}

/** Rules of single calls as statements: plain calls of one action and place stand together, and so do neighbours with
 * conditions. The rules must not depend on their order. */
export class StatementList {
  readonly statements: Statement[] = [];
  private readonly plain = new Map<string, { readonly statement: Statement; readonly calls: Call[] }>();

  /** The policy that these statements make on one ABI; `fallback` answers the rest, calls that nobody knows among them. */
  policy(fallback: Action, abi: AbiName): Policy {
    return { default: fallback, unknown: fallback, abis: [abi], statements: this.statements, defaults: [] };
  }

  add(target: Target, rule: OrderedRule): void {
    if (rule.when === false) return;
    const call: Call = rule.when === true ? { target } : { target, when: rule.when };
    const last = this.statements.at(-1);
    const place = rule.origin?.place;
    const key = `${JSON.stringify(rule.action)} ${place?.file ?? rule.origin?.source} ${place?.line}`;
    if (rule.when === true) {
      const group = this.plain.get(key);
      if (group !== undefined) {
        group.calls.push(call);
        return;
      }
    } else if (
      last !== undefined &&
      sameAction(last.action, rule.action) &&
      last.origin?.place?.line === place?.line &&
      last.calls[0]?.when !== undefined
    ) {
      (last.calls as Call[]).push(call);
      return;
    }
    const calls = [call];
    const { action, origin } = rule;
    const statement: Statement = { action, calls, ...(origin === undefined ? {} : { origin }) };
    this.statements.push(statement);
    if (rule.when === true) this.plain.set(key, { statement, calls });
  }
}
