// What of a function can run whose bounds are not known: tables and strings may stand behind it.

import { firstFrom } from '../../elf/order.ts';
import { Kept, keptFor } from '../kept.ts';
import { type CodeFile, regionAt, use } from './code.ts';
import { flow, found, readInstruction, reference } from './x86-64/lengths.ts';

/** Addresses of a range, a bit for each. */
export class Marks {
  readonly #start: number;
  readonly #bits: Uint8Array;

  constructor(start: number, end: number) {
    this.#start = start;
    this.#bits = new Uint8Array(Math.ceil((end - start) / 8));
  }

  has(address: number): boolean {
    const at = address - this.#start;
    return at >= 0 && ((this.#bits[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }

  add(address: number): void {
    const at = address - this.#start;
    this.#bits[at >>> 3]! |= 1 << (at & 7);
  }
}

const live = new Kept<CodeFile, number, Marks | 'any'>();

/** The instructions of a function whose bounds are not known that control can come to; undefined: it may be any of them. Tables
 * and strings between such functions are then not taken for code. */
export function liveInstructions(code: CodeFile, index: number): Marks | undefined {
  if (code.functionIsKnown[index] === 1) return undefined;
  const known = live.get(code, index, () => findLive(code, index));
  return known === 'any' ? undefined : known;
}

function findLive(code: CodeFile, index: number): Marks | 'any' {
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const region = code.regions[regionAt(code, start)]!;
  const shift = region.offset! - region.start;
  const seen = new Marks(start, end);
  const queue = [start, ...jumpsInto(code, start, end)];
  for (let address = queue.pop(); address !== undefined; address = queue.pop()) {
    while (address >= start && address < end && !seen.has(address)) {
      seen.add(address);
      readInstruction(code.elf.bytes, address + shift, end + shift);
      const next: number = address + found.length;
      const where = found.flow;
      // Where a jump through a register goes is not known here: all of it counts.
      if (where === flow.jumpIndirect && found.reference !== reference.memory) return 'any';
      if (where === flow.jump || where === flow.branch) queue.push(next + found.target);
      if (
        where === flow.jump ||
        where === flow.jumpIndirect ||
        where === flow.return ||
        where === flow.stop ||
        where === flow.invalid
      )
        break;
      address = next;
    }
  }
  return seen;
}

/** Indices of a file's jumps, by where they lead. */
const jumpsByTarget = keptFor((code: CodeFile): readonly number[] => {
  const list: number[] = [];
  for (let at = 0; at < code.site.length; at++) if (code.use[at] === use.jump) list.push(at);
  return list.sort((a, b) => code.target[a]! - code.target[b]!);
});

/** Where jumps from elsewhere in the file enter a range. */
function jumpsInto(code: CodeFile, start: number, end: number): number[] {
  const order = jumpsByTarget(code);
  const targets: number[] = [];
  const first = firstFrom(order.length, (at) => code.target[order[at]!]! < start);
  for (let at = first; at < order.length && code.target[order[at]!]! < end; at++) {
    const site = code.site[order[at]!]!;
    if (site < start || site >= end) targets.push(code.target[order[at]!]!);
  }
  return targets;
}
