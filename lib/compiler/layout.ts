// From a decision graph to instructions. The program is written from its end towards its start, so that the distance to
// every target is known when a jump is written: where a conditional jump would not reach (255), a copy of a RET or a JA
// is put next to it. What has been written once is jumped to again.

import * as op from '../bpf/instruction.ts';
import type { CookieTest, Node, Switch } from './graph.ts';
import { type Interval, searchTree, type Tree } from './tree.ts';

/** How much each part of the graph matters to its search trees. */
export interface Weights {
  /** Of interval `index` of a switch; above 0. */
  interval(node: Switch, index: number): number;
}

/** A place in the program, counted from its end. */
type Label = number;

/** What the accumulator holds on arrival: the plain word at this offset, or nothing of use. */
type Held = number | undefined;

/** The program for a graph. It may be longer than the kernel permits; the caller looks. */
export function layOut(root: Node, weights: Weights): op.Program {
  // reversed[0] is the program's last instruction.
  const reversed: op.Instruction[] = [];
  const returns = new Map<number, Label>();
  const written = new Map<string, Label>();
  /** The nearest place from which a label can be reached by a jump. */
  const relays = new Map<Label, Label>();

  const push = (one: op.Instruction): Label => reversed.push(one) - 1;

  /** A label for `target` that a conditional jump can still reach after two more instructions. */
  const reachable = (target: Label): Label => {
    const isNear = (label: Label) => reversed.length - label <= 253;
    if (isNear(target)) return target;
    const relay = relays.get(target);
    if (relay !== undefined && isNear(relay)) return relay;
    const there = reversed[target]!;
    const label = push(there.code === op.BPF_RET_K ? there : op.jump(reversed.length - target - 1));
    relays.set(target, label);
    return label;
  };

  const test = (code: number, k: number, yes: Label, no: Label, cookie?: number): Label => {
    const key = `${code},${k},${yes},${no},${cookie ?? ''}`;
    const known = written.get(key);
    if (known !== undefined) return known;
    const yesLabel = reachable(yes);
    const noLabel = reachable(no);
    const there = reversed.length - 1;
    const one = op.jumpIf(code, k, there - yesLabel, there - noLabel);
    const label = push(cookie === undefined ? one : { ...one, cookie });
    written.set(key, label);
    return label;
  };

  /** Puts an instruction that falls through to `next` before it. */
  const before = (one: op.Instruction, next: Label): Label => {
    if (next !== reversed.length - 1) {
      const there = reversed[next]!;
      const isTest = (there.code & 7) === 5 && there.code !== op.BPF_JMP_JA;
      const shift = reversed.length - next;
      if (isTest && there.jt + shift <= 255 && there.jf + shift <= 255) {
        push({ ...there, jt: there.jt + shift, jf: there.jf + shift });
      } else push(op.jump(reversed.length - next - 1));
    }
    return push(one);
  };

  const done = new Map<string, Label>();

  const write = (node: Node, held: Held): Label => {
    if (node.kind === 'leaf') {
      const known = returns.get(node.value);
      if (known !== undefined) return known;
      const label = push(op.ret(node.value));
      returns.set(node.value, label);
      return label;
    }
    const offset = node.kind === 'switch' ? node.variable.offset : node.offset;
    const isHeld = held === offset;
    const key = `${node.id}${isHeld ? 'h' : ''}`;
    const known = done.get(key);
    if (known !== undefined) return known;
    const label = node.kind === 'cookie' ? writeCookie(node, isHeld) : writeSwitch(node, isHeld);
    done.set(key, label);
    return label;
  };

  const writeCookie = (node: CookieTest, isHeld: boolean): Label => {
    const [yes, no] = both(
      () => write(node.yes, node.offset),
      () => write(node.no, node.offset),
      size(node.yes) > size(node.no),
    );
    const label = test(op.BPF_JMP_JEQ_K, 0, yes, no, node.word);
    return isHeld ? label : before(op.load(node.offset), label);
  };

  const writeSwitch = (node: Switch, isHeld: boolean): Label => {
    const { variable } = node;
    const bits = bitTest(node);
    if (bits !== undefined) {
      const [yes, no] = both(
        () => write(bits.set, variable.offset),
        () => write(bits.clear, variable.offset),
        size(bits.set) > size(bits.clear),
      );
      const label = test(op.BPF_JMP_JSET_K, bits.mask, yes, no);
      return isHeld ? label : before(op.load(variable.offset), label);
    }
    const intervals: Interval<Node>[] = node.cuts.map((start, index) => ({
      start,
      outcome: node.targets[index]!,
      weight: weights.interval(node, index),
    }));
    const isMasked = variable.mask !== 0xffffffff;
    const label = writeTree(searchTree(intervals), isMasked ? undefined : variable.offset);
    if (isMasked) {
      const masked = before(op.and(variable.mask), label);
      return isHeld ? masked : before(op.load(variable.offset), masked);
    }
    return isHeld ? label : before(op.load(variable.offset), label);
  };

  const writeTree = (tree: Tree<Node>, held: Held): Label => {
    if (tree.kind === 'outcome') return write(tree.outcome, held);
    const [yes, no] = both(
      () => writeTree(tree.yes, held),
      () => writeTree(tree.no, held),
      treeSize(tree.yes) > treeSize(tree.no),
    );
    return test(tree.test === 'ge' ? op.BPF_JMP_JGE_K : op.BPF_JMP_JEQ_K, tree.key, yes, no);
  };

  const start = write(root, undefined);
  if (start !== reversed.length - 1) push(op.jump(reversed.length - start - 1));
  return reversed.reverse();
}

/** A masked switch that asks no more than whether any bit of the mask is set is one JSET, which keeps the accumulator. */
function bitTest(node: Switch): { mask: number; set: Node; clear: Node } | undefined {
  const { variable, cuts, targets } = node;
  if (variable.mask === 0xffffffff || cuts.length !== 2) return undefined;
  const lowestBit = (variable.mask & -variable.mask) >>> 0;
  // The values under a mask are 0 and numbers from its lowest bit on; with one bit, only these two.
  if (cuts[1]! > lowestBit) return undefined;
  return { mask: variable.mask, clear: targets[0]!, set: targets[1]! };
}

/** Writes the larger part first, so that the smaller lies between the jump and it: the distances stay short. */
function both(yes: () => Label, no: () => Label, yesIsLarger: boolean): [Label, Label] {
  if (yesIsLarger) {
    const first = yes();
    return [first, no()];
  }
  const first = no();
  return [yes(), first];
}

const sizes = new WeakMap<Node, number>();

/** Roughly how many instructions a graph takes. */
function size(node: Node): number {
  if (node.kind === 'leaf') return 0;
  let known = sizes.get(node);
  if (known === undefined) {
    const targets = node.kind === 'switch' ? node.targets : [node.yes, node.no];
    known = 1 + targets.length + targets.reduce((sum, target) => sum + size(target), 0);
    sizes.set(node, known);
  }
  return known;
}

function treeSize(tree: Tree<Node>): number {
  return tree.kind === 'outcome' ? size(tree.outcome) : 1 + treeSize(tree.yes) + treeSize(tree.no);
}
