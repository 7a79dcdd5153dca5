// Parts of functions that a compiler moved away (`.cold`), where only a table of jumps leads into them: nothing names them, so whoever names
// what could be such a table is taken to come to the parts that it leads to.

import { type CodeFile, forEachWord, functionAt, lastNotAbove } from '../code/code.ts';
import { forEachEntry } from '../code/tables.ts';
import type { Module } from '../files/world.ts';
import { keptFor } from '../kept.ts';

export const hasMovedParts = (module: Module): boolean => partsOf(module).indices.length > 0;

/** Calls `found` with the index of each such part that an entry leads into of what could be a table of jumps, as compilers write it for code
 * at any address: 32-bit distances from the table. Most of what it names lies in the function itself. A part that was moved away is told
 * by that nothing else leads there; where the table ends is not known, and reading too far can only add such parts. */
export function forEachMovedPart(module: Module, table: number, found: (index: number) => void): void {
  const { functionEnd } = module.code;
  const { starts, indices, near } = partsOf(module);
  const first = starts[0]!;
  const behind = functionEnd[indices.at(-1)!]!;
  forEachEntry(module, table, (address) => {
    if (address < first || address >= behind) return;
    let at = near[(address - first) >>> GRANULE]!;
    while (starts[at + 1]! <= address) at++;
    const index = indices[at]!;
    if (address < functionEnd[index]!) found(index);
  });
}

const partsOf = keptFor((module: Module) => {
  const indices = unexplained(module.code);
  const { functionStart, functionEnd } = module.code;
  const starts = Float64Array.from(indices, (index) => functionStart[index]!);
  const size = indices.length === 0 ? 0 : functionEnd[indices.at(-1)!]! - starts[0]!;
  // By the address in pieces of 2 ** GRANULE bytes: the last of them that begins not behind the piece's first byte.
  const near = new Int32Array((size >>> GRANULE) + 1);
  for (let piece = 0, at = 0; piece < near.length; piece++) {
    while (starts[at + 1]! <= starts[0]! + piece * 2 ** GRANULE) at++;
    near[piece] = at;
  }
  return { indices, starts, near };
});

/** Functions of compilers begin at multiples of 16, so that few begin in one piece. */
const GRANULE = 6;

/** Functions with unwind entries that nothing visible leads to: dead ones, and parts of functions that the compiler moved
 * away and that only a jump table leads into. By index, ascending. */
function unexplained(code: CodeFile): readonly number[] {
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
      if (!region.isCode)
        forEachWord(code.elf, region, region.start, region.end, (_, value) => explain(value));
  const indices: number[] = [];
  for (let index = 0; index < explained.length; index++)
    if (explained[index] === 0 && code.functionIsKnown[index] === 1) indices.push(index);
  return indices;
}
