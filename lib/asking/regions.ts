// From a decision graph back to a condition: which calls lead to the answer that is asked about, said in arguments and named
// constants. What the graph tests as two words of one register is put together again.

import { blocks, valueBelow } from '../bpf/held.ts';
import { OFFSET_ARGS } from '../bpf/instruction.ts';
import { MAX_WORD, normal } from '../bpf/intervals.ts';
import type { Graph, Node, Switch } from '../compiler/graph.ts';
import { CompileError, PolicyError } from '../errors.ts';
import { and, anyOf, not, or, type Truth } from '../policy/algebra/truth.ts';
import { inSpans, maskedIs, type Spans, spansOf, type Terms } from './fields.ts';

/** More parts than this and a condition is of no use to anybody. */
const MAX_PARTS = 20_000;

/** When a decision is one of the answers that `isMeant` picks. Throws PolicyError where it depends on what no policy can speak
 * of (the instruction pointer), CompileError where it takes far too many words. */
export function conditionOf(
  graph: Graph,
  node: Node,
  isMeant: (value: number) => boolean,
  terms: Terms,
): Truth {
  const known = new Map<Node, Truth>();
  let parts = 0;
  const go = (one: Node): Truth => {
    if (one.kind === 'leaf') return one === graph.yes;
    if (one.kind === 'cookie') throw new Error('a gate is no condition');
    let found = known.get(one);
    if (found === undefined) {
      if (++parts > MAX_PARTS) {
        throw new CompileError(
          'the arguments of one call are checked in too many ways to be said as a policy',
        );
      }
      found = ofSwitch(one, go, terms);
      known.set(one, found);
    }
    return found;
  };
  // With two answers left more of the tests are alike.
  return go(graph.map(node, (value) => (isMeant(value) ? 1 : 0)));
}

type Go = (node: Node) => Truth;

function ofSwitch(node: Switch, go: Go, terms: Terms): Truth {
  const { variable } = node;
  if (variable.offset < OFFSET_ARGS) {
    throw new PolicyError('the filter looks at the instruction pointer, which a policy cannot speak of', {
      advice: 'sandbox-run inspect --listing shows the program itself',
    });
  }
  const index = (variable.offset - OFFSET_ARGS) >> 3;
  const isHigh = ((variable.offset & 4) === 0) === terms.abi.bigEndian;
  const whole = isHigh ? (wholeRegister(node) ?? wholeMask(node, go, terms, index)) : undefined;
  if (whole !== undefined) {
    return typeof whole === 'object' && 'pieces' in whole
      ? alternatives(whole.pieces, go, (spans) => inSpans(terms, index, 64, spans))
      : whole;
  }
  const groups = groupsOf(node);
  if (variable.mask === MAX_WORD) {
    return alternatives(
      new Map([...groups].map(([target, intervals]) => [target, spansOf(intervals, isHigh)])),
      go,
      (spans) => inSpans(terms, index, isHigh ? 64 : 32, spans),
    );
  }
  return alternatives(groups, go, (intervals) => maskedTest(terms, index, isHigh, variable.mask, intervals));
}

/** For each target: the test leads there, and what the target says. A target that says yes may be left out of the others' tests
 * where that is all they have to be kept apart from. */
function alternatives<T>(groups: ReadonlyMap<Node, T>, go: Go, test: (value: T) => Truth): Truth {
  const said = [...groups].map(([target, value]) => ({ truth: go(target), value }));
  const rest = said.filter(({ truth }) => truth !== false);
  const open = rest.filter(({ truth }) => truth !== true);
  if (rest.length === said.length && open.length === 1) {
    const yes = rest.filter(({ truth }) => truth === true).map(({ value }) => test(value));
    if (yes.length > 0) return or(anyOf(yes), open[0]!.truth);
  }
  return anyOf(rest.map(({ truth, value }) => and(test(value), truth)));
}

/** The word's intervals by target. */
function groupsOf(node: Switch): Map<Node, number[]> {
  const groups = new Map<Node, number[]>();
  node.targets.forEach((target, at) => {
    const pair = [node.cuts[at]!, (node.cuts[at + 1] ?? 2 ** 32) - 1];
    const list = groups.get(target);
    if (list === undefined) groups.set(target, pair);
    else list.push(...pair);
  });
  return groups;
}

function isLowOf(node: Node, high: Switch): node is Switch {
  return node.kind === 'switch' && (node.variable.offset ^ high.variable.offset) === 4;
}

/** A test of a register's high word with tests of its low word behind it, as spans of 64 bits. Undefined where a range of
 * high words has low words to itself. */
function wholeRegister(node: Switch): { readonly pieces: Map<Node, Spans> } | undefined {
  if (node.variable.mask !== MAX_WORD) return undefined;
  const pieces = new Map<Node, [bigint, bigint][]>();
  const add = (target: Node, low: bigint, high: bigint) => {
    const list = pieces.get(target);
    if (list === undefined) pieces.set(target, [[low, high]]);
    else if (list.at(-1)![1] + 1n === low) list.at(-1)![1] = high;
    else list.push([low, high]);
  };
  let isPair = false;
  for (const [at, target] of node.targets.entries()) {
    const from = BigInt(node.cuts[at]!) << 32n;
    const to = (BigInt(node.cuts[at + 1] ?? 2 ** 32) << 32n) - 1n;
    if (!isLowOf(target, node) || target.variable.mask !== MAX_WORD) {
      add(target, from, to);
      continue;
    }
    if (to - from !== 0xffffffffn) return undefined;
    isPair = true;
    for (const [i, below] of target.targets.entries()) {
      add(below, from + BigInt(target.cuts[i]!), from + BigInt(target.cuts[i + 1] ?? 2 ** 32) - 1n);
    }
  }
  return isPair ? { pieces } : undefined;
}

/** Both halves under masks, one value each: `register & mask == value` on 64 bits. */
function wholeMask(node: Switch, go: Go, terms: Terms, index: number): Truth | undefined {
  const high = singleOf(node);
  if (high === undefined || !isLowOf(high.target, node)) return undefined;
  const low = singleOf(high.target);
  if (low === undefined || low.rest !== high.rest) return undefined;
  const mask = (BigInt(node.variable.mask) << 32n) | BigInt(high.target.variable.mask);
  if (mask === 0xffffffffffffffffn) return undefined;
  const value = (BigInt(high.value) << 32n) | BigInt(low.value);
  const [inside, outside] = [go(low.target), go(low.rest)];
  const is = (isEqual: boolean) => maskedIs(terms, index, 64, mask, value, isEqual);
  return or(and(is(true), inside), and(is(false), outside));
}

/** A switch with one value under its mask apart from all others. */
function singleOf(node: Switch): { value: number; target: Node; rest: Node } | undefined {
  const groups = [...groupsOf(node)];
  if (groups.length !== 2) return undefined;
  for (const [at, [target, intervals]] of groups.entries()) {
    const [value, more] = valuesIn(node.variable.mask, intervals);
    if (value !== undefined && more === undefined) return { value, target, rest: groups[1 - at]![0] };
  }
  return undefined;
}

/** Up to two values under the mask that lie in the intervals. */
function valuesIn(mask: number, intervals: readonly number[]): readonly number[] {
  const found: number[] = [];
  for (let i = 0; i < intervals.length && found.length < 2; i += 2) {
    const [low, high] = [intervals[i]!, intervals[i + 1]!];
    let value = valueBelow(mask, high);
    for (; value >= low && found.length < 2; value = valueBelow(mask, value - 1)) {
      found.push(value);
      if (value === 0) break;
    }
  }
  return found;
}

function maskedTest(
  terms: Terms,
  index: number,
  isHigh: boolean,
  mask: number,
  intervals: readonly number[],
): Truth {
  const bits = isHigh ? 64 : 32;
  const shifted = (value: number) => (isHigh ? BigInt(value) << 32n : BigInt(value));
  const is = (m: number, value: number, isEqual = true): Truth =>
    m === 0 ? isEqual : maskedIs(terms, index, bits, shifted(m), shifted(value), isEqual);
  const [value, more] = valuesIn(mask, intervals);
  if (value === undefined) return false;
  if (more === undefined) return is(mask, value);
  const outside = gaps(intervals);
  const [other, another] = valuesIn(mask, outside);
  if (other === undefined) return true;
  if (another === undefined) return is(mask, other, false);
  const [said, unsaid] = [blocksUnder(mask, intervals), blocksUnder(mask, outside)];
  if (unsaid.length < said.length) return not(anyOf(unsaid.map((block) => is(...block))));
  return anyOf(said.map((block) => is(...block)));
}

/** The values under the mask in the intervals, as few masks with a value each: a block of values is what has the same
 * leading bits. */
function blocksUnder(
  mask: number,
  intervals: readonly number[],
): readonly (readonly [mask: number, value: number])[] {
  const found: [number, number][] = [];
  for (let i = 0; i < intervals.length; i += 2) {
    for (const [start, size] of blocks(intervals[i]!, intervals[i + 1]!)) {
      if (valueBelow(mask, start + size - 1) < start) continue;
      const leading = (mask & ~(size - 1)) >>> 0;
      found.push([leading, (start & leading) >>> 0]);
    }
  }
  return found;
}

function gaps(intervals: readonly number[]): readonly number[] {
  const out: number[] = [];
  let next = 0;
  const sorted = normal(intervals);
  for (let i = 0; i < sorted.length; i += 2) {
    if (sorted[i]! > next) out.push(next, sorted[i]! - 1);
    next = sorted[i + 1]! + 1;
  }
  if (next <= MAX_WORD) out.push(next, MAX_WORD);
  return out;
}
