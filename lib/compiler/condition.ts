// Conditions as decision graphs. Every comparison becomes a set of intervals of the argument's bit patterns; 64-bit
// arguments are tested as two words, the high one first. This is the compiler's own reading of a condition, made apart
// from the reference's in policy/evaluate.ts.

import { OFFSET_ARGS } from '../bpf/instruction.ts';
import { argumentOffset } from '../bpf/specification.ts';
import type { Abi } from '../linux/abi.ts';
import type { Comparison, Condition, Operand, Range, Value } from '../policy/model.ts';
import { type Field, fieldOf } from '../policy/operand.ts';
import { numberOf } from '../policy/value.ts';
import type { Graph, Node, Variable } from './graph.ts';

/** The same alternatives with all that are values of one argument as one list: a thousand rules on one argument are sorted
 * once, not combined one by one. */
function alternatives(of: readonly Condition[]): readonly Condition[] {
  const others: Condition[] = [];
  const lists = new Map<string, { readonly operand: Operand; readonly ranges: Range[] }>();
  const take = (one: Condition): void => {
    if (one.kind === 'or') for (const part of one.of) take(part);
    else if (one.kind !== 'in' && !(one.kind === 'compare' && one.op === '==')) others.push(one);
    else {
      const key = `${one.operand.argument}:${one.operand.bits}`;
      const list = lists.get(key) ?? { operand: one.operand, ranges: [] };
      lists.set(key, list);
      if (one.kind === 'compare') list.ranges.push({ low: one.value, high: one.value });
      else for (const range of one.ranges) list.ranges.push(range);
    }
  };
  for (const one of of) take(one);
  return [...lists.values()].map((list): Condition => ({ kind: 'in', ...list })).concat(others);
}

type Span = readonly [low: bigint, high: bigint];

/** The condition as a graph with leaves `graph.yes` and `graph.no`. `call`: the call's name on this ABI, for its types. */
export function conditionGraph(graph: Graph, condition: Condition, abi: Abi, call: string | undefined): Node {
  const go = (one: Condition): Node => {
    switch (one.kind) {
      case 'and':
        return graph.reduce(one.of.map(go), (a, b) => graph.and(a, b), graph.yes);
      case 'or':
        return graph.reduce(alternatives(one.of).map(go), (a, b) => graph.or(a, b), graph.no);
      case 'not':
        return graph.not(go(one.of));
      case 'compare':
        return compare(one.operand, one.op, one.value);
      case 'in':
        return inRanges(one.operand, one.ranges);
      case 'any-bit':
        return anyBit(one.operand, one.mask);
      case 'masked': {
        const equal = masked(one.operand, one.mask, one.value);
        return one.op === '==' ? equal : graph.not(equal);
      }
    }
  };
  const field = (operand: Operand) => fieldOf(operand, abi, call);
  const constant = (value: Value) => numberOf(value, abi);

  const compare = (operand: Operand, op: Comparison, value: Value): Node => {
    const where = field(operand);
    const number = constant(value);
    if (op === '==') return within(graph, where, samePattern(where, number), abi);
    if (op === '!=') return graph.not(within(graph, where, samePattern(where, number), abi));
    return within(graph, where, ordered(where, op, number), abi);
  };

  const inRanges = (operand: Operand, ranges: readonly { low: Value; high: Value }[]): Node => {
    const where = field(operand);
    const spans = ranges.flatMap(({ low, high }) => {
      const [from, to] = [constant(low), constant(high)];
      return low === high || from === to ? samePattern(where, from) : between(where, from, to);
    });
    return within(graph, where, spans, abi);
  };

  const anyBit = (operand: Operand, mask: Value): Node => {
    const where = field(operand);
    return graph.not(maskedWords(graph, where, BigInt.asUintN(where.bits, constant(mask)), 0n, abi));
  };

  const masked = (operand: Operand, mask: Value, value: Value): Node => {
    const where = field(operand);
    const [only] = samePattern(where, constant(value));
    if (only === undefined) return graph.no;
    return maskedWords(graph, where, BigInt.asUintN(where.bits, constant(mask)), only[0], abi);
  };

  return go(condition);
}

/** The one pattern that equals this constant, if it fits the field at all. */
function samePattern(field: Field, constant: bigint): readonly Span[] {
  const size = 1n << BigInt(field.bits);
  if (constant >= size || constant < -size / 2n) return [];
  const bits = BigInt.asUintN(field.bits, constant);
  return [[bits, bits]];
}

function ordered(field: Field, op: '<' | '<=' | '>' | '>=', constant: bigint): readonly Span[] {
  const [least, greatest] = limits(field);
  switch (op) {
    case '<':
      return between(field, least, constant - 1n);
    case '<=':
      return between(field, least, constant);
    case '>':
      return between(field, constant + 1n, greatest);
    case '>=':
      return between(field, constant, greatest);
  }
}

/** The patterns of the numbers low…high: negative ones lie above the others. */
function between(field: Field, low: bigint, high: bigint): readonly Span[] {
  const [least, greatest] = limits(field);
  const from = low < least ? least : low;
  const to = high > greatest ? greatest : high;
  if (from > to) return [];
  const size = 1n << BigInt(field.bits);
  if (from >= 0n) return [[from, to]];
  if (to < 0n) return [[from + size, to + size]];
  return [
    [0n, to],
    [from + size, size - 1n],
  ];
}

function limits(field: Field): Span {
  const size = 1n << BigInt(field.bits);
  return field.signed ? [-size / 2n, size / 2n - 1n] : [0n, size - 1n];
}

/** A graph that says whether a field's pattern lies in the spans (in any order, overlapping or not). */
function within(graph: Graph, field: Field, spans: readonly Span[], abi: Abi): Node {
  const sorted = joinSpans(spans);
  const greatest = field.bits < 32 ? 2 ** field.bits - 1 : 0xffffffff;
  const low = variable(field.index, 'low', greatest, abi);
  if (field.bits <= 32) {
    const pairs = sorted.flatMap(([a, b]) => [Number(a), Number(b) === greatest ? 0xffffffff : Number(b)]);
    return graph.within(low, pairs, graph.yes, graph.no);
  }
  const high = variable(field.index, 'high', 0xffffffff, abi);
  // For each high word, which low words are meant: all of them inside a span, some at its two ends.
  const ends = new Map<number, number[]>();
  const cuts = new Map<number, Node>();
  const addEnd = (word: number, from: number, to: number) => {
    const list = ends.get(word);
    if (list === undefined) ends.set(word, [from, to]);
    else list.push(from, to);
  };
  const full: [number, number][] = [];
  for (const [from, to] of sorted) {
    const [fromHigh, fromLow, toHigh, toLow] = [...halves(from), ...halves(to)] as [
      number,
      number,
      number,
      number,
    ];
    if (fromHigh === toHigh) addEnd(fromHigh, fromLow, toLow);
    else {
      addEnd(fromHigh, fromLow, 0xffffffff);
      addEnd(toHigh, 0, toLow);
      if (fromHigh + 1 < toHigh) full.push([fromHigh + 1, toHigh - 1]);
    }
  }
  const set = (from: number, to: number, node: Node) => {
    cuts.set(from, node);
    if (to < 0xffffffff && !cuts.has(to + 1)) cuts.set(to + 1, graph.no);
  };
  cuts.set(0, graph.no);
  for (const [from, to] of full) set(from, to, graph.yes);
  for (const [word, pairs] of ends) set(word, word, graph.within(low, pairs, graph.yes, graph.no));
  const order = [...cuts.keys()].sort((a, b) => a - b);
  return graph.switch(
    high,
    order,
    order.map((cut) => cuts.get(cut)!),
  );
}

function maskedWords(graph: Graph, field: Field, mask: bigint, value: bigint, abi: Abi): Node {
  const half = (which: 'low' | 'high', m: number, v: number): Node => {
    if ((v & ~m) !== 0) return graph.no;
    if (m === 0) return graph.yes;
    // A mask of leading ones asks for an interval of the plain word, which other comparisons can share.
    const rest = ~m >>> 0;
    if ((rest & (rest + 1)) === 0 && field.bits >= 32) {
      return graph.within(
        variable(field.index, which, 0xffffffff, abi),
        [v, (v | rest) >>> 0],
        graph.yes,
        graph.no,
      );
    }
    // Between two values that exist under a mask lie none, so the interval may reach up to the neighbours: equal tests
    // written differently become the same node, and a single bit becomes one JSET.
    const from = v === 0 ? 0 : ((v - 1) & m) + 1;
    const to = v === m ? 0xffffffff : (((v | ~m) + 1) & m) - 1;
    return graph.within(variable(field.index, which, m, abi), [from >>> 0, to >>> 0], graph.yes, graph.no);
  };
  const [maskHigh, maskLow, valueHigh, valueLow] = [...halves(mask), ...halves(value)] as [
    number,
    number,
    number,
    number,
  ];
  const low = half('low', maskLow, valueLow);
  return field.bits <= 32 ? low : graph.and(half('high', maskHigh, valueHigh), low);
}

/** Arguments in their order, the high word before the low one, the plain word before its masks. */
function variable(index: number, half: 'low' | 'high', mask: number, abi: Abi): Variable {
  return wordVariable(argumentOffset(index, half, abi.bigEndian), mask, abi.bigEndian);
}

/** The variable for a word of seccomp_data from the instruction pointer on. `offset` in bytes. */
export function wordVariable(offset: number, mask: number, bigEndian: boolean): Variable {
  const isLow = ((offset & 4) === 0) !== bigEndian;
  const word = 2 * ((offset - OFFSET_ARGS) >> 3) + (isLow ? 1 : 0);
  return { offset, mask: mask >>> 0, order: word * 2 ** 32 + (0xffffffff - (mask >>> 0)) };
}

function joinSpans(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans;
  const sorted = [...spans].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const out: [bigint, bigint][] = [];
  for (const [low, high] of sorted) {
    const last = out.at(-1);
    if (last !== undefined && low <= last[1] + 1n) {
      if (high > last[1]) last[1] = high;
    } else out.push([low, high]);
  }
  return out;
}

function halves(value: bigint): [high: number, low: number] {
  return [Number(value >> 32n), Number(value & 0xffffffffn)];
}
