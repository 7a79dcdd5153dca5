// What a policy says about each call of an ABI, in the form that writers want: tests on register bits that do not depend on an
// order, and the answer where none holds.

import type { Abi } from '../linux/abi.ts';
import { syscallName, syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { actionText, permits, sameAction } from '../policy/action.ts';
import { meaningOf, type Rule } from '../policy/meaning.ts';
import {
  type Action,
  type Condition,
  defaultOf,
  foreignOf,
  type Policy,
  unknownOf,
} from '../policy/model.ts';
import { type Box, boxesOf, type Cube } from './cubes.ts';
import type { Loss } from './format.ts';

export interface PlannedRule {
  readonly action: Action;
  /** Alternatives; no rule's overlap those of another action. */
  readonly boxes: readonly Box[];
}

export interface PlannedCall {
  readonly name: string;
  /** None where the call has one answer. */
  readonly rules: readonly PlannedRule[];
  /** Where no rule holds. */
  readonly otherwise: Action;
  /** The tests of `otherwise`, for formats that have no else; undefined where they are too many. */
  rest(): readonly Box[] | undefined;
}

export interface Plan {
  readonly default: Action;
  /** Calls whose answer is not always the default, in the order of the table. */
  readonly calls: readonly PlannedCall[];
  readonly lost: readonly Loss[];
}

export interface PlanOptions {
  /** What the format does with a call through an ABI that it does not name. */
  readonly foreign?: Action;
  /** What it does with numbers that it has no name for; absent: its default. */
  readonly unknown?: Action;
  /** Whether it hands a number to a signal handler (trap 5). */
  readonly trapData?: boolean;
}

/** The plan for the first ABI. Where others answer differently, that is lost. */
export function planFor(policy: Policy, abis: readonly [Abi, ...Abi[]], options: PlanOptions = {}): Plan {
  const [native, ...others] = abis;
  const lost: Loss[] = [];
  const fallback = defaultOf(policy);
  const calls: PlannedCall[] = [];
  const known = new Map<string, PlannedCall>();
  for (const name of syscallNames(native)) {
    const call = planCall(policy, native, name, lost);
    known.set(name, call);
    if (call.rules.length > 0 || !sameAction(call.otherwise, fallback)) calls.push(call);
  }
  for (const abi of others) planOther(policy, abi, known, calls, lost);
  loseRest(policy, native, options, lost);
  lost.push(...lostMain(policy));
  const answers = [
    fallback,
    ...calls.flatMap((call) => [call.otherwise, ...call.rules.map((rule) => rule.action)]),
  ];
  if (
    options.trapData !== true &&
    answers.some((action) => action.kind === 'trap' && (action.data ?? 0) !== 0)
  ) {
    lost.push({ what: 'the number that trap hands to the signal handler is lost', restricts: false });
  }
  return { default: fallback, calls, lost };
}

/** Calls that only another ABI has are planned as that one sees them; calls that it answers otherwise cannot be said. */
function planOther(
  policy: Policy,
  abi: Abi,
  known: Map<string, PlannedCall>,
  calls: PlannedCall[],
  lost: Loss[],
): void {
  const differing: string[] = [];
  for (const name of syscallNames(abi)) {
    const call = planCall(policy, abi, name, lost);
    const before = known.get(name);
    if (before === undefined) {
      known.set(name, call);
      if (call.rules.length > 0 || !sameAction(call.otherwise, defaultOf(policy))) calls.push(call);
    } else if (keyOf(before, abi) !== keyOf(call, abi)) differing.push(name);
  }
  if (differing.length > 0) {
    lost.push({
      what: `on ${abi.name} the arguments of ${differing.join(', ')} have other widths or constants; the rules are those of the native ABI`,
      restricts: true,
    });
  }
}

/** Equal for plans that mean the same through this ABI: where registers have 32 bits, those above are 0. */
function keyOf(call: PlannedCall, { wordBits }: Abi): string {
  const cubeText = ([at, { mask, value }]: [number, Cube]) =>
    `${at}&${BigInt.asUintN(wordBits, mask)}=${value}`;
  const boxes = (rule: PlannedRule) =>
    rule.boxes
      .filter((box) => [...box.values()].every(({ value }) => value >> BigInt(wordBits) === 0n))
      .map((box) => [...box].map(cubeText).sort().join())
      .sort()
      .join(';');
  const rules = call.rules.map((rule) => `${actionText(rule.action)} ${boxes(rule)}`);
  return [actionText(call.otherwise), ...rules.filter((rule) => !rule.endsWith(' ')).sort()].join(' ');
}

function planCall(policy: Policy, abi: Abi, name: string, lost: Loss[]): PlannedCall {
  const meaning = meaningOf(policy, abi, syscallNumber(abi, name)!);
  const end = meaning.rules.findIndex((rule) => rule.when === undefined);
  const conditional = end < 0 ? meaning.rules : meaning.rules.slice(0, end);
  const otherwise = end < 0 ? meaning.otherwise : meaning.rules[end]!.action;
  const plain = (action: Action): PlannedCall => ({
    name,
    rules: [],
    otherwise: action,
    rest: () => [new Map()],
  });
  const rules: PlannedRule[] = [];
  const before: Rule[] = [];
  for (const rule of conditional) {
    const others = before.filter((one) => !sameAction(one.action, rule.action));
    before.push(rule);
    if (sameAction(rule.action, otherwise)) continue;
    const when: Condition = {
      kind: 'and',
      of: [rule.when!, ...others.map((one): Condition => ({ kind: 'not', of: one.when! }))],
    };
    const boxes = boxesOf(when, abi, name);
    if (boxes === undefined) {
      lost.push({
        what: `a condition of ${name} is too long to be written out; the call is left to ${actionText(stricterOf(rule.action, otherwise))}`,
        restricts: false,
      });
      return plain(conditional.map((one) => one.action).reduce(stricterOf, otherwise));
    }
    // A test of no bits holds always.
    const tests = boxes.map((box) => new Map([...box].filter(([, cube]) => cube.mask !== 0n)));
    if (tests.some((box) => box.size === 0)) return plain(rule.action);
    if (tests.length > 0) rules.push({ action: rule.action, boxes: tests });
  }
  const others = conditional.filter((rule) => !sameAction(rule.action, otherwise));
  const when: Condition = {
    kind: 'and',
    of: others.map((one): Condition => ({ kind: 'not', of: one.when! })),
  };
  // A rule of the same answer as the rest, stricter than another rule, belongs to the rest.
  const kept: Condition[] = conditional.flatMap((rule, index) =>
    sameAction(rule.action, otherwise)
      ? [
          {
            kind: 'and',
            of: [
              rule.when!,
              ...conditional
                .slice(0, index)
                .filter((one) => !sameAction(one.action, otherwise))
                .map((one): Condition => ({ kind: 'not', of: one.when! })),
            ],
          } as const,
        ]
      : [],
  );
  const rest = () => boxesOf({ kind: 'or', of: [when, ...kept] }, abi, name);
  return { name, rules: joined(rules), otherwise, rest };
}

/** Rules of one action as one, which their not overlapping allows. */
function joined(rules: readonly PlannedRule[]): readonly PlannedRule[] {
  const found = new Map<string, { action: Action; boxes: Box[] }>();
  for (const { action, boxes } of rules) {
    const key = actionText(action);
    const own = found.get(key);
    if (own === undefined) found.set(key, { action, boxes: [...boxes] });
    else own.boxes.push(...boxes);
  }
  return [...found.values()];
}

/** Of two actions the one that permits less; used where exactness is given up. */
function stricterOf(a: Action, b: Action): Action {
  return permits(b) && !permits(a) ? a : b;
}

/** What holds from main on is a second filter, which no other format has. */
export function lostMain(policy: Policy): readonly Loss[] {
  if (policy.main === undefined) return [];
  return [{ what: 'what the policy refuses from main on is not refused', restricts: true }];
}

/** Numbers without names, calls that nobody knows, other ABIs: what names cannot say. */
function loseRest(policy: Policy, native: Abi, options: PlanOptions, lost: Loss[]): void {
  const fallback = defaultOf(policy);
  for (const { action, calls } of [...policy.statements, ...policy.defaults]) {
    for (const { target } of calls) {
      if (target.kind !== 'number') continue;
      if (syscallName(native, target.number + native.numberBase) !== undefined) continue;
      lost.push({
        what: `${actionText(action)} #${target.number}: the format has no way to name a call by number`,
        restricts: !permits(action) && permits(options.unknown ?? fallback),
      });
    }
  }
  const unknown = unknownOf(policy);
  const format = options.unknown ?? fallback;
  if (!sameAction(unknown, format)) {
    lost.push({
      what: `unknown ${actionText(unknown)}: calls that Linux adds later answer ${actionText(format)}`,
      restricts: !permits(unknown) && permits(format),
    });
  }
  const foreign = foreignOf(policy);
  const answer = options.foreign ?? { kind: 'kill' };
  if (!sameAction(foreign, answer) && !(foreign.kind === 'kill' && answer.kind === 'kill-thread')) {
    lost.push({
      what: `foreign ${actionText(foreign)}: calls through another ABI answer ${actionText(answer)}`,
      restricts: !permits(foreign) && permits(answer),
    });
  }
}
