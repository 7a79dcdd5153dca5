// Decisions without the ways that no call can take. Tests of one word under several masks depend on one another
// (what has bit 3 is not 0), and the graph does not know; so before a way through it is reported, it is walked with the exact
// sets of words that the proof uses.

import { type Region, restrict } from '../bpf/region.ts';
import { keyOf, type WordTest } from '../bpf/word-set.ts';
import type { Graph, Node } from '../compiler/graph.ts';

/** The same decision, with targets that cannot be reached replaced by their neighbours. */
export function feasible(graph: Graph, node: Node): Node {
  const offsets = entangled(node);
  if (offsets.size === 0) return node;
  const done = new Map<string, Node>();
  const go = (one: Node, region: Region): Node => {
    if (one.kind !== 'switch') return one;
    const key = `${one.id}${[...region].map(([offset, set]) => `|${offset}${keyOf(set)}`).join('')}`;
    const known = done.get(key);
    if (known !== undefined) return known;
    const { variable, cuts, targets } = one;
    const isEntangled = offsets.has(variable.offset);
    const left: (Node | undefined)[] = targets.map((target, at) => {
      const test: WordTest = {
        mask: variable.mask,
        intervals: [cuts[at]!, (cuts[at + 1] ?? 2 ** 32) - 1],
      };
      const here = isEntangled ? restrict(region, variable.offset, test) : region;
      return here === undefined ? undefined : go(target, here);
    });
    const first = left.find((target) => target !== undefined);
    if (first === undefined) throw new Error('a decision without any way through');
    let last = first;
    const kept = left.map((target) => (last = target ?? last));
    const result = graph.switch(variable, cuts, kept);
    done.set(key, result);
    return result;
  };
  return go(node, new Map());
}

/** Words that are tested under more than one mask, or under one that leaves bits out: not every number is what it makes of a word. */
function entangled(node: Node): ReadonlySet<number> {
  const masks = new Map<number, Set<number>>();
  const seen = new Set<Node>();
  const visit = (one: Node): void => {
    if (one.kind !== 'switch' || seen.has(one)) return;
    seen.add(one);
    const { offset, mask } = one.variable;
    masks.set(offset, (masks.get(offset) ?? new Set()).add(mask));
    for (const target of one.targets) visit(target);
  };
  visit(node);
  const isWhole = (found: ReadonlySet<number>) => found.size === 1 && found.has(0xffffffff);
  return new Set([...masks].filter(([, found]) => !isWhole(found)).map(([offset]) => offset));
}

/** Whether any call gets an answer that `isMeant` picks. The decision must be feasible. */
export function reaches(node: Node, isMeant: (value: number) => boolean): boolean {
  const seen = new Set<Node>();
  const visit = (one: Node): boolean => {
    if (one.kind === 'leaf') return isMeant(one.value);
    if (one.kind === 'cookie' || seen.has(one)) return false;
    seen.add(one);
    return one.targets.some(visit);
  };
  return visit(node);
}

/** All answers of a decision. */
export function valuesOf(node: Node): ReadonlySet<number> {
  const values = new Set<number>();
  reaches(node, (value) => {
    values.add(value);
    return false;
  });
  return values;
}
