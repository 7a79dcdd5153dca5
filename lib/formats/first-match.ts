// From rules of which the first that matches decides to statements of which the strictest decides. A rule that follows a
// looser one, or another errno, would be mistaken in a Policy; it gets the earlier ones' opposite as a further condition. The
// result does not depend on any order.

import { rank, sameAction } from '../policy/action.ts';
import { and, anyOf, not, type Truth } from '../policy/algebra/truth.ts';
import type { Action, Call, Origin, Statement, Target } from '../policy/model.ts';

export interface OrderedRule {
  readonly action: Action;
  readonly when: Truth;
  readonly origin?: Origin | undefined;
}

/** The same decisions without an order. What can never be reached is left out. */
export function orderFree(rules: readonly OrderedRule[]): readonly OrderedRule[] {
  const result: OrderedRule[] = [];
  const before: OrderedRule[] = [];
  for (const rule of rules) {
    const looser = before.filter(
      (one) =>
        rank(one.action) > rank(rule.action) ||
        (rank(one.action) === rank(rule.action) && !sameAction(one.action, rule.action)),
    );
    const when = looser.length === 0 ? rule.when : and(rule.when, not(anyOf(looser.map((one) => one.when))));
    if (when !== false) result.push({ ...rule, when });
    before.push(rule);
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
