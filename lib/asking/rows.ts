// What there is to say about one ABI so that its calls get a program's answers: a default, the answer to calls that nobody knows
// yet, and for each call that gets another one its rules, in conditions on its arguments.

import type { Graph, Node } from '../compiler/graph.ts';
import type { Numbers } from '../compiler/resolve.ts';
import { PolicyError } from '../errors.ts';
import type { Abi, AbiName } from '../linux/abi.ts';
import { newestNumber, syscallName, syscallNames, syscallNumber } from '../linux/syscalls.ts';
import { rank } from '../policy/action.ts';
import type { Action, Condition, Target } from '../policy/model.ts';
import { rangesOf } from './decisions.ts';
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
/** What is to be said about one ABI. */
export interface Rows {
  readonly abi: Abi;
  readonly fallback: Action;
  readonly unknown: Action;
  /** By name, or `#number`. */
  readonly calls: ReadonlyMap<string, { readonly target: Target; readonly rules: readonly Row[] }>;
  readonly unsaid: readonly Unsaid[];
}

export interface Row {
  readonly action: Action;
  readonly when?: Condition;
}

/** A range of more numbers than this is not said number by number. */
const MAX_SINGLE = 512;

/** Throws PolicyError or CompileError where it cannot be said. */
export function rowsOf(graph: Graph, numbers: Numbers, abi: Abi): Rows {
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
