// The exact difference of two subjects: for each call and each region of its arguments where they answer differently, both
// answers. Nothing is sampled: where nothing is reported, they mean the same.

import { Graph, type Node } from '../compiler/graph.ts';
import { type Abi, type AbiName, abis } from '../linux/abi.ts';
import { errnoName } from '../linux/errno.ts';
import { newestNumber, syscallName } from '../linux/syscalls.ts';
import { actionOfReturn, actionText, permits } from '../policy/action.ts';
import { printCondition } from '../policy/language/print.ts';
import type { Action, Condition } from '../policy/model.ts';
import {
  abisFor,
  decisionsOf,
  joinNumbers,
  type Phase,
  plainNumbers,
  plainValue,
  rangesOf,
  restOf,
  type Subject,
} from './decisions.ts';
import { feasible, valuesOf } from './feasible.ts';
import { conditionOf } from './regions.ts';

/** Calls of one ABI. */
export interface CallRange {
  readonly abi: AbiName;
  /** As in seccomp_data.nr without the ABI's base; both ends included. */
  readonly low: number;
  readonly high: number;
  /** Where it is one call that has a name. */
  readonly name?: string;
  /** Whether all numbers lie above the newest known call. */
  readonly isBeyond: boolean;
  /** Every call through this ABI is meant. */
  readonly isWhole?: true;
}

export interface Change {
  readonly calls: CallRange;
  readonly from: Action;
  readonly to: Action;
  /** Absent: whatever the arguments are. */
  readonly when?: Condition;
  /** Only from main on, where a policy narrows itself there. */
  readonly phase?: 'main';
}

export interface Difference {
  readonly changes: readonly Change[];
  /** What both answer to architectures of other machines, where they differ. */
  readonly elsewhere?: { readonly from: Action; readonly to: Action };
}

export interface DifferenceOptions {
  /** What a policy without an abi line serves, and where a program without any architecture belongs. */
  readonly native: AbiName;
  /** Only these; absent: all that share a kernel with those that either side speaks of. */
  readonly abis?: readonly AbiName[];
}

/** What is different from `a` to `b`. Throws PolicyError for a program that cannot be followed. */
export function difference(a: Subject, b: Subject, options: DifferenceOptions): Difference {
  const graph = new Graph();
  const looked = options.abis?.map((name) => abis[name]) ?? abisFor([a, b], options.native);
  const changesIn = (phase: Phase) =>
    looked.flatMap((abi) => changesFor(graph, a, b, abi, options.native, phase));
  const first = changesIn('exec');
  const hasMain = [a, b].some((one) => one.kind === 'policy' && one.policy.main !== undefined);
  const known = new Set(hasMain ? first.map(keyOf) : []);
  const later = hasMain ? changesIn('main').filter((one) => !known.has(keyOf(one))) : [];
  const changes = [...first, ...later.map((one): Change => ({ ...one, phase: 'main' }))];
  const native = abis[options.native];
  if (options.abis !== undefined) return { changes };
  const [from, to] = [a, b].map((one) => restOf(graph, one, looked, native));
  if (from === undefined || to === undefined || plainValue(from) === plainValue(to)) return { changes };
  return { changes, elsewhere: { from: actionFor(from, native), to: actionFor(to, native) } };
}

function keyOf({ calls, from, to, when }: Change): string {
  const condition = when === undefined ? '' : printCondition(when);
  return [calls.abi, calls.low, calls.high, actionText(from), actionText(to), condition].join(' ');
}

/** Whether everything that `a` permits `b` permits as well: the changes that take something away; none if so. */
export function lostFrom(a: Subject, b: Subject, options: DifferenceOptions): Difference {
  const { changes, elsewhere } = difference(a, b, options);
  const isLoss = ({ from, to }: { from: Action; to: Action }) => permits(from) && !permits(to);
  return {
    changes: changes.filter(isLoss),
    ...(elsewhere !== undefined && isLoss(elsewhere) && { elsewhere }),
  };
}

function changesFor(
  graph: Graph,
  a: Subject,
  b: Subject,
  abi: Abi,
  native: AbiName,
  phase: Phase,
): readonly Change[] {
  const [left, right] = [a, b].map((one) =>
    plainNumbers(graph, decisionsOf(graph, one, abi, [native], phase)),
  );
  // A pair of answers as a leaf of its own; the same answer twice is leaf 0.
  const answers: (readonly [from: number, to: number])[] = [[0, 0]];
  const index = new Map<string, number>();
  const pairOf = (from: number, to: number): number => {
    if (from === to) return 0;
    const key = `${from},${to}`;
    let at = index.get(key);
    if (at === undefined) {
      at = answers.push([from, to]) - 1;
      index.set(key, at);
    }
    return at;
  };
  const known = new Map<string, Node>();
  const compared = (x: Node, y: Node): Node => {
    if (x === y) return graph.no;
    const key = `${x.id},${y.id}`;
    let node = known.get(key);
    if (node === undefined) {
      node = feasible(graph, graph.zip(x, y, pairOf));
      known.set(key, node);
    }
    return node;
  };
  const both = joinNumbers(left!, right!, compared);
  const ranges = [...rangesOf(both, abi)];
  const [first] = ranges;
  if (first?.node.kind === 'leaf' && ranges.every(({ node }) => node === first.node)) {
    return wholeChange(abi, answers[first.node.value]!, first.node === graph.no);
  }
  const changes: Change[] = [];
  for (const { low, high, node } of ranges) {
    for (const calls of callsIn(abi, low, high, node !== graph.no)) {
      for (const value of valuesOf(node)) {
        if (value === 0) continue;
        const [from, to] = answers[value]!;
        const when = conditionOf(graph, node, (found) => found === value, { abi, call: calls.name });
        if (when === false) continue;
        changes.push({
          calls,
          from: actionFor(from, abi),
          to: actionFor(to, abi),
          ...(when !== true && { when }),
        });
      }
    }
  }
  return changes;
}

/** One change for all calls of an ABI: one side does not serve it. */
function wholeChange(abi: Abi, [from, to]: readonly [number, number], isNone: boolean): readonly Change[] {
  if (isNone) return [];
  const calls: CallRange = { abi: abi.name, low: 0, high: 0xffffffff, isBeyond: false, isWhole: true };
  return [{ calls, from: actionFor(from, abi), to: actionFor(to, abi) }];
}

/** A range as calls with names, and the numbers between them and above. */
export function* callsIn(abi: Abi, low: number, high: number, isWanted = true): Generator<CallRange> {
  if (!isWanted) return;
  const above = newestNumber(abi);
  const range = (from: number, to: number, isBeyond: boolean): CallRange => ({
    abi: abi.name,
    low: from - abi.numberBase,
    high: to - abi.numberBase,
    isBeyond,
  });
  let from = low;
  const last = Math.min(high, Math.max(above, PRIVATE_LAST));
  for (let nr = low; nr <= last; nr++) {
    const name = syscallName(abi, nr);
    if (name === undefined) {
      if (nr === above + 1 && from < nr) {
        yield range(from, nr - 1, false);
        from = nr;
      }
      continue;
    }
    if (from < nr) yield range(from, nr - 1, from > above);
    yield { ...range(nr, nr, false), name };
    from = nr + 1;
  }
  if (from > high) return;
  if (from <= above && high > above) {
    yield range(from, above, false);
    from = above + 1;
  }
  yield range(from, high, from > above);
}

/** arm's own calls end here (__ARM_NR_BASE + 6). */
const PRIVATE_LAST = 0x0f0006;

/** An answer as an action, an error by its name. */
export function actionFor(value: number, abi: Abi): Action {
  const action = actionOfReturn(value);
  if (action.kind !== 'errno' || typeof action.errno !== 'number') return action;
  return { kind: 'errno', errno: errnoName(action.errno, abi) ?? action.errno };
}
