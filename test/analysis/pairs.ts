// Libraries and their debug files: what each says of where the data's objects end.

import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type KnownPackage, knownObjects } from '../../lib/analysis/code/known-objects.ts';
import { type Bounds, objectsOf, type Pieces, piecesOf } from '../../lib/analysis/code/objects.ts';
import { regionsOf } from '../../lib/analysis/code/regions.ts';
import { readDebugSymbols } from '../../lib/elf/debug.ts';
import { type ElfSymbol, readDynamic, readFullSymbols } from '../../lib/elf/dynamic.ts';
import { type ElfFile, ET_DYN, isElf, parseElf } from '../../lib/elf/file.ts';
import { readRelocations } from '../../lib/elf/relocations.ts';

export interface Pair {
  readonly elf: ElfFile;
  readonly debug: readonly ElfSymbol[];
}

/** Stripped x86-64 libraries below a folder whose debug files are in another. */
export function pairsIn(folder: string, debugFolder: string): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.so(\.|$)/.test(entry.name) || path.startsWith(debugFolder + sep)) continue;
    const bytes = readFileSync(path);
    if (!isElf(bytes) || bytes[4] !== 2 || bytes.readUInt16LE(16) !== ET_DYN) continue;
    const elf = parseElf({ file: path, bytes });
    if (readFullSymbols(elf).length > 0) continue;
    const { symbols } = readDebugSymbols(elf, debugFolder);
    if (symbols.length > 0) pairs.push({ elf, debug: symbols });
  }
  return pairs;
}

/** The pieces that a library's data is split into by all of its symbols, and by other objects. */
export function byDebugFile({ elf, debug }: Pair, others: readonly Bounds[] = []): Pieces {
  const dynamic = readDynamic(elf);
  const objects = objectsOf([...(dynamic?.symbols ?? []), ...debug], others);
  return piecesOf(regionsOf(elf), readRelocations(elf, dynamic), objects, false);
}

/** The same by its own symbols and a table. */
export function byTable(elf: ElfFile, table?: () => readonly KnownPackage[]): Pieces {
  const dynamic = readDynamic(elf);
  const regions = regionsOf(elf);
  const objects = objectsOf(dynamic?.symbols ?? [], knownObjects(elf, regions, table)?.objects);
  return piecesOf(regions, readRelocations(elf, dynamic), objects, false);
}
