// Names of options are compared with words of the command line and name no program or library, though many are called like one
// (sort --parallel, time, size). They stand in arrays of `struct option` for getopt_long(3), which are known by their form. A table of
// functions to look up can have it, too, so they still count as names of functions.

import { relocationAt, relocationTypes } from '../../elf/relocations.ts';
import { regionAt } from '../code/code.ts';
import { keptFor } from '../kept.ts';
import { imports, type Module } from './world.ts';

/** struct option: a pointer to the name, an int from 0 to 2 (no_argument … optional_argument), a pointer or none, an int; the
 * array ends with one that is all zero (getopt.h). */
const SIZE = 32;
/** Fewer could be something else of the same form. */
const FEWEST = 2;

/** The words of a file's data that point to names of options, by address. */
export const optionNames = keptFor((module: Module): ReadonlySet<number> => {
  const { relocations } = module.code;
  const names = new Set<number>();
  if (!imports(module, /^getopt_long(_only)?$/)) return names;
  let seen = 0;
  for (let index = 0; index < relocations.count; index++) {
    const start = relocations.place[index]!;
    if (start < seen) continue;
    let at = start;
    while (isOption(module, at)) at += SIZE;
    if (at - start < FEWEST * SIZE || !isZero(module, at, SIZE)) continue;
    for (let place = start; place < at; place += SIZE) names.add(place);
    seen = at;
  }
  return names;
});

function isOption(module: Module, at: number): boolean {
  const needs = wordAt(module, at + 8);
  const flag = wordAt(module, at + 16);
  const value = wordAt(module, at + 24);
  return (
    isPointer(module, at) &&
    !isPointer(module, at + 8) &&
    !isPointer(module, at + 24) &&
    needs !== undefined &&
    needs <= 2n &&
    (isPointer(module, at + 16) || flag === 0n) &&
    value !== undefined &&
    value >> 32n === 0n
  );
}

const isZero = (module: Module, at: number, size: number) =>
  Array.from({ length: size / 8 }, (_, word) => at + word * 8).every(
    (place) => !isPointer(module, place) && wordAt(module, place) === 0n,
  );

function isPointer({ code }: Module, at: number): boolean {
  const { relocations } = code;
  const index = relocationAt(relocations, at);
  return index >= 0 && relocations.type[index] !== relocationTypes.irelative;
}

/** Eight bytes as they stand in the file; undefined: not in it. */
function wordAt({ code }: Module, at: number): bigint | undefined {
  const region = code.regions[regionAt(code, at)];
  if (region?.offset === undefined || region.isCode || at + 8 > region.end) return undefined;
  return code.elf.bytes.readBigUInt64LE(region.offset + (at - region.start));
}
