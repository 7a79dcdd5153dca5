// All files that can be loaded into the processes in question, as one: the program, its dynamic loader, its libraries, the
// kernel's vDSO, plug-ins, and programs that it executes. Addresses stay as they were linked, each beside its file, so that
// no number can be taken for an address of another file. Names are bound to every definition that the loader could choose.

import { readFileSync, realpathSync } from 'node:fs';
import { ElfError } from '../../elf/bytes.ts';
import { type ElfSymbol, readDynamic, STT_TLS } from '../../elf/dynamic.ts';
import { type ElfFile, readElf, reading } from '../../elf/file.ts';
import { firstFrom } from '../../elf/order.ts';
import { relocationTypes } from '../../elf/relocations.ts';
import { findLibrary, LOADER_CACHE, type Requester } from '../../elf/search.ts';
import { type CodeFile, regionAt } from '../code/code.ts';
import { mayCallKernel, readCode, readSurface } from '../code/read.ts';

export interface Module {
  readonly index: number;
  readonly path: string;
  readonly code: CodeFile;
  /** Nodes of the graph: one for each function, then one for each piece of data. */
  readonly base: number;
  /** The loader that was asked for by the program that it belongs to. */
  readonly interpreter: string | undefined;
  /** Only what it points to is known, not its code (see readSurface). */
  readonly isSurface: boolean;
}

/** An address of a file. */
export interface Spot {
  readonly module: Module;
  readonly address: number;
}

export interface World {
  readonly modules: Module[];
  readonly byPath: Map<string, Module>;
  /** The file for which a library was loaded first. */
  readonly loadedFor: Map<Module, Module>;
  readonly definitions: Map<string, { module: Module; symbol: ElfSymbol }[]>;
  /** Libraries that were needed and not found: `name` (needed by `file`). */
  readonly missing: { readonly name: string; readonly by: string }[];
  /** What the kernel starts: programs, and their loaders. */
  readonly started: Set<Module>;
  readonly libraryPath: string | undefined;
  /** LD_PRELOAD, LD_AUDIT and /etc/ld.so.preload, as paths or names. */
  readonly preload: readonly string[];
  /** Every path that was looked at for a file, there or not, as it was asked for. */
  readonly looked: Set<string>;
  nodes: number;
}

export function newWorld(environment: Readonly<Record<string, string | undefined>>): World {
  return {
    modules: [],
    byPath: new Map(),
    loadedFor: new Map(),
    definitions: new Map(),
    missing: [],
    started: new Set(),
    libraryPath: environment.LD_LIBRARY_PATH,
    preload: `${environment.LD_PRELOAD ?? ''} ${environment.LD_AUDIT ?? ''} ${preloaded()}`
      .split(/[\s:]+/)
      .filter((one) => one !== ''),
    looked: new Set([PRELOAD, LOADER_CACHE]),
    nodes: 0,
  };
}

const PRELOAD = '/etc/ld.so.preload';

/** What the loader puts into every program (ld.so(8)). */
function preloaded(): string {
  try {
    return readFileSync(PRELOAD, 'utf8').replace(/#.*/g, '');
  } catch {
    return '';
  }
}

/** Adds a program with its loader and all it needs; the modules that are new. Throws ElfError and file system errors. */
export function addProgram(world: World, path: string): readonly Module[] {
  const before = world.modules.length;
  const program = addFile(world, path, undefined);
  const { entry, interpreter } = program.code.elf;
  if (program.code.regions[regionAt(program.code, entry)]?.isCode !== true)
    throw new ElfError(`${path}: its entry point, 0x${entry.toString(16)}, is not in its code`, {
      advice: 'the file is damaged, or a library and no program',
    });
  world.started.add(program);
  if (interpreter !== undefined) world.started.add(addLoader(world, path, interpreter));
  addNeeded(world, program, interpreter);
  if (interpreter !== undefined)
    for (const name of world.preload) addByName(world, name, program, interpreter);
  return world.modules.slice(before);
}

function addLoader(world: World, path: string, interpreter: string): Module {
  try {
    return addFile(world, interpreter, interpreter);
  } catch (error) {
    // What it says of itself is another matter.
    if (!(error instanceof ElfError) || error.cause === undefined) throw error;
    throw new ElfError(`${path}: its loader cannot be read: ${error.message}`, {
      advice: 'install it; the kernel does not start the program without it',
      cause: error,
    });
  }
}

/** Functions whose parameters matter. */
const TELLING = /^(syscall|dlv?sym|pam_set_item)$/;

/** Adds a plug-in for the file that loads it, of which only what it points to is read where its own code cannot make a call: it makes none itself, does not
 * pass a call's number to the C library, looks up no names, and does not change what PAM is asked for. The modules that are new. */
export function addPlugin(
  world: World,
  path: string,
  interpreter: string | undefined,
  by?: Module,
): readonly Module[] {
  const before = world.modules.length;
  world.looked.add(path);
  const real = reading(path, () => realpathSync(path));
  if (!world.byPath.has(real)) {
    const elf = readElf(real);
    const dynamic = readDynamic(elf);
    const tells = dynamic?.symbols.some((one) => !one.defined && TELLING.test(one.name)) !== false;
    if (tells || mayCallKernel(elf)) addModule(world, real, elf, interpreter);
    else addCode(world, real, readSurface(elf, dynamic), interpreter, true);
  }
  const plugin = world.byPath.get(real)!;
  if (by !== undefined && world.modules.length > before) world.loadedFor.set(plugin, by);
  addNeeded(world, plugin, interpreter);
  return world.modules.slice(before);
}

function addNeeded(world: World, first: Module, interpreter: string | undefined): void {
  const queue = [first];
  for (let module = queue.shift(); module !== undefined; module = queue.shift()) {
    for (const name of module.code.dynamic?.needed ?? [])
      queue.push(...addByName(world, name, module, interpreter));
  }
}

function addByName(
  world: World,
  name: string,
  by: Module,
  interpreter: string | undefined,
): readonly Module[] {
  const before = world.modules.length;
  const paths = findLibrary(name, requester(world, by, interpreter), world.libraryPath, world.looked);
  // The loader searches for none that the process has by that name already.
  if (paths.length === 0 && !world.modules.some(({ code }) => code.dynamic?.soname === name))
    world.missing.push({ name, by: by.path });
  for (const path of paths) addFile(world, path, interpreter);
  const added = world.modules.slice(before);
  for (const module of added) world.loadedFor.set(module, by);
  return added;
}

export function requester(world: World, module: Module, interpreter = module.interpreter): Requester {
  const loaders = [];
  for (let one = world.loadedFor.get(module); one !== undefined; one = world.loadedFor.get(one))
    loaders.push(pathsOf(one));
  return { ...pathsOf(module), loaders, machine: module.code.elf.machine, interpreter };
}

const pathsOf = ({ path, code }: Module) => ({
  file: path,
  rpath: code.dynamic?.rpath ?? [],
  runpath: code.dynamic?.runpath ?? [],
});

function addFile(world: World, path: string, interpreter: string | undefined): Module {
  world.looked.add(path);
  const real = reading(path, () => realpathSync(path));
  return world.byPath.get(real) ?? addModule(world, real, readElf(real), interpreter);
}

/** Whether a file names a function that is another file's. */
export function imports(module: Module | undefined, name: RegExp): boolean {
  return module?.code.dynamic?.symbols.some((one) => !one.defined && name.test(one.name)) === true;
}

/** glibc's loader and its library, by the names that they give themselves. */
export const isLoader = ({ code }: Module) => code.dynamic?.soname?.startsWith('ld-linux') === true;
export const isCLibrary = (module: Module | undefined) =>
  module?.code.dynamic?.soname?.startsWith('libc.so.') === true;

/** Its functions are looked up by the loader, if it is loaded for that (rtld-audit(7)). */
export const isAuditor = ({ code: { dynamic } }: Module) =>
  dynamic?.symbols.some((one) => one.defined && one.name === 'la_version') === true;

/** It holds the C library's code itself, and with it what looks up names. */
export const isStatic = ({ code: { elf, dynamic } }: Module) =>
  elf.interpreter === undefined && dynamic?.soname === undefined && (dynamic?.needed ?? []).length === 0;

/** dlopen(3)'s other half. */
export const LOOKS_UP = /^dlv?sym$/;

export function addModule(world: World, path: string, elf: ElfFile, interpreter: string | undefined): Module {
  return addCode(world, path, readCode(elf), interpreter, false);
}

function addCode(
  world: World,
  path: string,
  code: CodeFile,
  interpreter: string | undefined,
  isSurface: boolean,
): Module {
  const module = { index: world.modules.length, path, code, base: world.nodes, interpreter, isSurface };
  world.nodes += code.functionStart.length + code.pieces.start.length;
  world.modules.push(module);
  for (const path of code.looked) world.looked.add(path);
  world.byPath.set(path, module);
  for (const symbol of code.dynamic?.symbols ?? []) {
    if (!symbol.defined || symbol.binding === 0 || symbol.name === '') continue;
    const list = world.definitions.get(symbol.name);
    if (list === undefined) world.definitions.set(symbol.name, [{ module, symbol }]);
    else list.push({ module, symbol });
  }
  return module;
}

export function moduleOfNode(world: World, node: number): Module {
  const behind = firstFrom(world.modules.length, (index) => world.modules[index]!.base <= node);
  return world.modules[behind - 1]!;
}

/** Every definition that a wanted symbol can be bound to: of its version where both say one. A definition of the file's own
 * is among them, for it is used unless another stands before it. */
export function definitionsOf(
  world: World,
  wanted: ElfSymbol,
): readonly { module: Module; symbol: ElfSymbol }[] {
  const all = world.definitions.get(wanted.name) ?? [];
  return all.filter(
    ({ symbol }) => wanted.version === '' || symbol.version === '' || symbol.version === wanted.version,
  );
}

/** What a relocation writes: the addresses that the word can have. Offsets of thread-local variables are none. */
export function relocationTargets(world: World, module: Module, index: number): readonly Spot[] {
  const { relocations, dynamic } = module.code;
  const type = relocations.type[index]!;
  const addend = relocations.addend[index]!;
  if (type === relocationTypes.relative || type === relocationTypes.irelative)
    return [{ module, address: addend }];
  const symbol = dynamic?.symbols[relocations.symbol[index]!];
  if (symbol === undefined || symbol.name === '') return [];
  if (
    type === relocationTypes.dtpmod ||
    type === relocationTypes.dtpoff ||
    type === relocationTypes.tpoff ||
    type === relocationTypes.tlsdesc
  )
    return [];
  const isExact =
    type === relocationTypes.globDat || type === relocationTypes.jumpSlot || type === relocationTypes.copy;
  const own =
    symbol.defined && symbol.type !== STT_TLS
      ? [{ module, address: symbol.address + (isExact ? 0 : addend) }]
      : [];
  const found = definitionsOf(world, symbol).filter(
    (one) => one.module !== module && one.symbol.type !== STT_TLS,
  );
  return [
    ...own,
    ...found.map((one) => ({ module: one.module, address: one.symbol.address + (isExact ? 0 : addend) })),
  ];
}
