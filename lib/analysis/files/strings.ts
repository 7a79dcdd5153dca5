// The constant strings that reached code and data name: among them are the names of libraries that are loaded by dlopen and
// of programs that are executed. That such a string is near says that it may be used, not that it is; so it only adds.

import { firstRelocation, relocationTypes } from '../../elf/relocations.ts';
import { type CodeFile, regionAt, use } from '../code/code.ts';
import { sitesBetween } from '../code/tables.ts';
import type { Reach } from '../reach/reach.ts';
import { optionNames } from './options.ts';
import { type Module, moduleOfNode } from './world.ts';

export interface Mention {
  readonly text: string;
  readonly module: Module;
  /** By a function that the loader runs to choose another, and that nothing else leads to. */
  readonly isChoosing: boolean;
  /** It stands where names of options do (options.ts). */
  readonly isOption: boolean;
}

/** A path has no more (PATH_MAX of linux/limits.h); names of functions in C++ can have hundreds. */
const MAX_LENGTH = 4096;

/** Strings named by the nodes that were reached since `from` (an index in the search's queue). */
export function* mentions(reach: Reach, from: number): Generator<Mention> {
  for (let at = from; at < reach.queue.length; at++) {
    const node = reach.queue[at]!;
    const module = moduleOfNode(reach.world, node);
    const { code } = module;
    const index = node - module.base;
    const functions = code.functionStart.length;
    if (index < functions) {
      const [first, behind] = sitesBetween(code.site, code.functionStart[index]!, code.functionEnd[index]!);
      for (let at = first; at < behind; at++) {
        const kind = code.use[at]!;
        const target = code.target[at]!;
        if (kind === use.memory) yield* pointed(module, target - 7, target + code.width[at]!);
        if (kind !== use.address && kind !== use.constant) continue;
        const text = stringAt(code, target);
        if (text !== undefined) yield { text, module, isChoosing: reach.choosers.has(node), isOption: false };
      }
      continue;
    }
    const start = code.pieces.start[index - functions]!;
    const end = code.pieces.end[index - functions]!;
    const region = code.regions[code.pieces.region[index - functions]!]!;
    yield* pointed(module, start, end);
    // In files at fixed addresses pointers in data have no relocations; the strings beside them are then all looked at.
    if (code.isFixed && !region.isWritable && !region.isCode && region.name.startsWith('.rodata'))
      yield* allStrings(module, start, end);
  }
}

/** Strings that the words in start … end point to. */
function* pointed(module: Module, start: number, end: number): Generator<Mention> {
  const { relocations } = module.code;
  for (
    let at = firstRelocation(relocations, start);
    at < relocations.count && relocations.place[at]! < end;
    at++
  ) {
    if (relocations.type[at] !== relocationTypes.relative) continue;
    const text = stringAt(module.code, relocations.addend[at]!);
    const isOption = optionNames(module).has(relocations.place[at]!);
    if (text !== undefined) yield { text, module, isChoosing: false, isOption };
  }
}

/** All strings in the file's data, whether anything names them or not. */
export function* stringsOf(module: Module): Generator<string> {
  for (const { isCode, name, start, end } of module.code.regions)
    if (!isCode && /^\.(ro)?data/.test(name))
      for (const { text } of allStrings(module, start, end)) yield text;
}

function* allStrings(module: Module, start: number, end: number): Generator<Mention> {
  const { code } = module;
  const region = code.regions[regionAt(code, start)]!;
  if (region.offset === undefined) return;
  const text = code.elf.bytes.toString('latin1', region.offset, region.offset + (end - start));
  for (const match of text.matchAll(/(?<=\0|^)[\x21-\x7e]{2,4096}(?=\0)/g))
    yield { text: match[0], module, isChoosing: false, isOption: false };
}

/** A printable string in read-only memory. */
export function stringAt(code: CodeFile, address: number): string | undefined {
  const region = code.regions[regionAt(code, address)];
  if (region === undefined || region.isCode || region.offset === undefined || region.isSlots)
    return undefined;
  const { bytes } = code.elf;
  const start = region.offset + (address - region.start);
  const limit = Math.min(start + MAX_LENGTH, region.offset + (region.end - region.start), bytes.length);
  let end = start;
  while (end < limit && bytes[end]! >= 0x20 && bytes[end]! < 0x7f) end++;
  return end > start + 1 && bytes[end] === 0 ? bytes.toString('latin1', start, end) : undefined;
}
