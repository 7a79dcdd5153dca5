// Symbols that were taken out of a file when it was stripped, from the separate file beside it that distributions offer
// (Debian: packages named *-dbg and *-dbgsym). It belongs to the file if both have the same build id: GDB manual,
// "Separate Debug Files". Sizes of objects in such a table are the compiler's own.

import { basename, dirname, join } from 'node:path';
import type { Source } from './bytes.ts';
import { type ElfSymbol, readFullSymbols } from './dynamic.ts';
import { buildId, type ElfFile, isElf, noteBuildId, readSections, readSource } from './file.ts';

const FOLDER = '/usr/lib/debug';
const SHT_NOTE = 7;

export interface DebugSymbols {
  readonly symbols: readonly ElfSymbol[];
  /** Where a separate file was looked for, whether it is there or not: with another one the answer would be another. */
  readonly looked: readonly string[];
}

/** The full table of symbols: the file's own, else that of its separate debug file in `folder` or beside it; empty where there
 * is none. */
export function readDebugSymbols(elf: ElfFile, folder = FOLDER): DebugSymbols {
  const own = readFullSymbols(elf);
  if (own.length > 0) return { symbols: own, looked: [] };
  const id = buildId(elf);
  if (id === undefined) return { symbols: [], looked: [] };
  const looked: string[] = [];
  for (const path of candidates(elf, id, folder)) {
    looked.push(path);
    const symbols = symbolsOf(path, id);
    if (symbols !== undefined) return { symbols, looked };
  }
  return { symbols: [], looked };
}

function candidates(elf: ElfFile, id: string, root: string): readonly string[] {
  const byId = join(root, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
  const link = elf.allSections.find((one) => one.name === '.gnu_debuglink');
  if (link === undefined || link.size < 8) return [byId];
  const text = elf.bytes.toString('latin1', link.offset, link.offset + link.size - 4);
  const name = text.slice(0, text.indexOf('\0'));
  if (name === '' || name !== basename(name)) return [byId];
  const folder = dirname(elf.file);
  return [byId, join(folder, name), join(folder, '.debug', name), join(root, folder, name)];
}

/** undefined: no such file, another build's, or one that makes no sense. */
function symbolsOf(path: string, id: string): readonly ElfSymbol[] | undefined {
  try {
    const source: Source = readSource(path);
    if (!isElf(source.bytes)) return undefined;
    // Its program headers describe the stripped file; only its sections are its own.
    const allSections = readSections(source);
    const isOurs = allSections.some(
      (one) => one.type === SHT_NOTE && noteBuildId(source, one.offset, one.size) === id,
    );
    return isOurs ? readFullSymbols({ ...source, allSections }) : undefined;
  } catch {
    return undefined;
  }
}
