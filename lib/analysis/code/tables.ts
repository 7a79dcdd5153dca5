// Small questions about a file's tables, which several parts of the analysis ask.

import { firstFrom } from '../../elf/order.ts';
import { type CodeFile, regionAt, use } from './code.ts';

/** More than any compiler makes: a bound for files that are made to take long. */
export const MAX_TABLE = 1 << 16;

/** A file with its code. */
interface File {
  readonly code: CodeFile;
}

/** The addresses of code that a table of distances could name, up to the first that is none. */
export function tableEntries(file: File, table: number): readonly number[] {
  const entries: number[] = [];
  forEachEntry(file, table, (address) => entries.push(address));
  return entries;
}

export function forEachEntry({ code }: File, table: number, visit: (address: number) => void): void {
  const region = code.regions[regionAt(code, table)];
  if (
    region === undefined ||
    region.isCode ||
    region.isWritable ||
    region.offset === undefined ||
    table % 4 !== 0
  )
    return;
  const { bytes } = code.elf;
  const first = bytes.byteOffset + region.offset + (table - region.start);
  const size = Math.min(region.end - table, bytes.byteOffset + bytes.length - first);
  const length = Math.min(MAX_TABLE, Math.max(0, Math.floor(size / 4)));
  // Where they stand at multiples of 4 they are read far faster.
  const words = first % 4 === 0 ? new Int32Array(bytes.buffer, first, length) : undefined;
  // Most entries lead into the same piece of code.
  let start = 0;
  let behind = 0;
  for (let index = 0; index < length; index++) {
    const address =
      table + (words === undefined ? bytes.readInt32LE(first - bytes.byteOffset + 4 * index) : words[index]!);
    if (address < start || address >= behind) {
      const target = code.regions[regionAt(code, address)];
      if (target?.isCode !== true) return;
      start = target.start;
      behind = target.end;
    }
    visit(address);
  }
}

/** Index of the first reference at or behind an address. */
export function firstSite(sites: Float64Array, address: number): number {
  return firstFrom(sites.length, (index) => sites[index]! < address);
}

/** The slot that a stub of a linkage table jumps through: the first jump within a few instructions. */
export function slotOfStub(
  code: Pick<CodeFile, 'regions' | 'site' | 'use' | 'target'>,
  address: number,
): number | undefined {
  if (!/^\.i?plt/.test(code.regions[regionAt(code, address)]?.name ?? '')) return undefined;
  const [first, behind] = sitesBetween(code.site, address, address + 16);
  for (let at = first; at < behind; at++) if (code.use[at] === use.through) return code.target[at]!;
  return undefined;
}

/** Indices of the references in the code of start … end: the first, and the one behind the last. */
export function sitesBetween(
  sites: Float64Array,
  start: number,
  end: number,
): readonly [first: number, behind: number] {
  return [firstSite(sites, start), firstSite(sites, end)];
}
