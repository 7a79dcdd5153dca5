// Where an address goes after an instruction has put it into a register: whether it can get into memory or anywhere else that
// is not followed, or is only compared, called, or handed to functions that do no more. Followed through registers, slots of the
// stack, and parameters. Taken from the ABI: registers hold parameters 1 to 6, the value returned is in rax, and a caller's frame is
// not touched but through an address that it gave away (System V ABI for x86-64, 3.2).

import { STT_GNU_IFUNC } from '../../elf/dynamic.ts';
import { relocationAt, relocationTypes } from '../../elf/relocations.ts';
import { functionAt, offsetIn, padsOf, regionAt, use } from '../code/code.ts';
import { sitesBetween, tableEntries } from '../code/tables.ts';
import { follow, type Held, stackAddress, stackRead, writtenBy } from '../code/x86-64/flow.ts';
import { flow, found, reference } from '../code/x86-64/lengths.ts';
import { takenAt } from '../code/x86-64/naming.ts';
import { type Module, relocationTargets, type Spot, type World } from '../files/world.ts';
import { Kept, keptFor } from '../kept.ts';
import { endsThere, readAt } from '../values/bodies.ts';
import { isCopied, parametersAt, wordCalled } from '../values/nearby.ts';

export interface Flight {
  /** It can be anywhere afterwards. */
  readonly escapes: boolean;
  /** Memory at it is read or written, beside calls through it. */
  readonly isUsed: boolean;
  /** An index is added to it, or it is counted up or down. */
  readonly isMoved: boolean;
  /** The function returns it, where that is no escape. */
  readonly isReturned: boolean;
  /** Calls and jumps to it, and calls that hand it to a function that does so. */
  readonly calls: readonly (Spot & { readonly isItself: boolean })[];
}

const lost: Flight = { escapes: true, isUsed: true, isMoved: true, isReturned: true, calls: [] };
const RAX = 0;
const parameters = [7, 6, 2, 1, 8, 9];
const callerSaved = [0, 1, 2, 6, 7, 8, 9, 10, 11];
const MAX_DEPTH = 8;
const POINTER = 8;
const MAX_STEPS = 20_000;
/** What needs more is taken to walk: that can only add. */
const MAX_WALK = 1000;

/** What becomes of the address that the instruction at `site` puts into `register`. */
export function flightFrom(
  world: World,
  module: Module,
  site: number,
  register: number,
  pointee: Pointee,
): Flight {
  const { isData } = pointee;
  if (functionAt(module.code, site) < 0) return lost;
  readAt(module.code, site);
  const { length } = found;
  const { after } = follow(
    module.code.elf.bytes,
    offsetIn(module.code, site),
    site,
    stackAt(module, site),
    isData,
  );
  return walk(world, module, site + length, { ...after, registers: 1 << register }, pointee, 0);
}

/** What becomes of an address that stands in the registers and slots of `held` before an instruction. */
export function flightOf(world: World, { module, address }: Spot, held: Held, pointee: Pointee): Flight {
  if (functionAt(module.code, address) < 0) return lost;
  if (held.slots.length > 0 && !areHidden(module, address, held)) return lost;
  return walk(world, module, address, held, pointee, 0);
}

/** Where the stack stands before an instruction. */
export function stackAt(module: Module, site: number): Held {
  const index = functionAt(module.code, site);
  const known = index < 0 ? undefined : stacksOf(module, index).get(site);
  return { ...(known ?? { stack: undefined, frame: undefined }), registers: 0, slots: [] };
}

/** What the pointer that is followed points to. */
export interface Pointee {
  readonly isData: boolean;
  /** A function's address: so it is known what a call of the pointer runs. */
  readonly self?: Spot;
  /** The function that takes it may return it. */
  readonly mayBeReturned?: boolean;
  /** Of data: gets what is read through it, 8 bytes in a register, and where the code goes on then. Without it they are not asked for;
   * with it the pointer is lost where what it leads to could get anywhere else. */
  readonly reads?: (next: Spot, content: Held) => void;
}

const walks = new Kept<Module, number, boolean>();

/** Whether the function that takes the address of data at `site` itself adds an index to it or counts it up or down. A compiler
 * may have folded a constant into such an address, so that it lies beside its object; an address that leaves the function does not. */
export function isWalkedFrom(module: Module, site: number, register: number): boolean {
  return walks.get(module, site, () => findWalk(module, site, register));
}

function findWalk(module: Module, site: number, register: number): boolean {
  const { code } = module;
  const states = new Map<number, Held>();
  const queue: number[] = [];
  const go = (to: number, held: Held) => {
    if (held.registers === 0 && held.slots.length === 0) return;
    if (code.regions[regionAt(code, to)]?.isCode !== true) return;
    const merged = merge(states.get(to), held);
    if (merged === undefined) return;
    states.set(to, merged);
    queue.push(to);
  };
  readAt(module.code, site);
  // Where the stack stands does not matter here; the frame is taken to be another piece of it.
  go(site + found.length, { registers: 1 << register, slots: [], stack: 0, frame: 2 ** 40 });
  const unwound = unwinding(module);
  let steps = MAX_WALK;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (steps-- === 0) return true;
    const held = states.get(at)!;
    readAt(module.code, at);
    const { length, target, flow: where } = found;
    const next = at + length;
    if (where === flow.jump || where === flow.branch) go(next + target, held);
    if (where === flow.branch || where === flow.syscall) go(next, held);
    if (where === flow.call || where === flow.callIndirect) {
      const kept = where === flow.call ? clobbered(module, next + target) : callerSaved;
      for (const [pad, there] of unwound(at, held)) go(pad, there);
      go(next, without(held, kept));
    }
    if (where === flow.jumpIndirect) for (const to of tableOf(module, at)) go(to, held);
    if (where !== flow.next && where !== flow.callIndirect && where !== flow.jumpIndirect) continue;
    const effect = follow(code.elf.bytes, offsetIn(code, at), at, held, true);
    if (effect.isMoved) return true;
    if (where === flow.next) go(next, effect.after);
  }
  return false;
}

function flightOfParameter(
  world: World,
  spot: Spot,
  register: number,
  pointee: Pointee,
  depth: number,
): Flight {
  const { module, address } = spot;
  const index = functionAt(module.code, address);
  // Which function a choosing one chooses is not known.
  if (depth > MAX_DEPTH || module.isSurface || index < 0 || choosersOf(module).has(address)) return lost;
  const start: Held = { registers: 1 << register, slots: [], stack: 0, frame: undefined };
  return walk(world, module, address, start, pointee, depth);
}

/** Follows one pointer until it is gone on all ways. */
function walk(
  world: World,
  module: Module,
  address: number,
  start: Held,
  pointee: Pointee,
  depth: number,
): Flight {
  const { isData } = pointee;
  const { code } = module;
  if (code.regions[regionAt(code, address)]?.isCode !== true) return lost;
  const states = new Map<number, Held>([[address, start]]);
  const queue = [address];
  const calls: (Spot & { isItself: boolean })[] = [];
  let isUsed = false;
  let isMoved = false;
  let isReturned = false;
  const unwound = unwinding(module);
  let steps = MAX_STEPS;
  const go = (to: number, held: Held): boolean => {
    if (held.registers === 0 && held.slots.length === 0) return true;
    if (code.regions[regionAt(code, to)]?.isCode !== true) return false;
    const merged = merge(states.get(to), held);
    if (merged === undefined) return true;
    if (merged.slots.length > 0 && !areHidden(module, to, merged)) return false;
    states.set(to, merged);
    queue.push(to);
    return true;
  };
  /** Hands on what stands in the registers of parameters; false: it is lost. */
  const hand = (site: number, held: Held, targets: readonly Spot[] | undefined): boolean => {
    for (const register of parameters) {
      if (((held.registers >>> register) & 1) === 0) continue;
      if (targets === undefined || targets.length === 0) return false;
      for (const target of targets) {
        const inner = flightOfParameter(world, target, register, pointee, depth + 1);
        if (inner.escapes) return false;
        isUsed ||= inner.isUsed;
        isMoved ||= inner.isMoved;
        if (inner.calls.length > 0) calls.push({ module, address: site, isItself: false }, ...inner.calls);
      }
    }
    // Parameters beyond the sixth stand on the stack, above the return address; what the function reads itself is none.
    const own = readsOf(module, functionAt(code, site));
    return held.slots.every((slot) => {
      const place = slot - (held.stack! - 8);
      if (place < 8 || own.has(slot)) return true;
      if (targets === undefined || targets.length === 0) return place >= MAX_PARAMETERS;
      return targets.every((target) => !readsParameter(target, place));
    });
  };
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (steps-- === 0) return lost;
    const held = states.get(at)!;
    const offset = offsetIn(code, at);
    readAt(module.code, at);
    const { length, target, flow: where, displacement } = found;
    const isThrough = found.reference === reference.memory;
    const next = at + length;
    if (where === flow.invalid || where === flow.foreign) return lost;
    if (where === flow.stop) continue;
    if (where === flow.syscall) {
      // The kernel reads and writes memory, and keeps no address of code that stands in a register.
      if (isData && parametersAt(module, at).some((register) => ((held.registers >>> register) & 1) === 1))
        return lost;
      if (!go(next, without(held, [0, 1, 11]))) return lost;
      continue;
    }
    if (where === flow.jump || where === flow.branch) {
      const to = next + target;
      const isOut = functionAt(code, to) !== functionAt(code, at);
      // Another part of the function, whose use of the stack is not looked at; at its end a function that takes over.
      if (isOut && held.stack !== 0 && held.slots.length > 0) return lost;
      if (!go(to, isOut ? { ...held, slots: [], frame: undefined } : held)) return lost;
      if (where === flow.branch && !go(next, held)) return lost;
      continue;
    }
    if (where === flow.return) {
      if (((held.registers >>> RAX) & 1) === 0) continue;
      if (pointee.mayBeReturned !== true || depth > 0) return lost;
      isReturned = true;
      continue;
    }
    const effect = follow(code.elf.bytes, offset, at, held, isData);
    if (effect.escapes) return lost;
    if (effect.isUsed && pointee.reads !== undefined) {
      const taken = takenAt(code.elf.bytes, offset, at);
      if (taken === undefined || (taken.size < POINTER && isCopied(module, next, taken.register)))
        return lost;
      if (taken.size === POINTER)
        pointee.reads(
          { module, address: next },
          { ...effect.after, registers: 1 << taken.register, slots: [] },
        );
    }
    isUsed ||= effect.isUsed;
    isMoved ||= effect.isMoved;
    if (effect.isCalled) calls.push({ module, address: at, isItself: true });
    if (where === flow.call) {
      const spot = { module, address: next + target };
      if (!hand(at, held, [spot])) return lost;
      if (!unwound(at, held).every(([pad, there]) => go(pad, there))) return lost;
      if (endsThere(world, module, at)) continue;
      if (!go(next, without(held, clobbered(module, spot.address)))) return lost;
    } else if (where === flow.callIndirect || where === flow.jumpIndirect) {
      // What is called gets its parameters, too; what it is called with is not the pointer itself.
      const itself = effect.isCalled && pointee.self !== undefined ? [pointee.self] : undefined;
      const word = isThrough ? next + displacement : wordCalled(module, at);
      const targets = itself ?? (word === undefined ? undefined : wordTargets(world, module, word));
      const isTable = where === flow.jumpIndirect && word === undefined && !effect.isCalled;
      const table = isTable ? tableOf(module, at) : undefined;
      if (table !== undefined && table.length > 0) {
        if (!table.every((to) => go(to, held))) return lost;
        continue;
      }
      // A symbol that nothing defines is not called.
      if (targets?.length !== 0 && !hand(at, held, targets)) return lost;
      if (where === flow.jumpIndirect) continue;
      if (!unwound(at, held).every(([pad, there]) => go(pad, there))) return lost;
      if (!go(next, without(held, callerSaved))) return lost;
    } else if (!go(next, effect.after)) return lost;
  }
  return { escapes: false, isUsed, isMoved, isReturned, calls };
}

const MAX_PARAMETERS = 8 * 16;
const reads = new Kept<Module, number, ReadonlySet<number>>();

/** Whether a function reads a word of the stack above its return address; `place` counts from there, which is 0. */
function readsParameter({ module, address }: Spot, place: number): boolean {
  const index = functionAt(module.code, address);
  return module.isSurface || index < 0 || readsOf(module, index).has(place);
}

/** The words of the stack that a function reads, from its return address on, which is 0. */
function readsOf(module: Module, index: number): ReadonlySet<number> {
  return reads.get(module, index, () => {
    const places = new Set<number>();
    for (const [at, held] of stacksOf(module, index)) {
      const read = stackRead(module.code.elf.bytes, offsetIn(module.code, at), at, held);
      if (read !== undefined) places.add(read);
    }
    return places;
  });
}

const openings = new Kept<Module, number, number>();

/** Whether no address that the function gives away leads to the slots: structures begin at the address that is given. */
function areHidden(module: Module, address: number, held: Held): boolean {
  const index = functionAt(module.code, address);
  if (index < 0 || held.stack === undefined) return false;
  const opening = openings.get(module, index, () => openingOf(module, index));
  return held.slots.every((slot) => slot < opening);
}

/** The lowest address of its stack that a function gives away; Infinity: none. */
function openingOf(module: Module, index: number): number {
  const { code } = module;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [at, held] of stacksOf(module, index)) {
    readAt(module.code, at);
    const { flow: where, length, target } = found;
    const to = at + length + target;
    // Into another part of it: what that does with the stack is not looked at.
    const isOut =
      (where === flow.jump || where === flow.branch) &&
      (to < code.functionStart[index]! || to >= code.functionEnd[index]!);
    if (isOut && held.stack !== 0) return Number.NEGATIVE_INFINITY;
    const given = stackAddress(code.elf.bytes, offsetIn(code, at), at, held);
    if (given !== undefined) lowest = Math.min(lowest, given);
  }
  return lowest;
}

/** undefined: nothing new. */
function merge(old: Held | undefined, fresh: Held): Held | undefined {
  if (old === undefined) return fresh;
  const registers = old.registers | fresh.registers;
  const slots = fresh.slots.every((one) => old.slots.includes(one))
    ? old.slots
    : [...new Set([...old.slots, ...fresh.slots])];
  const stack = old.stack === fresh.stack ? old.stack : undefined;
  const frame = old.frame === fresh.frame ? old.frame : undefined;
  return registers === old.registers &&
    slots.length === old.slots.length &&
    stack === old.stack &&
    frame === old.frame
    ? undefined
    : { registers, slots, stack, frame };
}

function without(held: Held, registers: readonly number[]): Held {
  return { ...held, registers: registers.reduce((left, one) => left & ~(1 << one), held.registers) };
}

const stacks = new Kept<Module, number, ReadonlyMap<number, Held>>();

/** Where the stack stands at each instruction of a function, as far as ways lead there from its beginning. */
const stacksOf = (module: Module, index: number) =>
  stacks.get(module, index, () => findStacks(module, index));

function findStacks(module: Module, index: number): ReadonlyMap<number, Held> {
  const { code } = module;
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const states = new Map<number, Held>([[start, { registers: 0, slots: [], stack: 0, frame: undefined }]]);
  const queue = [start];
  const go = (to: number, held: Held) => {
    if (to < start || to >= end) return;
    const merged = merge(states.get(to), held);
    if (merged === undefined) return;
    states.set(to, merged);
    queue.push(to);
  };
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const held = states.get(at)!;
    readAt(module.code, at);
    const { length, target, flow: where } = found;
    const next = at + length;
    if (where === flow.jump || where === flow.branch) go(next + target, held);
    if (where === flow.jumpIndirect) for (const to of tableOf(module, at)) go(to, held);
    if (where === flow.call || where === flow.callIndirect || where === flow.syscall || where === flow.branch)
      go(next, held);
    if (where === flow.next) go(next, follow(code.elf.bytes, offsetIn(code, at), at, held, false).after);
  }
  return states;
}

/** Where a jump through a register can lead within its function: to what tables named in the function hold. */
function tableOf(module: Module, at: number): readonly number[] {
  const { code } = module;
  const index = functionAt(code, at);
  const start = code.functionStart[index]!;
  const end = code.functionEnd[index]!;
  const entries = new Set<number>();
  const [first, behind] = sitesBetween(code.site, start, end);
  for (let site = first; site < behind; site++) {
    if (code.use[site] !== use.address) continue;
    for (const entry of tableEntries(module, code.target[site]!))
      if (entry >= start && entry < end) entries.add(entry);
  }
  return [...entries];
}

/** Where the unwinder can go on from calls, asked call by call: only what is new, for a function can have hundreds of both. */
function unwinding({ code }: Module): (at: number, held: Held) => readonly (readonly [number, Held])[] {
  const known = new Map<number, Held>();
  return (at, held) => {
    const index = functionAt(code, at);
    const merged = index < 0 ? undefined : merge(known.get(index), held);
    if (merged === undefined) return [];
    known.set(index, merged);
    return padsOf(code, index).map((pad) => [pad, merged]);
  };
}

/** What the word that a call goes through can hold when the loader has filled it; undefined: not known. */
function wordTargets(world: World, module: Module, place: number): readonly Spot[] | undefined {
  const { relocations, regions } = module.code;
  // Only words that nobody writes but the loader.
  if (regions[regionAt(module.code, place)]?.isSlots !== true) return undefined;
  const index = relocationAt(relocations, place);
  return index < 0 ? undefined : relocationTargets(world, module, index);
}

/** Functions that the loader runs to choose others (ifunc). */
const choosersOf = keptFor(({ code }: Module): ReadonlySet<number> => {
  const { relocations, dynamic } = code;
  const list = new Set<number>();
  for (const symbol of dynamic?.symbols ?? [])
    if (symbol.defined && symbol.type === STT_GNU_IFUNC) list.add(symbol.address);
  for (let index = 0; index < relocations.count; index++)
    if (relocations.type[index] === relocationTypes.irelative) list.add(relocations.addend[index]!);
  return list;
});

const clobbers = new Kept<Module, number, readonly number[]>();

/** Registers whose value a caller cannot rely on after a direct call: a compiler may keep values over a call in registers that it
 * has seen the callee leave alone (gcc -fipa-ra). */
const clobbered = (module: Module, address: number) =>
  clobbers.get(module, address, () => findClobbered(module, address));

function findClobbered(module: Module, address: number): readonly number[] {
  const { code } = module;
  const index = functionAt(code, address);
  const all = callerSaved.reduce((sum, one) => sum | (1 << one), 0);
  let written = 0;
  if (index >= 0) {
    const end = code.functionEnd[index]!;
    for (let at = code.functionStart[index]!; at < end && (written & all) !== all; ) {
      readAt(module.code, at);
      const { flow: where, length } = found;
      const isOpen = where === flow.callIndirect || where === flow.jumpIndirect;
      written |= isOpen ? all : writtenBy(code.elf.bytes, offsetIn(code, at));
      at += Math.max(length, 1);
    }
  }
  return callerSaved.filter((one) => ((written >>> one) & 1) === 1);
}
