// A policy whose program would be longer than the kernel permits becomes several programs that stack: each decides a part of
// the values of one word (mostly call numbers) and allows the rest, and of stacked filters the strictest answer
// counts, so together they say what the one would have said.

import type { Program } from '../bpf/instruction.ts';
import { CompileError } from '../errors.ts';
import type { Graph, Leaf, Node, Switch } from './graph.ts';

/** The kernel's limit on all filters of a process together, each counted with four more (kernel/seccomp.c). */
const CHAIN_LIMIT = 32_768;
const CHAIN_PENALTY = 4;

/** The programs for a decision, each at most `limit` instructions. Throws CompileError where that cannot be. */
export function split(
  graph: Graph,
  root: Node,
  allow: Leaf,
  limit: number,
  layOut: (node: Node) => Program,
): readonly Program[] {
  const programs: Program[] = [];
  let total = 0;
  const go = (node: Node) => {
    const program = layOut(node);
    if (program.length > limit) {
      const halves = divide(graph, node, allow);
      if (halves === undefined) throw tooLarge(program.length);
      // What cannot fit in the chain need not be laid out to the end.
      if (total + program.length > 4 * CHAIN_LIMIT) throw tooLarge(total + program.length);
      for (const half of halves) go(half);
      return;
    }
    total += program.length + CHAIN_PENALTY;
    if (total > CHAIN_LIMIT) throw tooLarge(total);
    programs.push(program);
  };
  go(root);
  return programs;
}

/** Two decisions that together say what `node` says: the values of a switch shared out by the size of what they lead to. */
function divide(graph: Graph, node: Node, allow: Leaf): readonly [Node, Node] | undefined {
  if (node.kind !== 'switch') return undefined;
  const inner = node.targets.findLastIndex((target) => target.kind !== 'leaf');
  const own = node.targets.filter((target) => target.kind !== 'leaf').length;
  // One large part below: divide that, and keep the rest of this node with its first half.
  if (own === 1 && node.targets.length <= 3) {
    const halves = divide(graph, node.targets[inner]!, allow);
    return halves && [replaced(graph, node, inner, halves[0]), onlyAt(graph, node, inner, halves[1], allow)];
  }
  const sizes = node.targets.map((target) => 1 + nodeCount(target));
  const half = sizes.reduce((sum, one) => sum + one, 0) / 2;
  let at = 1;
  for (let sum = sizes[0]!; at < sizes.length - 1 && sum + sizes[at]! <= half; at++) sum += sizes[at]!;
  const first = graph.switch(
    node.variable,
    node.cuts,
    node.targets.map((target, i) => (i < at ? target : allow)),
  );
  const second = graph.switch(
    node.variable,
    node.cuts,
    node.targets.map((target, i) => (i < at ? allow : target)),
  );
  return first === node || second === node ? undefined : [first, second];
}

function replaced(graph: Graph, node: Switch, index: number, by: Node): Node {
  return graph.switch(
    node.variable,
    node.cuts,
    node.targets.map((target, i) => (i === index ? by : target)),
  );
}

function onlyAt(graph: Graph, node: Switch, index: number, by: Node, allow: Leaf): Node {
  return graph.switch(
    node.variable,
    node.cuts,
    node.targets.map((_, i) => (i === index ? by : allow)),
  );
}

function nodeCount(node: Node, seen = new Set<Node>()): number {
  if (node.kind === 'leaf' || seen.has(node)) return 0;
  seen.add(node);
  const below = node.kind === 'switch' ? node.targets : [node.yes, node.no];
  return below.reduce(
    (sum, one) => sum + nodeCount(one, seen),
    node.kind === 'switch' ? node.targets.length : 2,
  );
}

function tooLarge(length: number): CompileError {
  return new CompileError(
    `the policy needs about ${length} instructions; the kernel takes ${CHAIN_LIMIT} in all`,
    {
      advice: 'say less by single argument values: ranges and masks are cheap',
    },
  );
}
