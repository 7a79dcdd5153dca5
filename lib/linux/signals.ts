// Signal names and numbers. mips has its own order above 6. Source: include/uapi/asm-generic/signal.h, arch/x86/include/uapi/asm/signal.h
// and arch/mips/include/uapi/asm/signal.h. Real-time signals are numbers only: their first usable one is the C library's choice.

import { type Abi, abis } from './abi.ts';
import { type Column, readColumn } from './cells.ts';
import { signalAliases, signalTable } from './data/signals.ts';

const columns = new Map<string, Column>();

/** The number of `SIGTERM` and the like on this ABI, 1…31; undefined for a name that it has not. */
export function signalNumber(name: string, abi: Abi): number | undefined {
  return columnOf(abi).numbers.get(name);
}

/** The name, with SIG, of a signal number on this ABI; undefined for 0 and for real-time signals. */
export function signalName(number: number, abi: Abi): string | undefined {
  return columnOf(abi).names.get(number);
}

/** All names of this ABI, aliases last. */
export function signalNames(abi: Abi): readonly string[] {
  return [...columnOf(abi).numbers.keys()];
}

/** Whether any ABI has a signal of this name. */
export function isSignalName(name: string): boolean {
  return [abis.x86_64, abis.mips64].some((abi) => columnOf(abi).numbers.has(name));
}

function columnOf(abi: Abi): Column {
  let column = columns.get(abi.table);
  if (column === undefined) {
    column = readColumn(signalTable, signalAliases, abi);
    columns.set(abi.table, column);
  }
  return column;
}
