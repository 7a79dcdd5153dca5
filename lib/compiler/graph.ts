// The decision graph: what a policy decides, as shared nodes that test 32-bit words of seccomp_data. A switch node cuts the
// values of one word (under one mask) into intervals, each leading to a node; a leaf is an answer. Nodes are hash-consed,
// so equal work is done once and equal nodes are the same object. All graphs test words in one order, which is what makes
// combining two of them simple (as with binary decision diagrams).

import { MAX_CUTS, MAX_WORK, NODE_WORK, tooLarge } from './limits.ts';

/** One word of seccomp_data under a mask: the graph's variable. `offset` in bytes. */
export interface Variable {
  readonly offset: number;
  readonly mask: number;
  /** Position in the order of tests; equal variables have equal positions. */
  readonly order: number;
}

export interface Leaf {
  readonly kind: 'leaf';
  readonly id: number;
  /** SECCOMP_RET_ value; or, inside conditions, 0 for false and 1 for true. */
  readonly value: number;
}

/** Values from cuts[i] up to the next cut lead to targets[i]; cuts[0] is 0, neighbours differ. */
export interface Switch {
  readonly kind: 'switch';
  readonly id: number;
  readonly variable: Variable;
  readonly cuts: readonly number[];
  readonly targets: readonly Node[];
}

/** Compares one word of args[3], args[4] or args[5] with the launch's cookie, unknown until the launch. */
export interface CookieTest {
  readonly kind: 'cookie';
  readonly id: number;
  readonly offset: number;
  /** Cookie word, 0…5. */
  readonly word: number;
  readonly yes: Node;
  readonly no: Node;
}

export type Node = Leaf | Switch | CookieTest;

/** The maker and keeper of nodes for one compilation. */
export class Graph {
  readonly #nodes = new Map<string, Node>();
  /** The same leaves by value: they are asked for once for every call. */
  readonly #leaves = new Map<number, Leaf>();
  /** Cuts of all switches made so far. */
  #work = 0;
  readonly no = this.leaf(0);
  readonly yes = this.leaf(1);

  leaf(value: number): Leaf {
    let leaf = this.#leaves.get(value);
    if (leaf === undefined) {
      leaf = this.#intern(`=${value}`, (id): Leaf => ({ kind: 'leaf', id, value })) as Leaf;
      this.#leaves.set(value, leaf);
    }
    return leaf;
  }

  /** Neighbours with the same target are joined; a switch with one target is that target. `cuts` ascend from 0. */
  switch(variable: Variable, cuts: readonly number[], targets: readonly Node[]): Node {
    const ownCuts: number[] = [];
    const ownTargets: Node[] = [];
    for (let i = 0; i < cuts.length; i++) {
      if (ownTargets.at(-1) === targets[i]) continue;
      ownCuts.push(cuts[i]!);
      ownTargets.push(targets[i]!);
    }
    if (ownTargets.length === 1) return ownTargets[0]!;
    this.#work += NODE_WORK + ownCuts.length;
    if (ownCuts.length > MAX_CUTS || this.#work > MAX_WORK) throw tooLarge();
    let key = `${variable.offset}&${variable.mask}`;
    for (let i = 0; i < ownCuts.length; i++) key += `;${ownCuts[i]!}>${ownTargets[i]!.id}`;
    return this.#intern(key, (id) => ({ kind: 'switch', id, variable, cuts: ownCuts, targets: ownTargets }));
  }

  /** `yes` where the variable's value lies in the intervals (low, high, low, high …), else `no`. */
  within(variable: Variable, intervals: readonly number[], yes: Node, no: Node): Node {
    const cuts: number[] = [];
    const targets: Node[] = [];
    if (intervals[0] !== 0) {
      cuts.push(0);
      targets.push(no);
    }
    for (let i = 0; i < intervals.length; i += 2) {
      cuts.push(intervals[i]!);
      targets.push(yes);
      const end = intervals[i + 1]!;
      if (end < 0xffffffff) {
        cuts.push(end + 1);
        targets.push(no);
      }
    }
    return this.switch(variable, cuts, targets);
  }

  cookie(offset: number, word: number, yes: Node, no: Node): Node {
    return this.#intern(`c${word};${offset};${yes.id};${no.id}`, (id) => ({
      kind: 'cookie',
      id,
      offset,
      word,
      yes,
      no,
    }));
  }

  not(condition: Node): Node {
    return this.choose(condition, this.no, this.yes);
  }

  and(a: Node, b: Node): Node {
    return this.choose(a, b, this.no);
  }

  or(a: Node, b: Node): Node {
    return this.choose(a, this.yes, b);
  }

  /** `of` combined by `join` pairwise, in a balanced way: a thousand values of one argument are joined in ten rounds. */
  reduce(of: readonly Node[], join: (a: Node, b: Node) => Node, empty: Node): Node {
    let round = of;
    while (round.length > 1) {
      const next: Node[] = [];
      for (let i = 0; i < round.length; i += 2)
        next.push(i + 1 < round.length ? join(round[i]!, round[i + 1]!) : round[i]!);
      round = next;
    }
    return round[0] ?? empty;
  }

  /** Where `condition` (a graph with leaves yes and no) holds, `then`, else `otherwise`. */
  choose(condition: Node, then: Node, otherwise: Node): Node {
    return this.#choose(condition, then, otherwise, new Map());
  }

  #choose(condition: Node, then: Node, otherwise: Node, done: Map<string, Node>): Node {
    if (condition === this.yes) return then;
    if (condition === this.no) return otherwise;
    if (then === otherwise) return then;
    const key = `${condition.id},${then.id},${otherwise.id}`;
    const known = done.get(key);
    if (known !== undefined) return known;
    const variable = first(first(variableOf(condition), variableOf(then)), variableOf(otherwise))!;
    const parts = [condition, then, otherwise].map((node) => partsOf(node, variable));
    const cuts = mergedCuts(parts.map((part) => part.cuts));
    const at = [0, 0, 0];
    const targets = cuts.map((cut) => {
      const [c, t, o] = parts.map((part, i) => {
        while (at[i]! + 1 < part.cuts.length && part.cuts[at[i]! + 1]! <= cut) at[i]!++;
        return part.targets[at[i]!]!;
      });
      return this.#choose(c!, t!, o!, done);
    });
    const result = this.switch(variable, cuts, targets);
    done.set(key, result);
    return result;
  }

  /** The graph whose answers are those of `a` and `b` put together: `join` gives the leaf's value. */
  zip(a: Node, b: Node, join: (a: number, b: number) => number): Node {
    const done = new Map<string, Node>();
    const go = (one: Node, other: Node): Node => {
      if (one.kind === 'leaf' && other.kind === 'leaf') return this.leaf(join(one.value, other.value));
      const key = `${one.id},${other.id}`;
      const known = done.get(key);
      if (known !== undefined) return known;
      const variable = first(variableOf(one), variableOf(other))!;
      const [left, right] = [partsOf(one, variable), partsOf(other, variable)];
      const cuts = mergedCuts([left.cuts, right.cuts]);
      let [i, j] = [0, 0];
      const targets = cuts.map((cut) => {
        while (i + 1 < left.cuts.length && left.cuts[i + 1]! <= cut) i++;
        while (j + 1 < right.cuts.length && right.cuts[j + 1]! <= cut) j++;
        return go(left.targets[i]!, right.targets[j]!);
      });
      const result = this.switch(variable, cuts, targets);
      done.set(key, result);
      return result;
    };
    return go(a, b);
  }

  /** The same decisions with other answers. */
  map(node: Node, change: (value: number) => number): Node {
    return this.zip(node, this.no, change);
  }

  #intern(key: string, make: (id: number) => Node): Node {
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = make(this.#nodes.size);
      this.#nodes.set(key, node);
    }
    return node;
  }
}

function variableOf(node: Node): Variable | undefined {
  if (node.kind === 'cookie') throw new Error('a cookie test stands above all others and is never combined');
  return node.kind === 'switch' ? node.variable : undefined;
}

function first(a: Variable | undefined, b: Variable | undefined): Variable | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.order <= b.order ? a : b;
}

const start = [0];

function partsOf(node: Node, variable: Variable): { cuts: readonly number[]; targets: readonly Node[] } {
  if (node.kind === 'switch' && node.variable.order === variable.order) return node;
  return { cuts: start, targets: [node] };
}

function mergedCuts(lists: readonly (readonly number[])[]): readonly number[] {
  const long = lists.filter((cuts) => cuts.length > 1);
  if (long.length === 0) return start;
  if (long.length === 1) return long[0]!;
  return [...new Set(long.flat())].sort((a, b) => a - b);
}
