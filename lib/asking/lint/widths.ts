// Comparisons that look at bits which the kernel does not: with those bits set, a call that the policy refuses gets through and
// does what was refused.

import { OFFSET_ARGS } from '../../bpf/instruction.ts';
import { argumentOffset } from '../../bpf/specification.ts';
import { wordVariable } from '../../compiler/condition.ts';
import type { Graph, Node, Switch } from '../../compiler/graph.ts';
import { parametersOf } from '../../linux/arguments.ts';
import { syscallNames } from '../../linux/syscalls.ts';
import { feasible, reaches } from '../feasible.ts';
import { type Context, type Found, isPermitted } from './context.ts';

/** Calls that are refused for an argument as honest code passes it (high bits zero, or copies of the sign), and permitted for the same
 * one with other high bits. */
export function widthBypasses(context: Context): readonly Found[] {
  const { abi, graph } = context;
  // On a 32-bit ABI the registers have no high half.
  if (abi.wordBits === 32) return [];
  const calls: string[] = [];
  for (const call of syscallNames(abi)) {
    const node = context.decision(call);
    if (node === undefined || node.kind === 'leaf') continue;
    const permitted = graph.map(node, (value) => (isPermitted(value) ? 1 : 0));
    const isOpen = (parametersOf(call, abi) ?? []).some(({ bits, signed }, index) => {
      if (bits > 32) return false;
      const high = argumentOffset(index, 'high', abi.bigEndian);
      const zero = at(graph, permitted, high, 0);
      // Only a negative int may also come with its sign copied into the high half.
      const low = wordVariable(argumentOffset(index, 'low', abi.bigEndian), 0xffffffff, abi.bigEndian);
      const negative = graph.within(low, [0x80000000, 0xffffffff], graph.yes, graph.no);
      const copied = graph.or(zero, at(graph, permitted, high, 0xffffffff));
      const honest = signed ? graph.choose(negative, copied, zero) : zero;
      const any = anywhere(graph, permitted, high);
      const bypass = graph.zip(any, honest, (one, other) => (one === 1 && other === 0 ? 1 : 0));
      return reaches(feasible(graph, bypass), (value) => value === 1);
    });
    if (isOpen) calls.push(call);
  }
  return calls.map((call) => ({
    calls: [call],
    message: `What ${call} refuses gets through when bits are set that the kernel does not look at: the comparison is wider than the argument.`,
  }));
}

/** The decision for one value of a word. */
function at(graph: Graph, node: Node, offset: number, value: number): Node {
  return without(graph, node, offset, (one) => {
    const masked = (value & one.variable.mask) >>> 0;
    return one.targets[one.cuts.findLastIndex((cut) => cut <= masked)]!;
  });
}

/** Yes where any value of the word gives yes. */
function anywhere(graph: Graph, node: Node, offset: number): Node {
  return without(graph, node, offset, (one) => one.targets.reduce((a, b) => graph.or(a, b)));
}

/** A decision in which a word is no longer asked about. */
function without(graph: Graph, node: Node, offset: number, choose: (node: Switch) => Node): Node {
  const done = new Map<Node, Node>();
  const go = (one: Node): Node => {
    if (one.kind !== 'switch' || one.variable.offset < OFFSET_ARGS) return one;
    let result = done.get(one);
    if (result === undefined) {
      const targets = one.targets.map(go);
      const changed = { ...one, targets };
      result =
        one.variable.offset === offset ? choose(changed) : graph.switch(one.variable, one.cuts, targets);
      done.set(one, result);
    }
    return result;
  };
  return go(node);
}
