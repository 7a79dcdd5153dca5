// Comes from what was reached to what it leads to, until nothing is new: from functions by their references, from data by its words.

import { firstRelocation, relocationTypes } from '../../elf/relocations.ts';
import { forEachWord, functionAt, offsetIn, padsOf, regionAt, use } from '../code/code.ts';
import { liveInstructions } from '../code/live.ts';
import { pieceAt, pieceBefore } from '../code/objects.ts';
import { sitesBetween } from '../code/tables.ts';
import { addressRegister } from '../code/x86-64/flow.ts';
import { type Module, moduleOfNode, relocationTargets, type Spot } from '../files/world.ts';
import { keptFor } from '../kept.ts';
import { flightFrom, isWalkedFrom } from './flight.ts';
import { forEachMovedPart, hasMovedParts } from './moved-parts.ts';
import { type Held, holdsPointers, type Reach, stillAwaited } from './reach.ts';

/** Sections that describe the file to linker, loader and unwinder; a number in them that looks like an address is not
 * followed in files without relocations. */
const descriptions = /^\.(dyn|gnu|rela|note|eh_frame|gcc_except|interp|hash)/;

/** What leads to a beginning: nothing that is known; a name that is looked up; a pointer that code has kept; the loader, to choose
 * another function (ifunc). */
export const ROOT = -1;
export const LOOKUP = -2;
export const KEPT = -3;
export const CHOOSER = -4;

/** Room for modules that were added to the world since. */
export function grow(reach: Reach): void {
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
export function followData(
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
export function visit(reach: Reach, spot: Spot, from: number, site: number, why: string): void {
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
export function visitWord(
  reach: Reach,
  spot: Spot,
  width: number,
  from: number,
  site: number,
  why: string,
): void {
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
