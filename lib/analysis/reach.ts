// Which functions can run: everything that can be come to from where execution begins, by calls and jumps, by the address of
// a function being taken, and by data that holds such an address. A piece of data (a section) counts as a whole once any
// address in it is named: where one object ends and the next begins is not known for sure. Nothing is assumed about values.
// The search is breadth first, so that the way kept for each function is a shortest one.

import { STT_FUNC, STT_GNU_IFUNC, STT_OBJECT } from '../elf/dynamic.ts';
import { firstRelocation, relocationTypes } from '../elf/relocations.ts';
import { forEachWord, functionAt, lastNotAbove, liveInstructions, padsOf, regionAt, use } from './code.ts';
import { type Module, moduleOfNode, relocationTargets, type Spot, type World } from './world.ts';

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
  /** Slots of offset tables that were named, as `module:address`, so that each is followed once. */
  readonly slots: Set<number>;
}

export function newReach(world: World): Reach {
  return {
    world,
    from: new Int32Array(0),
    site: new Float64Array(0),
    queue: [],
    at: 0,
    roots: new Map(),
    entries: new Set(),
    lookedUp: new Set(),
    slots: new Set(),
  };
}

const ROOT = -1;
const LOOKUP = -2;

/** Begins at an address, for a stated reason. */
export function addRoot(reach: Reach, spot: Spot, why: string): void {
  grow(reach);
  visit(reach, spot, ROOT, 0, why);
}

/** A function whose name a file looks up, to call it through a pointer. */
export function addLookup(reach: Reach, spot: Spot, by: Module): void {
  grow(reach);
  const index = functionAt(spot.module.code, spot.address);
  if (index >= 0) reach.lookedUp.add(spot.module.base + index);
  visit(reach, spot, LOOKUP, 0, `looked up by name in ${by.path.slice(by.path.lastIndexOf('/') + 1)}`);
}

/** Where a file's code begins without being called by anything in it: entry, initialisers, finalisers, and what the loader
 * or the unwinder calls. */
export function addModuleRoots(reach: Reach, module: Module): void {
  grow(reach);
  const { code } = module;
  const { dynamic, relocations } = code;
  const root = (address: number, why: string) => visit(reach, { module, address }, ROOT, 0, why);
  if (code.elf.entry !== 0) root(code.elf.entry, 'entry point');
  for (const [tag, why] of [
    ['init', 'initialiser'],
    ['fini', 'finaliser'],
  ] as const) {
    const address = dynamic?.value(tag);
    if (address !== undefined) root(address, why);
  }
  for (const region of code.regions) {
    if (/^\.(preinit|init|fini)_array|^\.[cd]tors/.test(region.name))
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
    if (address !== undefined)
      followData(reach, module, address, address + (dynamic?.value(size) ?? 0), ROOT, tag);
  }
  for (let index = 0; index < relocations.count; index++) {
    if (relocations.type[index] === relocationTypes.irelative)
      root(relocations.addend[index]!, 'chosen by the processor (ifunc)');
  }
  for (const symbol of dynamic?.symbols ?? []) {
    if (symbol.defined && symbol.type === STT_GNU_IFUNC)
      root(symbol.address, 'chosen by the processor (ifunc)');
  }
  for (const address of code.personalities) root(address, 'exception handling');
}

/** Everything that a file exports: for plug-ins, whose loader looks names up. */
export function addExports(reach: Reach, module: Module, why: string): void {
  grow(reach);
  for (const symbol of module.code.dynamic?.symbols ?? []) {
    if (!symbol.defined || symbol.binding === 0) continue;
    if (symbol.type !== STT_FUNC && symbol.type !== STT_OBJECT && symbol.type !== STT_GNU_IFUNC) continue;
    visit(reach, { module, address: symbol.address }, ROOT, 0, why);
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
      const region = module.code.regions[index - functions]!;
      followData(reach, module, region.start, region.end, node, '');
    }
  }
}

function followFunction(reach: Reach, module: Module, index: number, node: number): void {
  const { code } = module;
  const end = code.functionEnd[index]!;
  const { site, target } = code;
  const live = liveInstructions(code, index);
  for (let at = firstSite(code.site, code.functionStart[index]!); at < site.length && site[at]! < end; at++) {
    if (live?.has(site[at]!) === false) continue;
    visit(reach, { module, address: target[at]! }, node, site[at]!, '');
    if (code.use[at] === use.address) followTable(reach, module, target[at]!, node);
  }
  for (const pad of padsOf(code, index)) visit(reach, { module, address: pad }, node, pad, '');
  if (code.functionContinues[index + 1] === 1) mark(reach, node + 1, node, end, '');
}

/** What could be a table of jumps, as compilers write it for code at any address: 32-bit distances from the table. Most of
 * what it names lies in the function itself. A part that was moved away is told by that nothing else leads there; where the
 * table ends is not known, and reading too far can only add such parts. */
function followTable(reach: Reach, module: Module, table: number, node: number): void {
  const lost = unexplained(module);
  for (const address of tableEntries(module, table)) {
    const index = functionAt(module.code, address);
    if (index >= 0 && lost[index] === 1) mark(reach, module.base + index, node, table, '');
  }
}

const MAX_TABLE = 4096;

/** The addresses of code that a table of distances could name, up to the first that is none. */
export function tableEntries(module: Module, table: number): readonly number[] {
  const { code } = module;
  const region = code.regions[regionAt(code, table)];
  if (
    region === undefined ||
    region.isCode ||
    region.isWritable ||
    region.offset === undefined ||
    table % 4 !== 0
  )
    return [];
  const entries: number[] = [];
  for (let at = table; at + 4 <= region.end && entries.length < MAX_TABLE; at += 4) {
    const address = table + code.elf.bytes.readInt32LE(region.offset + (at - region.start));
    if (code.regions[regionAt(code, address)]?.isCode !== true) break;
    entries.push(address);
  }
  return entries;
}

/** Index of the first reference at or behind an address. */
export function firstSite(sites: Float64Array, address: number): number {
  let low = 0;
  let high = sites.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sites[middle]! < address) low = middle + 1;
    else high = middle;
  }
  return low;
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
  forEachWord(elf, region, (place, address) => {
    if (place >= start && place < end) visit(reach, { module, address }, node, place, why);
  });
}

/** Comes to an address: the function there, the slot's target, or the whole piece of data. */
function visit(reach: Reach, spot: Spot, from: number, site: number, why: string): void {
  const { module, address } = spot;
  const { code } = module;
  const region = regionAt(code, address);
  if (region < 0) return;
  const at = code.regions[region]!;
  if (at.isCode) {
    const index = functionAt(code, address);
    if (index >= 0) mark(reach, module.base + index, from, site, why);
    return;
  }
  if (at.isSlots) {
    const key = module.index * 2 ** 40 + address;
    if (reach.slots.has(key)) return;
    reach.slots.add(key);
    followData(reach, module, address, address + 8, from, why);
    return;
  }
  mark(reach, module.base + code.functionStart.length + region, from, site, why);
}

function mark(reach: Reach, node: number, from: number, site: number, why: string): void {
  if (from === ROOT) reach.entries.add(node);
  if (from < 0 && !reach.roots.has(node)) reach.roots.set(node, why);
  if (reach.from[node] !== 0) return;
  reach.from[node] = from < 0 ? ROOT : from + 1;
  reach.site[node] = site;
  reach.queue.push(node);
}

export function isReached(reach: Reach, module: Module, address: number): boolean {
  const index = functionAt(module.code, address);
  if (index < 0 || (reach.from[module.base + index] ?? 0) === 0) return false;
  return liveInstructions(module.code, index)?.has(address) !== false;
}

/** The functions of a file that were reached, by index. */
export function reachedFunctions(reach: Reach, module: Module): number[] {
  const list: number[] = [];
  for (let index = 0; index < module.code.functionStart.length; index++) {
    if ((reach.from[module.base + index] ?? 0) !== 0) list.push(index);
  }
  return list;
}

const unexplainedOf = new WeakMap<Module, Uint8Array>();

/** Functions with unwind entries that nothing visible leads to: dead ones, and parts of functions that the compiler moved
 * away and that only a jump table leads into. 1 for each such index. */
export function unexplained(module: Module): Uint8Array {
  const known = unexplainedOf.get(module);
  if (known !== undefined) return known;
  const { code } = module;
  const explained = new Uint8Array(code.functionStart.length);
  const explain = (address: number) => {
    const index = functionAt(code, address);
    if (index >= 0) explained[index] = 1;
  };
  for (let at = 0; at < code.site.length; at++) {
    // A reference of a function to itself explains nothing.
    const index = functionAt(code, code.target[at]!);
    if (index >= 0 && lastNotAbove(code.functionStart, code.site[at]!) !== index) explained[index] = 1;
  }
  for (let at = 0; at < code.relocations.count; at++) explain(code.relocations.addend[at]!);
  for (const symbol of code.dynamic?.symbols ?? []) if (symbol.defined) explain(symbol.address);
  for (const tag of ['init', 'fini'] as const) explain(code.dynamic?.value(tag) ?? 0);
  explain(code.elf.entry);
  if (code.isFixed)
    for (const region of code.regions)
      if (!region.isCode) forEachWord(code.elf, region, (_, value) => explain(value));
  const list = explained.map((one, index) => (one === 0 && code.functionIsKnown[index] === 1 ? 1 : 0));
  unexplainedOf.set(module, list);
  return list;
}
