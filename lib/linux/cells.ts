// The little format that our tables of kernel numbers share: one name a row, its number, then the ABIs that differ.
//
//   SIGBUS 7 mips64=10
//   PTRACE_GETREGS 12 aarch64,riscv64=-          '-': that ABI has none
//
// A row is found by searching the text, so that one look-up costs microseconds and the start of a program pays for no table.

import type { Abi } from './abi.ts';

/** The row of a name in a table that begins and ends with a line break: what stands behind the name. */
export function findRow(table: string, name: string): string | undefined {
  const start = `\n${name} `;
  const at = table.indexOf(start);
  return at < 0 ? undefined : table.slice(at + start.length, table.indexOf('\n', at + 1));
}

/** The number in a row's cells for one ABI, as text; undefined where that ABI has none. */
export function cellFor(cells: string, abi: Abi): string | undefined {
  const space = cells.indexOf(' ');
  let value = space < 0 ? cells : cells.slice(0, space);
  if (space >= 0) {
    for (const exception of cells.slice(space + 1).split(' ')) {
      const equals = exception.indexOf('=');
      if (exception.slice(0, equals).split(',').includes(abi.table)) value = exception.slice(equals + 1);
    }
  }
  return value === '-' ? undefined : value;
}

/** A small table read whole for one ABI, both ways. */
export interface Column {
  readonly numbers: ReadonlyMap<string, number>;
  /** The first of several names of one number. */
  readonly names: ReadonlyMap<number, string>;
}

/** Reads all rows for one ABI; `aliases` has rows `SECOND-NAME NAME`. */
export function readColumn(table: string, aliases: string, abi: Abi): Column {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of table.trimEnd().split('\n')) {
    const space = line.indexOf(' ');
    const cell = cellFor(line.slice(space + 1), abi);
    if (cell === undefined) continue;
    const number = Number(cell);
    numbers.set(line.slice(0, space), number);
    if (!names.has(number)) names.set(number, line.slice(0, space));
  }
  for (const line of aliases.trimEnd().split('\n')) {
    const [alias, name] = line.split(' ');
    const number = numbers.get(name!);
    if (number !== undefined) numbers.set(alias!, number);
  }
  return { numbers, names };
}
