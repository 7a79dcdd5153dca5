// All rules over one policy.

import type { Abi } from '../../linux/abi.ts';
import type { Policy } from '../../policy/model.ts';
import { contextOf, type Finding, type Found } from './context.ts';
import { type LintRule, lintRules } from './rules.ts';

export type { Finding } from './context.ts';
export { type LintRule, lintRules } from './rules.ts';

/** What is risky about a policy on these ABIs, in the order of the rules, each finding once. `warnings`: what the reader of
 * another format said. */
export function lint(
  policy: Policy,
  abis: readonly Abi[],
  warnings: readonly string[] = [],
): readonly Finding[] {
  const contexts = abis.map((abi) => contextOf(policy, abi, warnings));
  const found = new Map<string, Finding>();
  for (const rule of lintRules) {
    const lists = contexts.map((context) => rule.find(context).map((one) => findingOf(rule, one)));
    const keys = lists.map((list) => new Set(list.map(keyOf)));
    for (const finding of lists.flat()) {
      const key = keyOf(finding);
      if (rule.isEverywhere === undefined || keys.every((known) => known.has(key))) found.set(key, finding);
    }
  }
  return [...found.values()];
}

function findingOf(
  rule: LintRule,
  { message = rule.sentence, fix = rule.fix, level = rule.level, ...rest }: Found,
): Finding {
  return { rule: rule.id, level, message, fix, ...rest };
}

function keyOf({ rule, message, calls, origin }: Finding): string {
  return `${rule} ${message} ${origin?.place?.line ?? ''} ${calls.join(',')}`;
}
