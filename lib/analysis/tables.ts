// Small questions about a file's tables, which several parts of the analysis ask.

import { firstFrom } from '../elf/order.ts';
import { regionAt } from './code.ts';
import type { Module } from './world.ts';

/** More than any compiler makes: a bound for files that are made to take long. */
export const MAX_TABLE = 1 << 16;

/** The addresses of code that a table of distances could name, up to the first that is none. */
export function tableEntries(module: Module, table: number): readonly number[] {
  const { code } = module;
  const region = code.regions[regionAt(code, table)];
  if (
    region === undefined ||
    region.isCode ||
    region.isWritable ||
    region.offset === undefined ||
    table % 4 !== 0
  )
    return [];
  const entries: number[] = [];
  for (let at = table; at + 4 <= region.end && entries.length < MAX_TABLE; at += 4) {
    const address = table + code.elf.bytes.readInt32LE(region.offset + (at - region.start));
    if (code.regions[regionAt(code, address)]?.isCode !== true) break;
    entries.push(address);
  }
  return entries;
}

/** Index of the first reference at or behind an address. */
export function firstSite(sites: Float64Array, address: number): number {
  return firstFrom(sites.length, (index) => sites[index]! < address);
}

/** Indices of the references in the code of start … end: the first, and the one behind the last. */
export function sitesBetween(
  sites: Float64Array,
  start: number,
  end: number,
): readonly [first: number, behind: number] {
  return [firstSite(sites, start), firstSite(sites, end)];
}
