// Which functions can run: everything that can be come to from where execution begins, by calls and jumps, by the address of
// a function being taken, and by data that holds such an address. A piece of data (a section) counts as a whole once any
// address in it is named: where one object ends and the next begins is not known for sure. Nothing is assumed about values.
// The search is breadth first, so that the way kept for each function is a shortest one.

import { STT_FUNC, STT_GNU_IFUNC, STT_OBJECT } from '../../elf/dynamic.ts';
import { firstRelocation, relocationTypes } from '../../elf/relocations.ts';
import { type CodeFile, forEachWord, functionAt, offsetIn, padsOf, regionAt, use } from '../code/code.ts';
import { goFunctions, goPlainFunctions, isGo } from '../code/go.ts';
import { liveInstructions } from '../code/live.ts';
import { pieceAt, pieceBefore } from '../code/objects.ts';
import { sitesBetween } from '../code/tables.ts';
import { addressRegister } from '../code/x86-64/flow.ts';
import { type Module, moduleOfNode, relocationTargets, type Spot, type World } from '../files/world.ts';
import { keptFor } from '../kept.ts';
import { referencesTo } from '../values/bodies.ts';
import { flightFrom, isWalkedFrom } from './flight.ts';
import { awaited } from './held-back.ts';
import { forEachMovedPart, hasMovedParts } from './moved-parts.ts';

/** Sections that describe the file to linker, loader and unwinder; a number in them that looks like an address is not
 * followed in files without relocations. */
const descriptions = /^\.(dyn|gnu|rela|note|eh_frame|gcc_except|interp|hash)/;

export interface Reach {
  readonly world: World;
  /** For each node that was reached, the one that led to it, plus 1; 0: not reached; -1: where execution begins. */
  from: Int32Array;
  /** The address of the instruction, or of the word in data, that led there. */
  site: Float64Array;
  readonly queue: number[];
  at: number;
  /** Why a beginning is one, by node; also of what something else led to before. */
  readonly roots: Map<number, string>;
  /** Beginnings that are entered from outside of all code that is known, by node. */
  readonly entries: Set<number>;
  /** Functions whose names files know that look up names, to call them through a pointer; by node. */
  readonly lookedUp: Set<number>;
  /** Beginnings that belong to no file's own start and end: names that are looked up, exports of what is loaded by name. */
  readonly given: {
    readonly spot: Spot;
    readonly why: string;
    readonly by?: Module;
    readonly isNamed?: boolean;
  }[];
  /** Those of the functions that are looked up whose names were followed to where they are, by node. */
  readonly named: Set<number>;
  /** Functions that a pointer leads to which code has kept, by node. */
  readonly taken: Set<number>;
  /** Functions that are known to be called no more, by address: taking their address leads nowhere. */
  readonly barred: ReadonlyMap<Module, ReadonlySet<number>>;
  /** References that wait, by what they wait for (held-back.ts), with the functions that make them; and what is waited for no more. */
  readonly held: Map<string, Held[]>;
  readonly released: Set<string>;
  /** Functions that were come to only because the loader runs them to choose another (ifunc), by node: what they return counts once
   * the word that it is kept in, or the symbol, is come to. */
  readonly choosers: Set<number>;
  /** Where the unwinder enters functions, by file: it may be in a part that was moved away, with a table of its own. */
  readonly pads: Map<Module, Set<number>>;
  /** Words that were read for themselves, not as part of a piece of data: their addresses, by file. */
  readonly words: Map<Module, Set<number>>;
  /** Tables of jumps that were followed: their addresses, by file. */
  readonly tables: Map<Module, Set<number>>;
}

export function newReach(
  world: World,
  barred: Reach['barred'] = new Map(),
  released = new Set<string>(),
): Reach {
  return {
    world,
    from: new Int32Array(0),
    site: new Float64Array(0),
    queue: [],
    at: 0,
    roots: new Map(),
    entries: new Set(),
    lookedUp: new Set(),
    named: new Set(),
    given: [],
    taken: new Set(),
    barred,
    held: new Map(),
    released,
    choosers: new Set(),
    pads: new Map(),
    words: new Map(),
    tables: new Map(),
  };
}

/** A reference by its index in its file, and the function that makes it. */
interface Held {
  readonly module: Module;
  readonly at: number;
  readonly node: number;
}

const ROOT = -1;
const LOOKUP = -2;
const KEPT = -3;
const CHOOSER = -4;

/** Begins at an address, for a stated reason. */
export function addRoot(reach: Reach, spot: Spot, why: string): void {
  grow(reach);
  reach.given.push({ spot, why });
  visit(reach, spot, ROOT, 0, why);
}

/** A function whose name a file looks up, to call it through a pointer; `isNamed`: it does so for certain. */
export function addLookup(reach: Reach, spot: Spot, by: Module, isNamed = false): void {
  grow(reach);
  reach.given.push({ spot, why: '', by, isNamed });
  const index = functionAt(spot.module.code, spot.address);
  if (index >= 0) reach.lookedUp.add(spot.module.base + index);
  if (index >= 0 && isNamed) reach.named.add(spot.module.base + index);
  visit(reach, spot, LOOKUP, 0, `looked up by name in ${by.path.slice(by.path.lastIndexOf('/') + 1)}`);
}

/** Begins at an address that code has kept a pointer to. */
export function addTaken(reach: Reach, spot: Spot, why: string): void {
  grow(reach);
  const index = functionAt(spot.module.code, spot.address);
  const node = spot.module.base + index;
  if (index >= 0) reach.taken.add(node);
  visit(reach, spot, KEPT, 0, why);
}

/** Begins with the words in the `width` bytes at an address. */
export function addWord(reach: Reach, spot: Spot, width: number, why: string): void {
  grow(reach);
  visitWord(reach, spot, width, KEPT, 0, why);
}

/** Where the kernel, or the loader for it, begins a program. */
export function addEntry(reach: Reach, module: Module): void {
  grow(reach);
  visit(reach, { module, address: module.code.elf.entry }, ROOT, 0, 'entry point');
}

/** Where a file's code begins without being called by anything in it: initialisers (unless they have run: `isFresh`),
 * finalisers, and what the loader or the unwinder calls. */
export function addModuleRoots(reach: Reach, module: Module, isFresh: boolean): void {
  grow(reach);
  const { code } = module;
  const { dynamic, relocations } = code;
  const root = (address: number, why: string) => visit(reach, { module, address }, ROOT, 0, why);
  for (const [tag, why] of [
    ['init', 'initialiser'],
    ['fini', 'finaliser'],
  ] as const) {
    const address = dynamic?.value(tag);
    if (address !== undefined && (isFresh || tag === 'fini')) root(address, why);
  }
  for (const region of code.regions) {
    if ((isFresh ? /^\.(preinit|init|fini)_array|^\.[cd]tors/ : /^\.fini_array|^\.dtors/).test(region.name))
      followData(reach, module, region.start, region.end, ROOT, region.name.slice(1));
    // Initial values of thread-local variables are copied for each thread.
    if (region.name === '.tdata')
      followData(reach, module, region.start, region.end, ROOT, 'thread-local data');
  }
  for (const [tag, size] of [
    ['preinitArray', 'preinitArraySize'],
    ['initArray', 'initArraySize'],
    ['finiArray', 'finiArraySize'],
  ] as const) {
    const address = dynamic?.value(tag);
    if (address !== undefined && (isFresh || tag === 'finiArray'))
      followData(reach, module, address, address + (dynamic?.value(size) ?? 0), ROOT, tag);
  }
  const chooser = (address: number) =>
    visit(reach, { module, address }, CHOOSER, 0, 'chosen by the processor (ifunc)');
  for (let index = 0; index < relocations.count; index++)
    if (relocations.type[index] === relocationTypes.irelative) chooser(relocations.addend[index]!);
  for (const symbol of dynamic?.symbols ?? [])
    if (symbol.defined && symbol.type === STT_GNU_IFUNC) chooser(symbol.address);
  for (const address of code.personalities) root(address, 'exception handling');
  if (isGo(code)) addMethods(reach, module);
}

/** What Go's linker left in a file of methods: they are found by their distances in descriptions of types, while the program runs, when a
 * value is asked whether it has them (runtime, getitab). Who calls them is another question. */
function addMethods(reach: Reach, module: Module): void {
  const { code } = module;
  const plain = goPlainFunctions(code);
  for (const address of goFunctions(code) ?? code.functionStart)
    if (!plain.has(address)) visit(reach, { module, address }, KEPT, 0, 'method in Go');
}

/** Everything that a file exports: for plug-ins, whose loader looks names up. */
export function addExports(reach: Reach, module: Module, why: string): void {
  grow(reach);
  for (const symbol of module.code.dynamic?.symbols ?? []) {
    if (!symbol.defined || symbol.binding === 0) continue;
    if (symbol.type !== STT_FUNC && symbol.type !== STT_OBJECT && symbol.type !== STT_GNU_IFUNC) continue;
    addRoot(reach, { module, address: symbol.address }, why);
  }
}

/** A file of which only the surface is known: all that its words point to. */
export function addSurface(reach: Reach, module: Module, why: string): void {
  grow(reach);
  const { regions } = module.code;
  if (regions.length > 0) followData(reach, module, regions[0]!.start, regions.at(-1)!.end, ROOT, why);
}

/** Room for modules that were added to the world since. */
function grow(reach: Reach): void {
  if (reach.from.length >= reach.world.nodes) return;
  const size = Math.max(reach.world.nodes, reach.from.length * 2);
  const from = new Int32Array(size);
  from.set(reach.from);
  reach.from = from;
  const site = new Float64Array(size);
  site.set(reach.site);
  reach.site = site;
}

/** Follows everything until nothing new is found. */
export function run(reach: Reach): void {
  grow(reach);
  while (reach.at < reach.queue.length) {
    const node = reach.queue[reach.at++]!;
    const module = moduleOfNode(reach.world, node);
    const index = node - module.base;
    const functions = module.code.functionStart.length;
    if (index < functions) followFunction(reach, module, index, node);
    else {
      const { start, end } = module.code.pieces;
      followData(reach, module, start[index - functions]!, end[index - functions]!, node, '');
    }
  }
}

/** What a reference still waits for: any of these. Empty: it does not wait. */
export function stillAwaited({ released }: Reach, code: CodeFile, at: number): readonly string[] {
  const names = awaited(code, at);
  return names.some((one) => released.has(one)) ? [] : names;
}

/** Whether something waits for it. */
export const isAwaited = ({ held }: Reach, what: string): boolean => held.has(what);

/** From now on what waits for it is followed, too. Whether anything does. */
export function release(reach: Reach, what: string): boolean {
  grow(reach);
  reach.released.add(what);
  for (const { module, at, node } of reach.held.get(what) ?? []) followReference(reach, module, at, node);
  return reach.held.delete(what);
}

function hold({ held }: Reach, what: string, one: Held): void {
  const known = held.get(what);
  if (known === undefined) held.set(what, [one]);
  else known.push(one);
}

function followFunction(reach: Reach, module: Module, index: number, node: number): void {
  const { code } = module;
  const { site, target } = code;
  const live = liveInstructions(code, index);
  const end = code.functionEnd[index]!;
  const [first, behind] = sitesBetween(site, code.functionStart[index]!, end);
  for (let at = first; at < behind; at++) {
    if (live?.has(site[at]!) === false || code.use[at] === use.nothing) continue;
    const spot = { module, address: target[at]! };
    if (code.use[at] === use.address && reach.barred.get(module)?.has(spot.address) === true) continue;
    if (reach.choosers.has(node) && isReturned(reach, module, at)) continue;
    const waiting = stillAwaited(reach, code, at);
    for (const what of waiting) hold(reach, what, { module, at, node });
    if (waiting.length === 0) followReference(reach, module, at, node);
  }
  for (const pad of padsOf(code, index)) {
    visit(reach, { module, address: pad }, node, pad, '');
    addPad(reach, module, pad);
  }
  if (code.functionContinues[index + 1] === 1) mark(reach, node + 1, node, end, '');
}

function followReference(reach: Reach, module: Module, at: number, node: number): void {
  const { use: uses, site, target, width } = module.code;
  const spot = { module, address: target[at]! };
  if (width[at] !== 0) visitWord(reach, spot, width[at]!, node, site[at]!, '');
  else visit(reach, spot, node, site[at]!, '');
  if (uses[at] !== use.address) return;
  besides(reach, module, at, node);
  followTable(reach, module, target[at]!, node);
}

/** Whether all that becomes of a function's address is that the one who takes it returns it. */
function isReturned({ world }: Reach, module: Module, at: number): boolean {
  const { code } = module;
  const self = { module, address: code.target[at]! };
  if (code.use[at] !== use.address || functionAt(code, self.address) < 0) return false;
  const site = code.site[at]!;
  const register = addressRegister(code.elf.bytes, offsetIn(code, site), site);
  if (register < 0) return false;
  const flight = flightFrom(world, module, site, register, { isData: false, self, mayBeReturned: true });
  return !flight.escapes && !flight.isUsed && flight.calls.length === 0;
}

function addPad(reach: Reach, module: Module, pad: number): void {
  const known = reach.pads.get(module);
  if (known === undefined) reach.pads.set(module, new Set([pad]));
  else known.add(pad);
}

/** Where the function itself walks from an address of data: the pieces on both sides, too, for it may begin beside its object. */
function besides(reach: Reach, module: Module, at: number, node: number): void {
  const { code } = module;
  const { pieces } = code;
  const piece = pieceAt(pieces, code.target[at]!);
  if (piece < 0) return;
  const base = module.base + code.functionStart.length;
  const around = [piece - 1, piece + 1].filter(
    (one) =>
      pieces.region[one] === pieces.region[piece] && reach.from[base + one] === 0 && holdsPointers(code, one),
  );
  if (around.length === 0) return;
  const site = code.site[at]!;
  const register = addressRegister(code.elf.bytes, offsetIn(code, site), site);
  if (register >= 0 && !isWalkedFrom(module, site, register)) return;
  for (const one of around) mark(reach, base + one, node, site, '');
}

function holdsPointers({ relocations, pieces }: CodeFile, piece: number): boolean {
  const first = firstRelocation(relocations, pieces.start[piece]!);
  return first < relocations.count && relocations.place[first]! < pieces.end[piece]!;
}

/** Whether coming to an address would change nothing: all there is reached, or points to nothing. */
export function leadsNowhere(reach: Reach, { module, address }: Spot): boolean {
  const { code } = module;
  const region = code.regions[regionAt(code, address)];
  if (region?.isSlots === true) return false;
  if (region?.isCode === true) {
    const index = functionAt(code, address);
    return index < 0 || reach.from[module.base + index] !== 0;
  }
  if (code.isFixed) return false;
  const base = module.base + code.functionStart.length;
  return [pieceAt(code.pieces, address), pieceBefore(code.regions, code.pieces, address)].every(
    (piece) => piece < 0 || reach.from[base + piece] !== 0 || !holdsPointers(code, piece),
  );
}

/** The parts of functions that what could be a table of jumps leads into, and nothing else. */
function followTable(reach: Reach, module: Module, table: number, node: number): void {
  if (!hasMovedParts(module)) return;
  let tables = reach.tables.get(module);
  if (tables === undefined) {
    tables = new Set();
    reach.tables.set(module, tables);
  }
  if (tables.has(table)) return;
  tables.add(table);
  forEachMovedPart(module, table, (index) => {
    if (reach.from[module.base + index] === 0) mark(reach, module.base + index, node, table, '');
  });
}

/** What the words of start … end point to. */
function followData(
  reach: Reach,
  module: Module,
  start: number,
  end: number,
  node: number,
  why: string,
): void {
  const { relocations, regions, elf, isFixed } = module.code;
  for (
    let index = firstRelocation(relocations, start);
    index < relocations.count && relocations.place[index]! < end;
    index++
  ) {
    const place = relocations.place[index]!;
    for (const spot of relocationTargets(reach.world, module, index)) visit(reach, spot, node, place, why);
  }
  if (!isFixed) return;
  const region = regions[regionAt(module.code, start)];
  if (region === undefined || region.isCode || descriptions.test(region.name)) return;
  forEachWord(elf, region, start, end, (place, address) =>
    visit(reach, { module, address }, node, place, why),
  );
}

/** Comes to an address: the function there, the slot's target, or the piece of data. */
function visit(reach: Reach, spot: Spot, from: number, site: number, why: string): void {
  const { module, address } = spot;
  const { code } = module;
  const at = code.regions[regionAt(code, address)];
  if (at?.isCode === true) {
    const index = functionAt(code, address);
    if (index >= 0) mark(reach, module.base + index, from, site, why);
    return;
  }
  // Slots with pointers across them are looked at as a whole, as any data.
  if (at?.isSlots === true && !unevenOf(module).has(pieceAt(code.pieces, address))) {
    visitWord(reach, spot, 8, from, site, why);
    return;
  }
  const nodes = module.base + code.functionStart.length;
  for (const piece of [pieceAt(code.pieces, address), pieceBefore(code.regions, code.pieces, address)])
    if (piece >= 0) mark(reach, nodes + piece, from, site, why);
}

/** Comes to the `width` bytes at an address and no others: what the words there point to. */
function visitWord(reach: Reach, spot: Spot, width: number, from: number, site: number, why: string): void {
  const { module, address } = spot;
  const { code } = module;
  const region = code.regions[regionAt(code, address)];
  if (region === undefined || region.isCode || unevenOf(module).has(pieceAt(code.pieces, address))) {
    visit(reach, spot, from, site, why);
    return;
  }
  let words = reach.words.get(module);
  if (words === undefined) {
    words = new Set();
    reach.words.set(module, words);
  }
  for (let word = Math.floor(address / 8) * 8; word < address + width; word += 8) {
    if (words.has(word)) continue;
    words.add(word);
    followData(reach, module, word, word + 8, from, why);
  }
}

function mark(reach: Reach, node: number, from: number, site: number, why: string): void {
  if (from === ROOT || from === CHOOSER) reach.entries.add(node);
  if (from < 0 && !reach.roots.has(node)) reach.roots.set(node, why);
  if (from === CHOOSER) {
    if (reach.from[node] === 0) reach.choosers.add(node);
  } else if (reach.choosers.delete(node)) reach.queue.push(node);
  if (reach.from[node] !== 0) return;
  reach.from[node] = from < 0 ? ROOT : from + 1;
  reach.site[node] = site;
  reach.queue.push(node);
}

/** Pieces that the loader fills with the content of a library's object, or with words that do not stand at multiples of 8. */
const unevenOf = keptFor((module: Module): ReadonlySet<number> => {
  const { relocations, pieces } = module.code;
  const list = new Set<number>();
  for (let index = 0; index < relocations.count; index++)
    if (relocations.type[index] === relocationTypes.copy || relocations.place[index]! % 8 !== 0)
      list.add(pieceAt(pieces, relocations.place[index]!));
  return list;
});

/** Whether a word of data can be read: it alone, or the piece that it lies in. */
export function isWordReached(reach: Reach, module: Module, address: number): boolean {
  if (reach.words.get(module)?.has(Math.floor(address / 8) * 8) === true) return true;
  const piece = pieceAt(module.code.pieces, address);
  return piece >= 0 && (reach.from[module.base + module.code.functionStart.length + piece] ?? 0) !== 0;
}

export const isFunctionReached = (reach: Reach, module: Module, index: number) =>
  (reach.from[module.base + index] ?? 0) !== 0;

export function isReached(reach: Reach, module: Module, address: number): boolean {
  const index = functionAt(module.code, address);
  if (index < 0 || !isFunctionReached(reach, module, index)) return false;
  return liveInstructions(module.code, index)?.has(address) !== false;
}

/** Whether reached code or data of a file names a function that is another file's. */
export function isImportReached(reach: Reach, module: Module, name: RegExp): boolean {
  const { code } = module;
  const { relocations, dynamic } = code;
  for (let index = 0; index < relocations.count; index++) {
    if (!name.test(dynamic?.symbols[relocations.symbol[index]!]?.name ?? '')) continue;
    const place = relocations.place[index]!;
    if (isWordReached(reach, module, place)) return true;
    if (referencesTo(module, place).some((at) => isReached(reach, module, code.site[at]!))) return true;
  }
  return false;
}

/** The functions of a file that were reached, by index. */
export function reachedFunctions(reach: Reach, module: Module): number[] {
  const list: number[] = [];
  for (let index = 0; index < module.code.functionStart.length; index++) {
    if (isFunctionReached(reach, module, index)) list.push(index);
  }
  return list;
}
