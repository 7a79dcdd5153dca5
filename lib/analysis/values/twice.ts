// Functions whose calls come back twice, so that memory on the stack may have changed since: setjmp(3) and getcontext(3), known by
// what they do, for programs without symbols have them, too, and vfork(2), made by a function that is called.

import { functionAt, use } from '../code/code.ts';
import { sitesBetween } from '../code/tables.ts';
import { flow, found } from '../code/x86-64/lengths.ts';
import type { Module, Spot, World } from '../files/world.ts';
import { Kept } from '../kept.ts';
import { bodyOf, calleesOf, operationAt, readAt, targetsOfSlot } from './bodies.ts';

const twice = new Kept<Module, number, boolean>();

/** Whether a call at an address can come back twice. */
export function returnsTwice(world: World, module: Module, address: number): boolean {
  return calleesOf(world, module, address).some((callee) => comesBackTwice(world, callee));
}

/** Functions that jump to another at their end, and so on (glibc's setjmp, _setjmp and __sigsetjmp). Of more than these each can. */
const MAX_JUMPED = 100;
const keeping = new Kept<Module, number, boolean>();

function comesBackTwice(world: World, start: Spot): boolean {
  const index = functionAt(start.module.code, start.address);
  if (index < 0 || start.module.isSurface) return false;
  return twice.get(start.module, index, () => {
    const seen = new Set<number>();
    const queue = [start];
    for (let spot = queue.pop(); spot !== undefined; spot = queue.pop()) {
      const { module } = spot;
      const at = functionAt(module.code, spot.address);
      if (at < 0 || module.isSurface || seen.has(module.base + at)) continue;
      seen.add(module.base + at);
      if (seen.size > MAX_JUMPED || keeping.get(module, at, () => keepsRegisters(module, at))) return true;
      queue.push(...leavesBy(world, module, at));
    }
    return false;
  });
}

const RAX = 0;
const VFORK = 58n;
/** Registers that a function gives back and that code uses freely: RBX, R12 … R15. */
const kept = (1 << 3) | (0b1111 << 12);
const MOST_KEPT = 4;

/** Whether a function stores the registers that its caller had, otherwise than on the stack to restore them; or runs a child on
 * its caller's stack. */
function keepsRegisters(module: Module, index: number): boolean {
  let written = 0;
  let stored = 0;
  let number: bigint | undefined;
  for (const address of bodyOf(module, index).addresses) {
    const { kind, register, result, writes, store, stored: what } = operationAt(module.code, address);
    if (kind === 'syscall' && number === VFORK) return true;
    if (kind === 'plain' && typeof store === 'object' && what[0]?.kind === 'place') {
      const { place } = what[0];
      if (place.kind === 'register') stored |= (1 << place.register) & kept & ~written;
    }
    if (register === RAX) number = result[0]?.kind === 'constant' ? result[0].value : undefined;
    written |= writes;
  }
  return [...stored.toString(2)].filter((bit) => bit === '1').length >= MOST_KEPT;
}

/** Where a function jumps to that lies outside of it. */
function leavesBy(world: World, module: Module, index: number): readonly Spot[] {
  const { code } = module;
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const [first, behind] = sitesBetween(code.site, start, end);
  const places: Spot[] = [];
  for (let at = first; at < behind; at++) {
    const target = code.target[at]!;
    if (code.use[at] === use.jump && (target < start || target >= end))
      places.push({ module, address: target });
    else if (code.use[at] === use.through) {
      readAt(code, code.site[at]!);
      if (found.flow === flow.jumpIndirect) places.push(...targetsOfSlot(world, module, target));
    }
  }
  return places;
}
