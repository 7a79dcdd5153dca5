// From rules call by call back to statements that people can read: what has one action and one source stands together.

import { actionText, rank, sameAction } from '../action.ts';
import type { Action, Call, Origin, Statement } from '../model.ts';
import { anyOf, keyOf, type Truth } from './truth.ts';
import type { Rule, Single } from './view.ts';

/** What is to be said about one call: its rules, and its own default if it needs one. */
export interface Saying {
  readonly call: Single;
  readonly rules: readonly Rule[];
  readonly base?: Action | undefined;
}

/** Rules without those that can never hold or never decide. */
export function simplified(rules: readonly Rule[]): readonly Rule[] {
  const seen = new Set<string>();
  const live = rules.filter((rule) => {
    const key = `${actionText(rule.action)} ${keyOf(rule.when)}`;
    if (rule.when === false || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  const certain = live.filter((rule) => rule.when === true);
  const strictest = certain.reduce(
    (least, rule) => Math.min(least, rank(rule.action)),
    Number.POSITIVE_INFINITY,
  );
  const always = certain.find((rule) => rank(rule.action) === strictest);
  const ties = hasTies(live);
  return live.filter((rule) => {
    const strictness = rank(rule.action);
    return strictness < strictest || rule === always || (ties && strictness === strictest);
  });
}

/** Rules of one action as one rule, unless an equally strict one of another action stands between them. */
export function united(rules: readonly Rule[]): readonly Rule[] {
  const groups: Rule[][] = [];
  const latest = new Map<string, Rule[]>();
  for (const rule of rules) {
    const group = latest.get(rule.action.kind);
    if (group !== undefined && sameAction(group[0]!.action, rule.action)) {
      group.push(rule);
    } else {
      latest.set(rule.action.kind, [rule]);
      groups.push(latest.get(rule.action.kind)!);
    }
  }
  return groups.map((group) => ({ ...group[0]!, when: anyOf(group.map((rule) => rule.when)) }));
}

/** Whether two rules are equally strict and yet differ, so that the first of them decides. */
export function hasTies(rules: readonly Rule[]): boolean {
  const first = new Map<string, Action>();
  for (const { action } of rules) {
    const before = first.get(action.kind);
    if (before === undefined) first.set(action.kind, action);
    else if (!sameAction(before, action)) return true;
  }
  return false;
}

interface Group {
  readonly action: Action;
  readonly isConditional: boolean;
  readonly origins: Origin[];
  readonly calls: Call[];
}

/** Statements for all calls. Rules whose order counts get statements of their own, in that order. */
export function statementsOf(sayings: readonly Saying[]): readonly Statement[] {
  const plain = new Map<string, Group>();
  const ordered: Statement[] = [];
  const add = (call: Single, rule: Rule) => {
    const isConditional = rule.when !== true;
    const key = [actionText(rule.action), rule.origin?.source, isConditional].join(' ');
    const group = plain.get(key) ?? { action: rule.action, isConditional, origins: [], calls: [] };
    plain.set(key, group);
    group.calls.push(callOf(call, rule.when));
    if (rule.origin !== undefined) group.origins.push(rule.origin);
  };
  for (const { call, rules } of sayings) {
    if (!hasTies(rules)) for (const rule of rules) add(call, rule);
    else
      for (const { action, when, origin } of rules) {
        ordered.push({ action, calls: [callOf(call, when)], ...(origin !== undefined && { origin }) });
      }
  }
  const grouped = [...plain.values()]
    .sort(byReading)
    .map(({ action, origins, calls }): Statement => ({ action, calls, ...commonOrigin(origins) }));
  return [...grouped, ...ordered];
}

export function defaultsOf(sayings: readonly Saying[]): readonly Statement[] {
  const groups = new Map<string, { action: Action; calls: Call[] }>();
  for (const { call, base } of sayings) {
    if (base === undefined) continue;
    const group = groups.get(actionText(base)) ?? { action: base, calls: [] };
    groups.set(actionText(base), group);
    group.calls.push({ target: call });
  }
  return [...groups.values()];
}

/** What is allowed first, what is refused hardest last; whole calls before those under conditions. */
function byReading(a: Group, b: Group): number {
  const actions = rank(b.action) - rank(a.action) || compareText(actionText(a.action), actionText(b.action));
  return actions || Number(a.isConditional) - Number(b.isConditional);
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function callOf(target: Single, when: Truth): Call {
  return typeof when === 'boolean' ? { target } : { target, when };
}

/** The place as well, if it is one. */
function commonOrigin(origins: readonly Origin[]): { origin?: Origin } {
  const [first] = origins;
  if (first === undefined) return {};
  const isSame = origins.every(
    (one) => one.place?.line === first.place?.line && one.place?.column === first.place?.column,
  );
  return { origin: isSame ? first : { source: first.source } };
}
