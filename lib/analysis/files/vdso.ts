// The kernel's own library, which is in every process (vdso(7)): its calls are what functions of time fall back on. What it offers
// is looked up by name, so a function of it counts once code names it.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { parseElf } from '../../elf/file.ts';
import { functionAt } from '../code/code.ts';
import { addExports, addRoot } from '../reach/beginnings.ts';
import { isFunctionReached, type Reach } from '../reach/reach.ts';
import { addModule, type Module, type World } from './world.ts';

export const VDSO = '[vdso]';
/** How its functions are called on x86-64 and AArch64's kernels: by this and the call, as a C string. */
const PREFIX = '__vdso_';
const WHY = 'called instead of the kernel';

/** Adds it as it is in this process. Throws errors of the file system and ElfError. */
export function addVdso(world: World): void {
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((one) => one.endsWith(VDSO));
  if (line === undefined) return;
  const [start, end] = line
    .split(' ')[0]!
    .split('-')
    .map((one) => Number.parseInt(one, 16)) as [number, number];
  const bytes = Buffer.alloc(end - start);
  const fd = openSync('/proc/self/mem', 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, start);
  } finally {
    closeSync(fd);
  }
  addModule(world, VDSO, parseElf({ file: VDSO, bytes }), undefined);
}

/** Whether a name is one of its functions. */
export function isOffered(world: World, name: string): boolean {
  return definitions(world, name).length > 0;
}

/** Code names one of its functions. */
export function addOffered(reach: Reach, name: string): void {
  for (const { module, symbol } of definitions(reach.world, name))
    addRoot(reach, { module, address: symbol.address }, WHY);
}

/** glibc's loader looks these up for the functions of the same name in the C library alone (sysdeps/unix/sysv/linux/clock_getres.c,
 * gettimeofday.c), which read them from the loader's data. */
const forNamesakes = ['clock_getres', 'gettimeofday'];

export const isForNamesake = (name: string) => forNamesakes.some((one) => name === PREFIX + one);

/** Whether the C library's function of that name can be called; there may be none. */
export function isNamesakeReached(reach: Reach, name: string): boolean {
  return (reach.world.definitions.get(name.slice(PREFIX.length)) ?? []).some(({ module, symbol }) => {
    const index = functionAt(module.code, symbol.address);
    if (module.path === VDSO || index < 0 || !isFunctionReached(reach, module, index)) return false;
    return !reach.choosers.has(module.base + index);
  });
}

/** A file whose code is not looked into, or which holds the names otherwise than as C strings (Go), can look up all of them. */
export function addUnseenLookups(reach: Reach, module: Module): void {
  const vdso = reach.world.byPath.get(VDSO);
  if (vdso === undefined || module === vdso) return;
  const { bytes } = module.code.elf;
  if (module.isSurface ? bytes.includes(PREFIX) : holdsOtherNames(reach.world, bytes))
    addExports(reach, vdso, WHY);
}

const definitions = (world: World, name: string) =>
  (world.definitions.get(name) ?? []).filter((one) => one.module.path === VDSO);

function holdsOtherNames(world: World, bytes: Buffer): boolean {
  for (let at = bytes.indexOf(PREFIX); at >= 0; at = bytes.indexOf(PREFIX, at + 1)) {
    const [name] = bytes.toString('latin1', at, at + 64).split('\0', 1);
    if (!isOffered(world, name!)) return true;
  }
  return false;
}
