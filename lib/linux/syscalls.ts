// System call names and numbers, per ABI. The table is text, and a column of it is read only when its ABI is asked for:
// starting a program under a small list must not pay for nine other architectures.

import { type Abi, type AbiName, abis } from './abi.ts';
import { syscallNumberTable } from './data/syscall-numbers.ts';

interface Column {
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<number, string>;
  readonly newest: number;
}

const columns = new Map<string, Column>();
let lines: readonly string[] | undefined;
let everyName: ReadonlySet<string> | undefined;

/** The number as it stands in seccomp_data.nr (base or bit 30 included); undefined where the ABI has no such call. */
export function syscallNumber(abi: Abi, name: string): number | undefined {
  const number = columnOf(abi).numbers.get(name);
  return number === undefined ? undefined : number + abi.numberBase;
}

/** The name of seccomp_data.nr; undefined for a number that the ABI does not use. */
export function syscallName(abi: Abi, nr: number): string | undefined {
  return columnOf(abi).names.get(nr - abi.numberBase);
}

/** The newest call's number in our table (base or bit 30 included): what lies above is unknown to us. Calls that an
 * architecture keeps at numbers of its own far above the common range (arm's 0x0f0000) do not count. */
export function newestNumber(abi: Abi): number {
  return columnOf(abi).newest + abi.numberBase;
}

/** All names of one ABI, or of any, in the table's (alphabetical) order. */
export function syscallNames(abi?: Abi): readonly string[] {
  return abi === undefined ? [...allNames()] : [...columnOf(abi).numbers.keys()];
}

/** All numbers of an ABI as they stand in seccomp_data.nr, ascending. */
export function syscallNumbersOf(abi: Abi): Uint32Array {
  return Uint32Array.from(columnOf(abi).names.keys(), (number) => number + abi.numberBase).sort();
}

/** Whether any ABI has a call of this name. */
export function isSyscallName(name: string): boolean {
  return allNames().has(name);
}

/** The ABIs that have a call of this name. */
export function abisWith(name: string): readonly AbiName[] {
  return Object.values(abis)
    .filter((abi) => columnOf(abi).numbers.has(name))
    .map((abi) => abi.name);
}

function allNames(): ReadonlySet<string> {
  everyName ??= new Set(tableLines().map((line) => line.slice(0, line.indexOf('\t'))));
  return everyName;
}

function tableLines(): readonly string[] {
  lines ??= syscallNumberTable.slice(syscallNumberTable.indexOf('\n') + 1, -1).split('\n');
  return lines;
}

function columnOf(abi: Abi): Column {
  const known = columns.get(abi.table);
  if (known !== undefined) return known;
  const header = syscallNumberTable.slice(0, syscallNumberTable.indexOf('\n')).split('\t');
  const index = header.indexOf(abi.table);
  if (index < 0) throw new Error(`no table for ABI ${abi.name}`);
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  let newest = 0;
  for (const line of tableLines()) {
    let start = line.indexOf('\t') + 1;
    const name = line.slice(0, start - 1);
    for (let skip = 1; skip < index; skip++) start = line.indexOf('\t', start) + 1;
    // A cell is a number or '-', which is not one.
    const number = Number.parseInt(line.slice(start, start + LONGEST_NUMBER), 10);
    if (Number.isNaN(number)) continue;
    numbers.set(name, number);
    names.set(number, name);
    if (number < PRIVATE_NUMBERS) newest = Math.max(newest, number);
  }
  const column = { numbers, names, newest };
  columns.set(abi.table, column);
  return column;
}

const LONGEST_NUMBER = 6;
/** arm keeps breakpoint, cacheflush and the like at __ARM_NR_BASE (0x0f0000), above any common number. */
const PRIVATE_NUMBERS = 0xf0000;
