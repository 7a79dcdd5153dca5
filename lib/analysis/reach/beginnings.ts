// Where execution begins: entries that the kernel and the loader know of, and whatever else is found to be called without code that names it.

import { STT_FUNC, STT_GNU_IFUNC, STT_OBJECT } from '../../elf/dynamic.ts';
import { relocationTypes } from '../../elf/relocations.ts';
import { functionAt } from '../code/code.ts';
import { goFunctions, goPlainFunctions, isGo } from '../code/go.ts';
import type { Module, Spot } from '../files/world.ts';
import { CHOOSER, followData, grow, KEPT, LOOKUP, ROOT, visit, visitWord } from './follow.ts';
import type { Reach } from './reach.ts';

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
