// Where a function can be called through pointers: its address is followed from where it is taken, or from the word in memory that
// holds it through everybody who reads that word, to the calls. If it gets where it cannot be followed (into other memory, out of
// what is known), then anybody could call it with anything, and the answer says where that happens.

import { relocationTypes } from '../../elf/relocations.ts';
import { forEachWord, functionAt, offsetIn, regionAt, use } from '../code/code.ts';
import { isGo } from '../code/go.ts';
import { pieceAt, pieceBefore } from '../code/objects.ts';
import { addressRegister, follow, type Held } from '../code/x86-64/flow.ts';
import { flow, found } from '../code/x86-64/lengths.ts';
import { namingOf } from '../code/x86-64/naming.ts';
import type { Module, Spot } from '../files/world.ts';
import { KeptWhileReached } from '../kept.ts';
import { flightOf, isWalkedFrom, stackAt } from '../reach/flight.ts';
import { isReached, isWordReached, type Reach } from '../reach/reach.ts';
import { readAt, referencesBetween, referencesTo } from './bodies.ts';
import { type Taking, waysTo } from './ways.ts';

export interface Callers {
  /** Calls and jumps; all there are, if nothing is lost. */
  readonly calls: readonly Spot[];
  readonly lost: (Spot & { readonly why: string }) | undefined;
}

interface Search {
  readonly reach: Reach;
  /** The function. */
  readonly self: Spot;
  readonly calls: Map<string, Spot>;
  readonly seen: Set<string>;
  lost: Callers['lost'];
  left: number;
}

const POINTER = 8;
const RAX = 0;
/** Places that a pointer is followed from. What needs more is lost. */
const MAX_FLIGHTS = 300;

const kept = new KeptWhileReached<string, Callers>();

/** The reached calls of the function at `self` through a pointer that comes from there. */
export function callersThrough(reach: Reach, self: Spot, taking: Taking): Callers {
  const from = taking.kind === 'word' ? `w${taking.address}` : `r${taking.at}`;
  const key = `${self.module.index} ${self.address} ${taking.module.index} ${from}`;
  return kept.get(reach, key, () => {
    const search: Search = {
      reach,
      self,
      calls: new Map(),
      seen: new Set(),
      lost: undefined,
      left: MAX_FLIGHTS,
    };
    if (taking.kind === 'reference') ofReference(search, taking.module, taking.at, 'function');
    else ofWord(search, taking.module, taking.address);
    return { calls: [...search.calls.values()], lost: search.lost };
  });
}

function lose(search: Search, module: Module, address: number, why: string): void {
  search.lost ??= { module, address, why };
}

/** What a reference names: the function, memory that holds its address, or a slot that holds the address of such memory. */
type Named = 'function' | 'memory' | 'slot';

function ofReference(search: Search, module: Module, at: number, named: Named): void {
  const { code } = module;
  const site = code.site[at]!;
  const key = `${module.index} ${site} ${at} ${named}`;
  if (search.lost !== undefined || search.seen.has(key)) return;
  search.seen.add(key);
  const held = stackAt(module, site);
  const offset = offsetIn(code, site);
  const naming = namingOf(code.elf.bytes, offset, site, held, code.target[at]!);
  if (naming === 'nothing') return;
  if (naming === 'lost') {
    lose(search, module, site, 'its address gets where it is not followed');
    return;
  }
  if (naming === 'called') {
    // Through the slot: a call of an address in data, which is none.
    if (named === 'memory') addCall(search, { module, address: site });
    return;
  }
  const isAddress = naming.what === 'address';
  // Bytes of code are no pointer.
  if (named === 'function' && !isAddress) return;
  if (named === 'slot' && isAddress) {
    lose(search, module, site, 'the address of the word that leads to its table is taken');
    return;
  }
  readAt(code, site);
  const next = { module, address: site + found.length };
  const { after } = follow(code.elf.bytes, offset, site, held, true);
  const { to } = naming;
  const start: Held =
    'register' in to ? { ...after, registers: 1 << to.register } : { ...after, slots: [to.slot] };
  if (named === 'function' || (named === 'memory' && !isAddress)) ofPointer(search, next, start);
  else ofTable(search, next, start);
}

/** The function's own address. */
function ofPointer(search: Search, spot: Spot, held: Held): void {
  const { reach, self } = search;
  if (isDone(search, spot)) return;
  const flight = flightOf(reach.world, spot, held, { isData: false, self, mayBeReturned: true });
  if (flight.escapes) lose(search, spot.module, spot.address, 'its address gets where it is not followed');
  else if (flight.isReturned) ofReturned(search, spot, ofPointer);
  for (const call of flight.calls) if (call.isItself) addCall(search, call);
}

/** The address of memory that holds the function's. */
function ofTable(search: Search, spot: Spot, held: Held): void {
  if (isDone(search, spot)) return;
  const reads = new Map<string, readonly [Spot, Held]>();
  const flight = flightOf(search.reach.world, spot, held, {
    isData: true,
    mayBeReturned: true,
    reads: (next, content) => reads.set(`${next.module.index} ${next.address}`, [next, content]),
  });
  if (flight.escapes)
    lose(search, spot.module, spot.address, 'the address of its table gets where it is not followed');
  else if (flight.isReturned) ofReturned(search, spot, ofTable);
  for (const call of flight.calls) if (call.isItself) addCall(search, call);
  for (const [next, content] of reads.values()) {
    if (search.lost !== undefined) return;
    const key = `read ${next.module.index} ${next.address}`;
    if (search.seen.has(key)) continue;
    search.seen.add(key);
    ofPointer(search, next, content);
  }
}

/** What the function at `spot` returns, by everybody who calls it: what an initialiser or a finaliser returns nobody looks at. */
function ofReturned(search: Search, spot: Spot, go: typeof ofPointer): void {
  const { reach } = search;
  const { module } = spot;
  const index = functionAt(module.code, spot.address);
  const key = `returned ${go.name} ${module.index} ${index}`;
  if (search.seen.has(key)) return;
  search.seen.add(key);
  const start = module.code.functionStart[index]!;
  for (const way of waysTo(reach, { module, address: start }, index)) {
    if (search.lost !== undefined) return;
    if (way.kind === 'call') {
      readAt(way.spot.module.code, way.spot.address);
      const next = { module: way.spot.module, address: way.spot.address + found.length };
      const held = stackAt(next.module, next.address);
      if (functionAt(next.module.code, next.address) >= 0) go(search, next, { ...held, registers: 1 << RAX });
    } else if (way.kind === 'jump') ofReturned(search, way.spot, go);
    else if (way.kind === 'lost' && /^an entry \((initialiser|finaliser|\w*(_array|Array))\)/.test(way.why))
      continue;
    else if (way.kind === 'pointer' && isListed(way.taking)) continue;
    else lose(search, module, start, 'a function that may return its address is called from elsewhere');
  }
}

function isListed(taking: Taking | undefined): boolean {
  if (taking?.kind !== 'word') return false;
  const { regions } = taking.module.code;
  return isRead(regions[regionAt(taking.module.code, taking.address)]?.name ?? '');
}

function isDone(search: Search, { module, address }: Spot): boolean {
  if (search.lost !== undefined) return true;
  // Go hands parameters on in other registers.
  if (isGo(module.code)) lose(search, module, address, 'a pointer in Go');
  else if (search.left-- === 0) lose(search, module, address, 'too many places lead to its table');
  return search.lost !== undefined;
}

function addCall(search: Search, { module, address }: Spot): void {
  if (isReached(search.reach, module, address))
    search.calls.set(`${module.index} ${address}`, { module, address });
}

/** Everybody who can read a word. */
function ofWord(search: Search, module: Module, address: number): void {
  const { code } = module;
  const region = code.regions[regionAt(code, address)];
  if (region?.isSlots === true) {
    ofSlot(search, module, address, 'memory');
    return;
  }
  const piece = pieceAt(code.pieces, address);
  if (region === undefined || piece < 0 || isRead(region.name)) {
    lose(search, module, address, 'its address stands where others read it');
    return;
  }
  ofPiece(search, module, piece, address);
}

/** Words that a linker or a loader handles: initialisers, and what each thread gets a copy of. */
const isRead = (name: string) => /^\.((preinit|init|fini)_array|[cd]tors|tdata)/.test(name);

/** A word of the global offset table, which nothing but its name leads to. */
function ofSlot(search: Search, module: Module, slot: number, named: 'memory' | 'slot'): void {
  const { code } = module;
  for (const at of referencesTo(module, slot)) {
    // Calls through it are ways of their own.
    if (!isReached(search.reach, module, code.site[at]!) || code.use[at] === use.through) continue;
    if (named === 'memory' && code.use[at] !== use.memory)
      lose(search, module, code.site[at]!, 'the address of the word that holds its own is taken');
    else ofReference(search, module, at, named);
  }
}

/** Everybody who can have the address of the piece of data that a word lies in, as reach.ts has it, or names the word. */
function ofPiece(search: Search, module: Module, piece: number, word: number): void {
  const { reach } = search;
  const { code } = module;
  const { pieces } = code;
  const start = pieces.start[piece]!;
  const end = pieces.end[piece]!;
  const covers = (address: number) =>
    pieceAt(pieces, address) === piece || pieceBefore(code.regions, pieces, address) === piece;
  const isBeside = (address: number) => {
    const other = pieceAt(pieces, address);
    return Math.abs(other - piece) === 1 && pieces.region[other] === pieces.region[piece];
  };
  const [low, high] = [piece - 1, piece + 1].map((one) =>
    pieces.region[one] === pieces.region[piece] ? one : piece,
  );
  for (const at of referencesBetween(module, pieces.start[low!]!, pieces.end[high!]! + POINTER)) {
    if (search.lost !== undefined) return;
    const site = code.site[at]!;
    const target = code.target[at]!;
    const width = code.width[at]!;
    const kind = code.use[at]!;
    if (!isReached(reach, module, site) || kind === use.call || kind === use.jump || kind === use.nothing)
      continue;
    if ((kind === use.memory || kind === use.through) && width !== 0) {
      if (target < word + POINTER && target + width > word) ofReference(search, module, at, 'memory');
    } else if (covers(target)) ofReference(search, module, at, 'memory');
    else if (kind === use.address && isBeside(target)) {
      const register = addressRegister(code.elf.bytes, offsetIn(code, site), site);
      if (register < 0 || isWalkedFrom(module, site, register)) ofReference(search, module, at, 'memory');
    }
  }
  ofWordsTo(search, module, start, end);
}

/** Everybody who gets the address of start … end out of words in memory: the loader's, and the numbers in files at fixed addresses. */
function ofWordsTo(search: Search, module: Module, start: number, end: number): void {
  const { reach } = search;
  const { code } = module;
  const isIn = (address: number) => address >= start && address <= end;
  const names = new Set<string>();
  for (const symbol of code.dynamic?.symbols ?? [])
    if (symbol.defined && symbol.binding !== 0 && isIn(symbol.address)) names.add(symbol.name);
  const read = (by: Module, place: number) => {
    if (search.lost !== undefined || (!by.isSurface && !isWordReached(reach, by, place))) return;
    const isSlot = by.code.regions[regionAt(by.code, place)]?.isSlots === true;
    if (isSlot && !by.isSurface) ofSlot(search, by, place, 'slot');
    else lose(search, by, place, 'the address of its table stands in other data');
  };
  for (const by of reach.world.modules) {
    const { relocations, dynamic } = by.code;
    const isNamed = (dynamic?.symbols ?? []).map((one) => names.has(one.name));
    if (by !== module && !isNamed.includes(true)) continue;
    for (let index = 0; index < relocations.count; index++) {
      const type = relocations.type[index]!;
      const isPlain = type === relocationTypes.relative || type === relocationTypes.irelative;
      const isTo = isPlain
        ? by === module && isIn(relocations.addend[index]!)
        : isNamed[relocations.symbol[index]!] === true;
      if (isTo) read(by, relocations.place[index]!);
    }
  }
  for (const { spot } of reach.given)
    if (spot.module === module && isIn(spot.address))
      lose(search, module, spot.address, 'its table is looked up by name');
  if (!code.isFixed) return;
  for (const region of code.regions)
    if (!region.isCode)
      forEachWord(code.elf, region, region.start, region.end, (place, value) => {
        if (isIn(value)) read(module, place);
      });
}

/** Whether an instruction that calls or jumps through a pointer calls. */
export function isCallThrough({ module, address }: Spot): boolean {
  readAt(module.code, address);
  return found.flow === flow.callIndirect;
}
