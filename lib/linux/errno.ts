// Error numbers: what `errno E` in a policy stands for. They are the same on all our ABIs up to 34 (ERANGE); above that mips
// keeps its own numbers, from IRIX. Source: include/uapi/asm-generic/errno-base.h, errno.h; arch/mips/include/uapi/asm/errno.h.

import { type Abi, abis } from './abi.ts';
import { type Column, cellFor, findRow, readColumn } from './cells.ts';
import { errnoAliases, errnoTable } from './data/errnos.ts';

const columns = new Map<string, Column>();

/** The number of an error name on this ABI, 1…4095; undefined for a name that no C library has. */
export function errnoNumber(name: string, abi: Abi): number | undefined {
  const key = `${abi.table} ${name}`;
  const number = found.get(key) ?? lookUp(name, abi);
  if (number !== undefined) found.set(key, number);
  return number;
}

const found = new Map<string, number>();

/** Searches the text: a policy names two or three errors, and its start should not pay for all. */
function lookUp(name: string, abi: Abi): number | undefined {
  const cells = findRow(`\n${errnoTable}`, findRow(`\n${errnoAliases}`, name) ?? name);
  const cell = cells === undefined ? undefined : cellFor(cells, abi);
  return cell === undefined ? undefined : Number(cell);
}

/** The name of an error number on this ABI; of two names for one number the kernel's own (EAGAIN, not EWOULDBLOCK). */
export function errnoName(number: number, abi: Abi): string | undefined {
  return columnOf(abi).names.get(number);
}

/** All names, aliases last. */
export function errnoNames(): readonly string[] {
  return [...columnOf(abis.x86_64).numbers.keys()];
}

export function isErrnoName(name: string): boolean {
  return errnoNumber(name, abis.x86_64) !== undefined;
}

function columnOf(abi: Abi): Column {
  let column = columns.get(abi.table);
  if (column === undefined) {
    column = readColumn(errnoTable, errnoAliases, abi);
    columns.set(abi.table, column);
  }
  return column;
}
