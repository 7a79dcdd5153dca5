// A policy whose program would be longer than the kernel permits becomes several programs that stack: each decides a part of
// the values of one word (mostly call numbers) and allows the rest, and of stacked filters the strictest answer
// counts, so together they say what the one would have said.

import type { Program } from '../bpf/instruction.ts';
import type { CookieTest, Graph, Leaf, Node, Switch } from './graph.ts';
import { CHAIN_LIMIT, CHAIN_PENALTY, tooLarge } from './limits.ts';

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
      // Parts are hardly ever smaller together than the whole, so what is far too long need not be laid out to the end.
      if (total + program.length > HOPELESS * CHAIN_LIMIT) throw tooLarge(total + program.length);
      const halves = divide(graph, node, allow);
      if (halves === undefined) throw tooLarge(program.length);
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

/** Two decisions that together say what `node` says; undefined where there is nothing to share out. */
function divide(graph: Graph, node: Node, allow: Leaf): readonly [Node, Node] | undefined {
  if (node.kind === 'leaf') return undefined;
  if (node.kind === 'cookie') {
    // A gate stays whole in both: with the cookie everything is allowed, without it each refuses its half.
    const halves = divide(graph, node.no, allow);
    return halves && [regated(graph, node, halves[0]), regated(graph, node, halves[1])];
  }
  const sizes = node.targets.map((target) => (target === allow ? 0 : 1 + nodeCount(target)));
  const total = sizes.reduce((sum, one) => sum + one, 0);
  const largest = sizes.reduce((best, one, index) => (one > sizes[best]! ? index : best), 0);
  // One part that outweighs the rest: divide that, and keep the rest of this node with its first half.
  if (sizes[largest]! > DOMINANT * total) {
    const halves = divide(graph, node.targets[largest]!, allow);
    if (halves !== undefined) {
      return [replaced(graph, node, largest, halves[0]), onlyAt(graph, node, largest, halves[1], allow)];
    }
  }
  let at = 0;
  for (let sum = 0; at < sizes.length && sum + sizes[at]! / 2 < total / 2; at++) sum += sizes[at]!;
  const first = only(graph, node, allow, (index) => index < at);
  const second = only(graph, node, allow, (index) => index >= at);
  return first === node || second === node ? undefined : [first, second];
}

/** A share of the whole. */
const DOMINANT = 0.75;
const HOPELESS = 1.25;

function regated(graph: Graph, { offset, word, yes, no }: CookieTest, by: Node): Node {
  const next = yes.kind === 'cookie' && yes.no === no ? regated(graph, yes, by) : yes;
  return graph.cookie(offset, word, next, by);
}

/** What a switch says of some of its intervals; of the others nothing. */
function only(graph: Graph, node: Switch, allow: Leaf, isKept: (index: number) => boolean): Node {
  return graph.switch(
    node.variable,
    node.cuts,
    node.targets.map((target, index) => (isKept(index) ? target : allow)),
  );
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
