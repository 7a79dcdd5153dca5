// One function's instructions, and where control can go between them: what a question that is asked backwards walks over.
// Read when it is first needed, and kept.

import { relocationAt, relocationTypes } from '../../elf/relocations.ts';
import { type CodeFile, functionAt, lastNotAbove, offsetIn, padsOf, regionAt, use } from '../code/code.ts';
import { firstSite, MAX_TABLE, sitesBetween, slotOfStub, tableEntries } from '../code/tables.ts';
import { flow, found, readInstruction } from '../code/x86-64/lengths.ts';
import { type Operation, readOperation } from '../code/x86-64/operations.ts';
import { type Module, relocationTargets, type Spot, type World } from '../files/world.ts';
import { Kept, keptFor } from '../kept.ts';

export interface Body {
  readonly addresses: readonly number[];
  readonly positions: ReadonlyMap<number, number>;
  readonly fallsThrough: Uint8Array;
  /** Jumps and branches by where they lead. */
  readonly jumps: ReadonlyMap<number, readonly number[]>;
  readonly indirectJumps: readonly number[];
  readonly tableTargets: ReadonlySet<number>;
  readonly pads: ReadonlySet<number>;
  readonly neverReturns: boolean;
}

const bodies = new Kept<Module, number, Body>();

export const bodyOf = (module: Module, index: number): Body =>
  bodies.get(module, index, () => readBody(module, index));

const operations = new Kept<CodeFile, number, Operation>();

/** What the instruction at an address of the code does. */
export const operationAt = (code: CodeFile, address: number): Operation =>
  operations.get(code, address, () => readOperation(code.elf.bytes, offsetIn(code, address), address));

/** Length and flow of the instruction at an address, into `found`. */
export function readAt(code: CodeFile, address: number): void {
  const at = offsetIn(code, address);
  readInstruction(code.elf.bytes, at, Math.min(at + 15, code.elf.bytes.length));
}

function readBody(module: Module, index: number): Body {
  const { code } = module;
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const region = code.regions[regionAt(code, start)]!;
  const { bytes } = code.elf;
  const shift = region.offset! - region.start;
  const addresses: number[] = [];
  const positions = new Map<number, number>();
  const falls: number[] = [];
  let leaves = code.functionContinues[index + 1] === 1 || code.functionIsKnown[index] === 0;
  const jumps = new Map<number, number[]>();
  const indirectJumps: number[] = [];
  for (let address = start; address < end; ) {
    readInstruction(bytes, address + shift, end + shift);
    positions.set(address, addresses.length);
    addresses.push(address);
    const where = found.flow;
    const next = address + found.length;
    falls.push(
      where === flow.jump ||
        where === flow.jumpIndirect ||
        where === flow.return ||
        where === flow.stop ||
        where === flow.invalid
        ? 0
        : 1,
    );
    if (where === flow.jump || where === flow.branch) {
      const target = next + found.target;
      if (target < start || target >= end) leaves = true;
      const list = jumps.get(target);
      if (list === undefined) jumps.set(target, [address]);
      else list.push(address);
    }
    if (where === flow.return || where === flow.jumpIndirect || where === flow.invalid) leaves = true;
    if (where === flow.jumpIndirect) indirectJumps.push(address);
    address = next;
  }
  return {
    addresses,
    positions,
    fallsThrough: Uint8Array.from(falls),
    jumps,
    indirectJumps,
    tableTargets: indirectJumps.length > 0 ? targetsOfTables(module, start, end) : new Set(),
    pads: new Set(padsOf(code, index)),
    neverReturns: !leaves,
  };
}

/** Where the tables lead that the code of start … end names. */
function targetsOfTables(module: Module, start: number, end: number): ReadonlySet<number> {
  const { code } = module;
  const targets = new Set<number>();
  const [first, behind] = sitesBetween(code.site, start, end);
  for (let at = first; at < behind; at++) {
    const target = code.target[at]!;
    const kind = code.use[at]!;
    if (kind === use.address) for (const entry of tableEntries(module, target)) targets.add(entry);
    if (kind === use.address || kind === use.constant || kind === use.through)
      for (const entry of wordTable(code, target)) targets.add(entry);
    // The label of a computed goto.
    if (kind === use.address || kind === use.constant) targets.add(target);
  }
  return targets;
}

/** A table of whole addresses: in files at fixed addresses as they stand, in others by relocations. */
function wordTable(code: CodeFile, table: number): readonly number[] {
  const region = code.regions[regionAt(code, table)];
  if (region === undefined || region.isCode || region.offset === undefined) return [];
  const entries: number[] = [];
  for (let at = table; at + 8 <= region.end && entries.length < MAX_TABLE; at += 8) {
    let address = Number(code.elf.bytes.readBigUInt64LE(region.offset + (at - region.start)));
    if (!code.isFixed) {
      const index = relocationAt(code.relocations, at);
      if (index < 0 || code.relocations.type[index] !== relocationTypes.relative) break;
      address = code.relocations.addend[index]!;
    }
    if (code.regions[regionAt(code, address)]?.isCode !== true) break;
    entries.push(address);
  }
  return entries;
}

/** Where a call leads: into a function of the file, or through its linkage table into whatever the loader binds; empty: it
 * goes through a pointer. */
export function calleesOf(world: World, module: Module, address: number): readonly Spot[] {
  const { code } = module;
  readAt(code, address);
  if (found.flow === flow.callIndirect) {
    const at = firstSite(code.site, address);
    if (code.site[at] !== address || code.use[at] !== use.through) return [];
    return targetsOfSlot(world, module, code.target[at]!);
  }
  if (found.flow !== flow.call) return [];
  const target = address + found.length + found.target;
  const slot = slotOfStub(code, target);
  return slot === undefined ? [{ module, address: target }] : targetsOfSlot(world, module, slot);
}

export function targetsOfSlot(world: World, module: Module, slot: number): readonly Spot[] {
  const index = relocationAt(module.code.relocations, slot);
  if (index < 0 || module.code.relocations.type[index] === relocationTypes.irelative) return [];
  return relocationTargets(world, module, index);
}

/** Whether an instruction is a call that never comes back: every function that it can lead to has no return and no way out of
 * itself but by calls, which is looked at in its code alone. */
export function endsThere(world: World, module: Module, address: number): boolean {
  const callees = calleesOf(world, module, address);
  return (
    callees.length > 0 &&
    callees.every((callee) => {
      const { code } = callee.module;
      const index = functionAt(code, callee.address);
      if (callee.module.isSurface || index < 0 || code.functionStart[index] !== callee.address) return false;
      return code.functionIsKnown[index] === 1
        ? bodyOf(callee.module, index).neverReturns
        : hasNoWayOut(world, callee.module, index);
    })
  );
}

const MAX_DEPTH = 32;
let asking = 0;
const endless = new Kept<Module, number, boolean>();

/** The same of code whose bounds are not known, and in which other functions may stand behind the first: what control can come to
 * from its start. */
function hasNoWayOut(world: World, module: Module, index: number): boolean {
  const known = endless.of(module);
  let answer = known.get(index);
  if (answer === undefined) {
    // Who is asked while the question is open, or too deep within it, is taken to come back.
    known.set(index, false);
    if (asking >= MAX_DEPTH) return false;
    asking++;
    answer = !canLeave(world, module, index);
    asking--;
    known.set(index, answer);
  }
  return answer;
}

function canLeave(world: World, module: Module, index: number): boolean {
  const { code } = module;
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const seen = new Set<number>();
  const queue = [start];
  for (let address = queue.pop(); address !== undefined; address = queue.pop()) {
    if (address < start || address >= end) return true;
    if (seen.has(address)) continue;
    seen.add(address);
    readAt(code, address);
    const { flow: where, length, target } = found;
    if (where === flow.return || where === flow.jumpIndirect || where === flow.invalid) return true;
    if (where === flow.jump || where === flow.branch) queue.push(address + length + target);
    const goesOn =
      where !== flow.jump &&
      where !== flow.stop &&
      (where !== flow.call || !endsThere(world, module, address));
    if (goesOn) queue.push(address + length);
  }
  return false;
}

const byTarget = keptFor(({ code: { target } }: Module) => {
  const order = orderOf(target);
  return { order, target: Float64Array.from(order, (index) => target[index]!) };
});

/** The indices of a list by what stands there. Both in one whole number are sorted far faster than by a comparison: the index
 * in the low half, in the high one how far the number is from the least. */
function orderOf(list: Float64Array): Uint32Array {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const one of list) {
    if (one < least) least = one;
    if (one > most) most = one;
  }
  if (most - least > 0xffff_ffff)
    return Uint32Array.from(list, (_, index) => index).sort((a, b) => list[a]! - list[b]! || a - b);
  const keys = new BigUint64Array(list.length);
  const halves = new Uint32Array(keys.buffer);
  for (let index = 0; index < list.length; index++) {
    halves[2 * index] = index;
    halves[2 * index + 1] = list[index]! - least;
  }
  keys.sort();
  return Uint32Array.from(list, (_, index) => halves[2 * index]!);
}

/** Indices of the references that name an address. */
export function referencesTo(module: Module, address: number): readonly number[] {
  const { order, target } = byTarget(module);
  const list: number[] = [];
  for (let at = lastNotAbove(target, address); at >= 0 && target[at] === address; at--) list.push(order[at]!);
  return list;
}

/** Indices of the references that name an address of start … end, the last not among them. */
export function referencesBetween(module: Module, start: number, end: number): readonly number[] {
  const { order, target } = byTarget(module);
  return [...order.subarray(firstSite(target, start), firstSite(target, end))];
}
