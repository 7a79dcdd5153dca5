// What Go's table of functions (.gopclntab) tells, which its runtime needs for itself and which no stripping takes away.
// Source: Go's src/debug/gosym/pclntab.go, ver118 and ver120.

import { relocationAt } from '../../elf/relocations.ts';
import { keptFor } from '../kept.ts';
import type { CodeFile } from './code.ts';

const GO_118 = 0xfffffff0;
const GO_120 = 0xfffffff1;
/** The header's words, in 8 bytes each, from byte 8 on. */
const word = { functions: 0, text: 2, names: 3, table: 7 } as const;
const HEADER = 8 + 8 * 8;

/** Go's own code keeps no registers over calls. Its table of functions tells such a file. */
export const isGo = (code: CodeFile): boolean => tableOf(code) !== undefined;

const tableOf = ({ regions }: CodeFile) => regions.find((one) => one.name.endsWith('.gopclntab'));

/** Where the code begins that distances of functions are counted from; undefined: there is no such table. */
export function goText(code: CodeFile): number | undefined {
  const table = tableOf(code);
  if (table?.offset === undefined || table.end - table.start < HEADER) return undefined;
  const place = table.start + 8 + 8 * word.text;
  const index = relocationAt(code.relocations, place);
  return index >= 0
    ? code.relocations.addend[index]!
    : Number(code.elf.bytes.readBigUInt64LE(table.offset + (place - table.start)));
}

/** Functions that are certainly no methods, by address: those whose name is a package's and their own. A table of a version that is
 * not known has none. */
export const goPlainFunctions = keptFor((code: CodeFile): ReadonlySet<number> => {
  const plain = new Set<number>();
  const region = tableOf(code);
  const text = goText(code);
  if (region?.offset === undefined || text === undefined) return plain;
  const table = code.elf.bytes.subarray(region.offset, region.offset + (region.end - region.start));
  const magic = table.readUInt32LE(0);
  if ((magic !== GO_118 && magic !== GO_120) || table[7] !== 8) return plain;
  const at = (index: number) => Number(table.readBigUInt64LE(8 + 8 * index));
  const [count, names, functions] = [at(word.functions), at(word.names), at(word.table)];
  for (let index = 0; index < count && functions + 8 * index + 8 <= table.length; index++) {
    const entry = table.readUInt32LE(functions + 8 * index);
    const data = functions + table.readUInt32LE(functions + 8 * index + 4);
    if (data + 8 > table.length) continue;
    const start = names + table.readInt32LE(data + 4);
    const end = table.indexOf(0, start);
    if (start >= 0 && end >= start && isPlain(table.toString('latin1', start, end))) plain.add(text + entry);
  }
  return plain;
});

/** `package.function`: dots in a package's name are escaped, methods and functions within others have further parts. */
function isPlain(name: string): boolean {
  const [own, ...more] = name.slice(name.lastIndexOf('/') + 1).split('.');
  return more.length === 1 && own !== 'error' && /^[\w%-]+$/.test(own!) && /^\w+$/.test(more[0]!);
}
