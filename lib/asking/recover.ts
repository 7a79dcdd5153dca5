// From what a program decides back to a policy in the language. For each ABI the program's answers become a default, the answer
// to calls that nobody knows yet, and statements; ABIs that say the same of the same calls share one policy. The result
// is proved against the program before anybody sees it.

import type { Program } from '../bpf/instruction.ts';
import { prove } from '../bpf/prove.ts';
import type { Specification, SpecifiedRange } from '../bpf/specification.ts';
import { Graph, type Node } from '../compiler/graph.ts';
import type { Numbers } from '../compiler/resolve.ts';
import { specify } from '../compiler/specify.ts';
import { PolicyError } from '../errors.ts';
import { type Abi, type AbiName, abis } from '../linux/abi.ts';
import { newestNumber, syscallName, syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { actionText, rank, sameAction } from '../policy/action.ts';
import { printCondition } from '../policy/language/print.ts';
import {
  type Action,
  type Call,
  type Condition,
  type Policy,
  type Statement,
  type Target,
  unknownOf,
} from '../policy/model.ts';
import {
  abisFor,
  decisionsOf,
  plainNumbers,
  plainValue,
  rangesOf,
  restOf,
  sectionOf,
  testsArch,
} from './decisions.ts';
import { actionFor } from './difference.ts';
import { feasible, valuesOf } from './feasible.ts';
import { conditionOf } from './regions.ts';

/** Numbers that no policy can speak of one by one, and that no kernel has: the program's answer differs from the policy's. */
export interface Unsaid {
  readonly abi: AbiName;
  /** As in seccomp_data.nr; both ends included. */
  readonly low: number;
  readonly high: number;
  readonly answers: readonly Action[];
}

export interface Recovered {
  /** Each for its own ABIs (its `abis`), the native one's first. Calls through an ABI that none of them names are answered by
   * `foreign`, which is the same in all. */
  readonly policies: readonly Policy[];
  readonly unsaid: readonly Unsaid[];
}

/** The policy of one program, as one for several ABIs where that says the same. `native`: the ABI that a program
 * without a test of the architecture is for. Throws PolicyError or CompileError where no policy can say what the program
 * does, ProofError where the result could not be shown to be the same. */
export function recover(program: Program, name: string, native: AbiName): Recovered {
  const graph = new Graph();
  const subject = { kind: 'programs', name, programs: [program] } as const;
  const looked = abisFor([subject], native);
  const first = looked.find((abi) => testsArch([program], abi)) ?? abis[native];
  const rest = restOf(graph, subject, looked, first);
  const foreign = rest === undefined ? undefined : plainValue(rest);
  const rows: Rows[] = [];
  const left: Abi[] = [];
  for (const abi of looked) {
    const numbers = plainNumbers(graph, decisionsOf(graph, subject, abi, []));
    const only = onlyValue(numbers, abi);
    const isLeft = only !== undefined && (only === foreign || (foreign === undefined && isClosed(only)));
    // Who is asked for by name is served, even where the answer is everybody's.
    const isAsked = testsArch([program], abi) && abi.name !== 'x32';
    if (isLeft && !isAsked) left.push(abi);
    else rows.push(rowsOf(graph, numbers, abi));
  }
  const answers = new Set(
    left.map((abi) => onlyValue(plainNumbers(graph, decisionsOf(graph, subject, abi, [])), abi)),
  );
  const [closed] = answers;
  if (answers.size > 1)
    throw new PolicyError(`${name}: architectures that it does not serve get different answers`);
  const elsewhere = foreign ?? closed;
  const policies = together(rows).map((group) => policyOf(group, elsewhere, first));
  const recovered = {
    policies: policies.length > 0 ? policies : [closedPolicy(elsewhere, first)],
    unsaid: rows.flatMap((one) => one.unsaid),
  };
  prove(
    [plainProgram(program)],
    specificationOf(recovered, looked, rest === undefined ? undefined : foreign, first),
    'all',
  );
  return recovered;
}

/** KILL, TRAP and ERRNO of all calls: nothing is served. */
function isClosed(value: number): boolean {
  return rank(actionFor(value, abis.x86_64)) <= rank({ kind: 'errno', errno: 0 });
}

/** The answer to all numbers of the ABI, if it is one. */
function onlyValue(numbers: Numbers, abi: Abi): number | undefined {
  const nodes = new Set([...rangesOf(numbers, abi)].map(({ node }) => node));
  const [only, more] = nodes;
  return more === undefined && only?.kind === 'leaf' ? only.value : undefined;
}

/** What is to be said about one ABI. */
interface Rows {
  readonly abi: Abi;
  readonly fallback: Action;
  readonly unknown: Action;
  /** By name, or `#number`. */
  readonly calls: ReadonlyMap<string, { readonly target: Target; readonly rules: readonly Row[] }>;
  readonly unsaid: readonly Unsaid[];
}

interface Row {
  readonly action: Action;
  readonly when?: Condition;
}

/** A range of more numbers than this is not said number by number. */
const MAX_SINGLE = 512;

function rowsOf(graph: Graph, numbers: Numbers, abi: Abi): Rows {
  const above = newestNumber(abi);
  const ranges = [...rangesOf(numbers, abi)].map(({ low, high, node }) => ({
    low,
    high,
    node: feasible(graph, node),
  }));
  const fallback =
    commonest(ranges, (nr) => nr <= above && syscallName(abi, nr) === undefined, 1024 + above) ??
    commonest(ranges, (nr) => nr <= above, above + 1) ??
    widest(ranges, above);
  const unknown = widest(ranges, above);
  const [fallbackAction, unknownAction] = [actionFor(fallback, abi), actionFor(unknown, abi)];
  const calls = new Map<string, { target: Target; rules: readonly Row[] }>();
  const unsaid: Unsaid[] = [];
  // Calls that an ABI keeps far above the others.
  const special = syscallNames(abi)
    .map((name) => syscallNumber(abi, name)!)
    .filter((nr) => nr > above);
  for (const { low, high, node } of ranges) {
    const isKnown = (nr: number) => nr <= above || syscallName(abi, nr) !== undefined;
    const leaf = node.kind === 'leaf' ? node.value : undefined;
    for (const nr of [...special.filter((one) => one >= low && one <= high), ...upTo(low, high, above)]) {
      const base = isKnown(nr) ? fallback : unknown;
      if (leaf === base) continue;
      if (!isKnown(nr) && (high - nr >= MAX_SINGLE || nr - abi.numberBase >= FAR)) {
        const answers = [...valuesOf(node)].map((value) => actionFor(value, abi));
        unsaid.push({ abi: abi.name, low: nr, high, answers });
        break;
      }
      const name = syscallName(abi, nr);
      const target: Target =
        name === undefined ? { kind: 'number', number: nr - abi.numberBase } : { kind: 'name', name };
      calls.set(name ?? `#${nr - abi.numberBase}`, { target, rules: rulesOf(graph, node, base, abi, name) });
    }
  }
  return { abi, fallback: fallbackAction, unknown: unknownAction, calls, unsaid };
}

/** The numbers of a range that may need a word: up to the newest known call, and some above. */
function* upTo(low: number, high: number, above: number): Generator<number> {
  const last = Math.min(high, Math.max(above, low) + MAX_SINGLE);
  for (let nr = low; nr <= last; nr++) yield nr;
}

/** No kernel has numbers up here, counted from an ABI's base. */
const FAR = 2 ** 30;

interface NumberRange {
  readonly low: number;
  readonly high: number;
  readonly node: Node;
}

/** The unconditional answer that most of the wanted numbers get; undefined where none gets one. */
function commonest(
  ranges: readonly NumberRange[],
  isWanted: (nr: number) => boolean,
  last: number,
): number | undefined {
  const counts = new Map<number, number>();
  for (const { low, high, node } of ranges) {
    if (node.kind !== 'leaf') continue;
    for (let nr = low; nr <= Math.min(high, low + 2 ** 16, last); nr++) {
      if (isWanted(nr)) counts.set(node.value, (counts.get(node.value) ?? 0) + 1);
    }
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  return best?.[0];
}

/** The unconditional answer to most of the numbers above the known ones. */
function widest(ranges: readonly NumberRange[], above: number): number {
  const sizes = new Map<number, number>();
  for (const { low, high, node } of ranges) {
    // What lies close above is what a newer kernel would have; the far end only counts where nothing else does.
    const weight =
      Math.max(0, Math.min(high, above + 1024) - Math.max(low, above + 1) + 1) + (high > above ? 1e-6 : 0);
    if (node.kind === 'leaf') sizes.set(node.value, (sizes.get(node.value) ?? 0) + weight);
  }
  const [best] = [...sizes].sort((a, b) => b[1] - a[1]);
  if (best === undefined)
    throw new PolicyError('the filter answers no number without looking at its arguments');
  return best[0];
}

/** Statements that make a call's answers what the decision says, beside `base` where none matches. */
function rulesOf(graph: Graph, node: Node, base: number, abi: Abi, call: string | undefined): readonly Row[] {
  const values = [...valuesOf(node)].sort((a, b) => rank(actionFor(a, abi)) - rank(actionFor(b, abi)));
  const rules = values
    .filter((value) => value !== base)
    .map((value): Row => {
      const when = conditionOf(graph, node, (found) => found === value, { abi, call });
      const action = actionFor(value, abi);
      return typeof when === 'boolean' ? { action } : { action, when };
    });
  if (values.includes(base)) return rules;
  // The loosest answer is given wherever no stricter one is; of equally strict ones the first written counts.
  const last = rules.at(-1)!;
  return [...rules.slice(0, -1), { action: last.action }];
}

/** ABIs that can share a policy: none says anything else of a call that both have. The first stays first. */
function together(all: readonly Rows[]): readonly (readonly Rows[])[] {
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

function policyOf(group: readonly Rows[], foreign: number | undefined, native: Abi): Policy {
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
function closedPolicy(value: number | undefined, native: Abi): Policy {
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

/** The program with answers that do the same as one. */
function plainProgram(program: Program): Program {
  return program.map((one) => (one.code === 0x06 ? { ...one, k: plainValue(one.k) } : one));
}

/** What the program must mean if the policies are right: each in its own ABI's numbers, the unsaid ranges left out. */
function specificationOf(
  { policies, unsaid }: Recovered,
  looked: readonly Abi[],
  foreign: number | undefined,
  native: Abi,
): Specification {
  const arches = [...new Set(looked.map((abi) => abi.auditArch))];
  return {
    bigEndian: native.bigEndian,
    otherwise: foreign,
    architectures: arches.map((arch) => ({
      arch,
      gated: [],
      ranges: looked
        .filter((abi) => abi.auditArch === arch)
        .flatMap((abi) => sectionRanges(policies, abi, unsaid))
        .sort((a, b) => a.low - b.low),
    })),
  };
}

function sectionRanges(
  policies: readonly Policy[],
  abi: Abi,
  unsaid: readonly Unsaid[],
): readonly SpecifiedRange[] {
  const policy = policies.find((one) => one.abis?.includes(abi.name)) ?? policies[0]!;
  const { architectures, otherwise } = specify(
    policy,
    policy.abis!.map((name) => abis[name]),
    [],
  );
  const own = architectures.find(({ arch }) => arch === abi.auditArch)?.ranges ?? [
    { low: 0, high: 0xffffffff, meaning: { rules: [], otherwise: otherwise! } },
  ];
  const holes = unsaid.filter((one) => one.abi === abi.name).map(({ low, high }) => [low, high] as const);
  return sectionOf(abi)
    .flatMap((section) => cut(own, section))
    .flatMap((range) => without(range, holes));
}

function cut(
  ranges: readonly SpecifiedRange[],
  [low, high]: readonly [number, number],
): readonly SpecifiedRange[] {
  return ranges
    .map((range) => ({ ...range, low: Math.max(range.low, low), high: Math.min(range.high, high) }))
    .filter((range) => range.low <= range.high);
}

function without(
  range: SpecifiedRange,
  holes: readonly (readonly [number, number])[],
): readonly SpecifiedRange[] {
  let left: readonly SpecifiedRange[] = [range];
  for (const [low, high] of holes) {
    left = left.flatMap((one) => [...cut([one], [0, low - 1]), ...cut([one], [high + 1, 0xffffffff])]);
  }
  return left;
}
