// Which constants a register can hold at an instruction: asked backwards, through all ways that lead there, within the
// function and, where the value is a parameter, through every reached caller. What cannot be followed makes the answer
// "unknown" with the place where it was lost; no answer is ever narrower than the code.

import { firstRelocation, relocationTypes } from '../elf/relocations.ts';
import { type CodeFile, functionAt, lastNotAbove, padsOf, regionAt, use } from './code.ts';
import { firstSite, isReached, type Reach, tableEntries } from './reach.ts';
import { type Module, relocationTargets, type Spot } from './world.ts';
import { flow, found, readInstruction, reference } from './x86-64/lengths.ts';
import { type Place, RSP, type Source, type Step, sourcesOf, storedRegister } from './x86-64/operations.ts';

export interface Lost extends Spot {
  readonly why: string;
}

export interface Values {
  readonly constants: ReadonlySet<number>;
  /** Where other values may come from; empty: there are none. */
  readonly lost: readonly Lost[];
  /** The function's address is taken: the constants at calls through pointers, in the files that take it, are among the
   * values, and nothing says that there are no others. */
  readonly isThroughPointer: boolean;
}

/** States that are looked at for one question. What needs more has a loop that changes the value, or very many callers. */
const BUDGET = 20_000;
const MAX_LOST = 8;

interface State extends Spot {
  readonly place: Place;
  /** From here to the question: applied last to first. */
  readonly steps: readonly Step[];
  /** On a way that leads through a pointer: what cannot be followed there says nothing. */
  readonly isGuess: boolean;
}

/** What `register` (RAX 0 …) can hold just before the instruction at `spot`. */
export function valuesBefore(reach: Reach, spot: Spot, register: number): Values {
  const constants = new Set<number>();
  const lost: Lost[] = [];
  const seen = new Set<string>();
  const queue: State[] = [{ ...spot, place: { kind: 'register', register }, steps: [], isGuess: false }];
  let isThroughPointer = false;
  const lose = (where: Spot & { isGuess?: boolean }, why: string) => {
    if (where.isGuess !== true) lost.push({ module: where.module, address: where.address, why });
  };
  let left = BUDGET;
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    if (lost.length >= MAX_LOST) break;
    if (left-- === 0) {
      lose(state, 'too many ways lead here');
      break;
    }
    const key = `${state.isGuess} ${state.module.index} ${state.address} ${placeKey(state.place)} ${state.steps.map((step) => step.name).join()}`;
    if (seen.has(key)) continue;
    seen.add(key);
    for (const before of predecessors(reach, state)) {
      if (typeof before === 'string') {
        lose(state, before);
        continue;
      }
      const { module, address } = before;
      const isGuess = state.isGuess || before.isGuess === true;
      if (isGuess) isThroughPointer = true;
      // A call that is the way into a function has pushed its return address: slots lie 8 bytes lower in the caller.
      const place = before.isCall === true ? afterCall(state.place) : state.place;
      if (place === undefined) {
        lose(state, 'the return address');
        continue;
      }
      const next = (to: Place, step?: Step) =>
        queue.push({
          module,
          address,
          isGuess,
          place: to,
          steps: step === undefined ? state.steps : [...state.steps, step],
        });
      if (before.isCall === true || before.isJump === true) {
        next(place);
        continue;
      }
      for (const source of at(module.code, address, place)) {
        if (source.kind === 'place') next(source.place, source.step);
        else if (source.kind === 'constant') constants.add(applied(source.value, state.steps));
        else if (source.kind === 'load') {
          const value = constantMemory(module.code, source.address, source.bytes);
          if (value !== undefined) constants.add(applied(value, state.steps));
          else if (
            !followVariable(reach, { ...state, module, address, isGuess }, source.address, queue, constants)
          )
            lose({ module, address, isGuess }, 'a variable');
        } else if (source.kind === 'address') lose({ module, address, isGuess }, 'an address');
        else lose({ module, address, isGuess }, source.why);
      }
    }
  }
  if ([...constants].some((value) => !Number.isSafeInteger(value)))
    lose(spot, 'a value of more than 53 bits');
  // Nothing leads there: then it is our view of the code that is wrong.
  if (constants.size === 0 && lost.length === 0) lose(spot, 'no way leads here');
  return { constants, lost, isThroughPointer };
}

/** A value beyond what a number holds exactly stays beyond: no later step makes it a small one. */
function applied(value: number, steps: readonly Step[]): number {
  return steps.reduceRight((sum, step) => (Number.isSafeInteger(sum) ? step.apply(sum) : Number.NaN), value);
}

function placeKey(place: Place): string {
  return place.kind === 'global'
    ? `g${place.address}`
    : place.kind === 'register'
      ? `r${place.register}`
      : `m${place.register}+${place.offset}`;
}

function afterCall(place: Place): Place | undefined {
  if (place.kind !== 'memory' || place.register !== RSP) return place;
  return place.offset < 8 ? undefined : { ...place, offset: place.offset - 8 };
}

function at(code: CodeFile, address: number, place: Place): readonly Source[] {
  const region = code.regions[regionAt(code, address)]!;
  return sourcesOf(code.elf.bytes, region.offset! + (address - region.start), address, place, !isGo(code));
}

/** Go's own code keeps no registers over calls. Its table of functions tells such a file. */
function isGo(code: CodeFile): boolean {
  return code.regions.some((one) => one.name.endsWith('.gopclntab'));
}

/** Memory that nobody can write: in a read-only part of the file, and without a relocation. */
function constantMemory(code: CodeFile, address: number, bytes: 4 | 8): number | undefined {
  const region = code.regions[regionAt(code, address)];
  if (
    region === undefined ||
    region.isWritable ||
    region.offset === undefined ||
    address + bytes > region.end
  )
    return undefined;
  const index = firstRelocation(code.relocations, address - 7);
  if (index < code.relocations.count && code.relocations.place[index]! < address + bytes) return undefined;
  const at = region.offset + (address - region.start);
  if (bytes === 4) return code.elf.bytes.readUInt32LE(at);
  const value = Number(code.elf.bytes.readBigInt64LE(at));
  return Number.isSafeInteger(value) ? value : undefined;
}

interface Before extends Spot {
  /** The way into a function by a call: the registers are the caller's just before it. */
  readonly isCall?: true;
  readonly isJump?: true;
  /** Perhaps: a call through a pointer. */
  readonly isGuess?: true;
}

/** The instructions that can run just before one, or why not all are known. */
function* predecessors(reach: Reach, spot: Spot): Generator<Before | string> {
  const { module, address } = spot;
  const { code } = module;
  const index = functionAt(code, address);
  if (index < 0) {
    yield 'code outside of any function';
    return;
  }
  const body = bodyOf(module, index);
  const position = body.positions.get(address);
  if (position === undefined) {
    yield 'a jump into an instruction';
    return;
  }
  if (position > 0) {
    const before = body.addresses[position - 1]!;
    if (body.fallsThrough[position - 1] === 1 && !endsThere(module, before))
      yield { module, address: before };
  } else if (code.functionContinues[index] === 1) {
    const previous = bodyOf(module, index - 1);
    const last = previous.addresses.at(-1);
    if (last !== undefined) yield { module, address: last };
  }
  for (const jump of body.jumps.get(address) ?? []) yield { module, address: jump };
  if (body.tableTargets.has(address)) for (const jump of body.indirectJumps) yield { module, address: jump };
  if (body.pads.has(address)) yield 'a place where the unwinder goes on';
  // From other functions: jumps into this one, and calls.
  const isStart = position === 0;
  let isNamed = false;
  for (const named of referencesTo(module, address)) {
    const site = code.site[named]!;
    if (!isReached(reach, module, site)) continue;
    const kind = code.use[named]!;
    if (functionAt(code, site) === index && kind === use.jump) continue;
    isNamed = true;
    if (kind === use.jump) yield { module, address: site, isJump: true };
    else if (kind === use.call) yield { module, address: site, isCall: true };
    else yield* callsThroughPointers(reach, module);
  }
  if (isStart || isNamed) yield* fromElsewhere(reach, spot);
}

/** Ways to an address that go through words in memory: offset tables, and pointers in data. */
function* fromElsewhere(reach: Reach, spot: Spot): Generator<Before | string> {
  const node = spot.module.base + functionAt(spot.module.code, spot.address);
  if (reach.from[node] === -1) yield `an entry (${reach.roots.get(node) ?? ''})`;
  for (const word of wordsTo(reach, spot)) {
    const { code } = word.module;
    const region = regionAt(code, word.address);
    if (region < 0) continue;
    if (code.regions[region]!.isSlots) {
      for (const named of referencesTo(word.module, word.address)) {
        const site = code.site[named]!;
        if (!isReached(reach, word.module, site)) continue;
        if (code.use[named] !== use.through) {
          yield* callsThroughPointers(reach, word.module);
          continue;
        }
        readAt(code, site);
        if (found.flow === flow.callIndirect) yield { module: word.module, address: site, isCall: true };
        else yield { module: word.module, address: site, isJump: true };
      }
    } else if ((reach.from[word.module.base + code.functionStart.length + region] ?? 0) !== 0) {
      yield* callsThroughPointers(reach, word.module);
    }
  }
}

/** Whether an instruction is a call that never comes back: the function called has no return and no way out of itself but
 * by calls, which is looked at in its code alone. */
function endsThere(module: Module, address: number): boolean {
  const { code } = module;
  readAt(code, address);
  if (found.flow !== flow.call) return false;
  const target = address + found.length + found.target;
  const index = functionAt(code, target);
  if (index < 0 || code.functionStart[index] !== target) return false;
  return bodyOf(module, index).neverReturns;
}

const pointerCalls = new WeakMap<Module, readonly number[]>();

/** Every reached call through a pointer in a file, or why there is none. */
function* callsThroughPointers(reach: Reach, module: Module): Generator<Before | string> {
  let sites = pointerCalls.get(module);
  if (sites === undefined) {
    const list: number[] = [];
    const { code } = module;
    for (let index = 0; index < code.functionStart.length; index++) {
      const end = code.functionEnd[index]!;
      const region = code.regions[regionAt(code, code.functionStart[index]!)]!;
      const shift = region.offset! - region.start;
      for (let address = code.functionStart[index]!; address < end; address += found.length) {
        readInstruction(code.elf.bytes, address + shift, end + shift);
        if (found.flow === flow.callIndirect && found.reference !== reference.memory) list.push(address);
      }
    }
    sites = list;
    pointerCalls.set(module, sites);
  }
  let isCalled = false;
  for (const address of sites) {
    if (!isReached(reach, module, address)) continue;
    isCalled = true;
    yield { module, address, isCall: true, isGuess: true };
  }
  if (!isCalled) yield 'a function whose address is taken';
}

/** A variable that only plain stores of its own file can set: its initial value, and what is stored. True if that is so. */
function followVariable(
  reach: Reach,
  state: State,
  address: number,
  queue: State[],
  constants: Set<number>,
): boolean {
  const { module } = state;
  const { code } = module;
  const region = code.regions[regionAt(code, address)];
  // Only where the language keeps variables apart: in C a structure's field can be set through the structure's address.
  if (region === undefined || region.isCode || !region.isWritable || !isGo(code)) return false;
  const stores: number[] = [];
  for (const index of referencesTo(module, address)) {
    const site = code.site[index]!;
    if (!isReached(reach, module, site)) continue;
    if (code.use[index] !== use.memory) return false;
    const at = code.regions[regionAt(code, site)]!;
    const register = storedRegister(code.elf.bytes, at.offset! + (site - at.start), site);
    if (register === 'other') return false;
    if (register !== 'none') stores.push(site * 16 + register);
  }
  const initial =
    region.offset === undefined
      ? 0n
      : code.elf.bytes.readBigInt64LE(region.offset + (address - region.start));
  const value = Number(initial);
  if (!Number.isSafeInteger(value)) return false;
  constants.add(applied(value, state.steps));
  for (const store of stores) {
    queue.push({
      ...state,
      address: Math.floor(store / 16),
      place: { kind: 'register', register: store % 16 },
    });
  }
  return true;
}

function readAt(code: CodeFile, address: number): void {
  const region = code.regions[regionAt(code, address)]!;
  const at = region.offset! + (address - region.start);
  readInstruction(code.elf.bytes, at, Math.min(at + 15, code.elf.bytes.length));
}

interface Body {
  readonly addresses: readonly number[];
  readonly positions: ReadonlyMap<number, number>;
  readonly fallsThrough: Uint8Array;
  readonly jumps: ReadonlyMap<number, readonly number[]>;
  readonly indirectJumps: readonly number[];
  readonly tableTargets: ReadonlySet<number>;
  readonly pads: ReadonlySet<number>;
  readonly neverReturns: boolean;
}

const bodies = new WeakMap<Module, Map<number, Body>>();

function bodyOf(module: Module, index: number): Body {
  let known = bodies.get(module);
  if (known === undefined) {
    known = new Map();
    bodies.set(module, known);
  }
  const old = known.get(index);
  if (old !== undefined) return old;
  const body = readBody(module, index);
  known.set(index, body);
  return body;
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
  const tableTargets = new Set<number>();
  if (indirectJumps.length > 0) {
    for (let at = firstSite(code.site, start); at < code.site.length && code.site[at]! < end; at++) {
      const target = code.target[at]!;
      const kind = code.use[at]!;
      if (kind === use.address) for (const entry of tableEntries(module, target)) tableTargets.add(entry);
      if (kind === use.address || kind === use.constant || kind === use.through)
        for (const entry of wordTable(code, target)) tableTargets.add(entry);
      // The label of a computed goto.
      if (kind === use.address || kind === use.constant) tableTargets.add(target);
    }
  }
  return {
    addresses,
    positions,
    fallsThrough: Uint8Array.from(falls),
    jumps,
    indirectJumps,
    tableTargets,
    pads: new Set(padsOf(code, index)),
    neverReturns: !leaves,
  };
}

/** A table of whole addresses: in files at fixed addresses as they stand, in others by relocations. */
function wordTable(code: CodeFile, table: number): readonly number[] {
  const region = code.regions[regionAt(code, table)];
  if (region === undefined || region.isCode || region.offset === undefined) return [];
  const entries: number[] = [];
  for (let at = table; at + 8 <= region.end && entries.length < 4096; at += 8) {
    let address = Number(code.elf.bytes.readBigUInt64LE(region.offset + (at - region.start)));
    if (!code.isFixed) {
      const index = firstRelocation(code.relocations, at);
      if (index >= code.relocations.count || code.relocations.place[index] !== at) break;
      if (code.relocations.type[index] !== relocationTypes.relative) break;
      address = code.relocations.addend[index]!;
    }
    if (code.regions[regionAt(code, address)]?.isCode !== true) break;
    entries.push(address);
  }
  return entries;
}

const orders = new WeakMap<Module, { order: Uint32Array; target: Float64Array }>();

/** Indices of the references that name an address. */
function referencesTo(module: Module, address: number): readonly number[] {
  let known = orders.get(module);
  if (known === undefined) {
    const { target } = module.code;
    const order = Uint32Array.from(target, (_, index) => index).sort((a, b) => target[a]! - target[b]!);
    known = { order, target: Float64Array.from(order, (index) => target[index]!) };
    orders.set(module, known);
  }
  const list: number[] = [];
  for (let at = lastNotAbove(known.target, address); at >= 0 && known.target[at] === address; at--)
    list.push(known.order[at]!);
  return list;
}

const words = new WeakMap<Reach, { modules: number; found: Map<number, Spot[]> }>();

/** Words that the loader fills with an address of code. */
function wordsTo(reach: Reach, spot: Spot): readonly Spot[] {
  const { modules } = reach.world;
  let known = words.get(reach);
  if (known === undefined || known.modules !== modules.length) {
    known = { modules: modules.length, found: new Map() };
    for (const module of modules) {
      for (let index = 0; index < module.code.relocations.count; index++) {
        for (const target of relocationTargets(reach.world, module, index)) {
          const region = target.module.code.regions[regionAt(target.module.code, target.address)];
          if (region?.isCode !== true) continue;
          const key = target.module.index * 2 ** 40 + target.address;
          const place = { module, address: module.code.relocations.place[index]! };
          const list = known.found.get(key);
          if (list === undefined) known.found.set(key, [place]);
          else list.push(place);
        }
      }
    }
    words.set(reach, known);
  }
  return known.found.get(spot.module.index * 2 ** 40 + spot.address) ?? [];
}
