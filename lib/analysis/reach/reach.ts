// Which functions can run: everything that can be come to from where execution begins, by calls and jumps, by the address of
// a function being taken, and by data that holds such an address. A piece of data (a section) counts as a whole once any
// address in it is named: where one object ends and the next begins is not known for sure. Nothing is assumed about values.
// The search is breadth first, so that the way kept for each function is a shortest one.

import { firstRelocation } from '../../elf/relocations.ts';
import { type CodeFile, functionAt, regionAt } from '../code/code.ts';
import { liveInstructions } from '../code/live.ts';
import { pieceAt, pieceBefore } from '../code/objects.ts';
import type { Module, Spot, World } from '../files/world.ts';
import { referencesTo } from '../values/bodies.ts';
import { awaited } from './held-back.ts';

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
export interface Held {
  readonly module: Module;
  readonly at: number;
  readonly node: number;
}

/** What a reference still waits for: any of these. Empty: it does not wait. */
export function stillAwaited({ released }: Reach, code: CodeFile, at: number): readonly string[] {
  const names = awaited(code, at);
  return names.some((one) => released.has(one)) ? [] : names;
}

/** Whether something waits for it. */
export const isAwaited = ({ held }: Reach, what: string): boolean => held.has(what);

export function holdsPointers({ relocations, pieces }: CodeFile, piece: number): boolean {
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
