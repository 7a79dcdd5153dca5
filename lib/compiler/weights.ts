// How often each answer is assumed to be wanted, which is what the search trees are built for. Every allowed call counts
// alike, and so does every permitted value of an argument; refusals hardly count, but enough to keep them balanced. A call
// whose arguments are checked counts double: the kernel answers the unconditional ones from its bitmap and runs
// the filter for these alone.

import { OFFSET_ARCH, OFFSET_NR } from '../bpf/instruction.ts';
import type { Node, Switch } from './graph.ts';
import type { Weights } from './layout.ts';

const REFUSED = 1e-4;
const CHECKED_CALL = 2;
/** A range of permitted values counts as this many at the most. */
const RANGE = 16;
const NATIVE = 1000;

/** `nativeArch` is tested for first; `isCall` tells which numbers are calls at all. */
export function weightsFor(nativeArch: number, isCall: (nr: number) => boolean): Weights {
  const known = new WeakMap<Node, number>();

  const ofNode = (node: Node): number => {
    if (node.kind === 'leaf') return isPermitted(node.value) ? 1 : REFUSED;
    let weight = known.get(node);
    if (weight === undefined) {
      weight =
        node.kind === 'cookie'
          ? ofNode(node.no)
          : node.targets.reduce((sum, _, index) => sum + ofInterval(node, index), 0);
      known.set(node, weight);
    }
    return weight;
  };

  const ofInterval = (node: Switch, index: number): number => {
    const start = node.cuts[index]!;
    const end = node.cuts[index + 1] ?? 2 ** 32;
    const target = node.targets[index]!;
    if (target.kind === 'leaf' && !isPermitted(target.value)) return REFUSED;
    if (node.variable.offset === OFFSET_ARCH) return start <= nativeArch && nativeArch < end ? NATIVE : 1;
    if (node.variable.offset !== OFFSET_NR) return Math.min(end - start, RANGE) * ofNode(target);
    let calls = 0;
    for (let nr = start; nr < Math.min(end, start + 1024); nr++) if (isCall(nr)) calls++;
    const each = target.kind === 'leaf' ? 1 : ofNode(target) < 1 ? REFUSED : CHECKED_CALL;
    return Math.max(calls * each, REFUSED);
  };

  return { interval: ofInterval };
}

/** allow and log let the call go on. */
function isPermitted(value: number): boolean {
  return value >= 0x7ffc0000 && value <= 0x7fff0000;
}
