// Named constants: what people write in rules, and what explanations show. A name has a value per ABI (O_DIRECTORY, TCGETS and
// SOCK_STREAM are not the same everywhere), and belongs to families: the values that one kind of argument takes.
//
// Values (data/constants-*.ts) and families (data/constant-families.ts) are texts. A look-up searches its row and reads that
// alone, because the start of a program must not pay for thousands of names that its policy does not use.

import { type Abi, abis } from './abi.ts';
import { cellFor, findRow } from './cells.ts';
import { constantFamilyTable } from './data/constant-families.ts';
import { fileConstants } from './data/constants-files.ts';
import { ioctlConstants } from './data/constants-ioctl.ts';
import { kernelConstants } from './data/constants-kernel.ts';
import { memoryConstants } from './data/constants-memory.ts';
import { networkConstants } from './data/constants-network.ts';
import { processConstants } from './data/constants-process.ts';
import { errnoNames, errnoNumber, isErrnoName } from './errno.ts';
import { isSignalName, signalNames, signalNumber } from './signals.ts';

/** A named value. Values that C has as negative ints (AT_FDCWD) are negative here. */
export interface Constant {
  readonly name: string;
  readonly value: bigint;
}

interface Family {
  readonly kind: 'flags' | 'enum';
  /** The constant that masks the part that is a number rather than bits, such as O_ACCMODE. */
  readonly mask?: string;
  /** The values of that part. */
  readonly field: readonly string[];
  readonly members: readonly string[];
}

/** Each is read only when it is come to (scripts/bundle.js). */
const tables: readonly (() => string)[] = [
  () => fileConstants,
  () => memoryConstants,
  () => processConstants,
  () => networkConstants,
  () => kernelConstants,
  () => ioctlConstants,
];

const LOOKUPS_BEFORE_INDEX = 50;
let lookups = 0;
let index: ReadonlyMap<string, string> | undefined;
const families = new Map<string, Family>();
const valued = new Map<string, readonly Constant[]>();

/** The value of a constant on an ABI; undefined for a name that is unknown, or that this ABI does not have. */
export function constantValue(name: string, abi: Abi): bigint | undefined {
  const cells = cellsOf(name);
  if (cells !== undefined) {
    const cell = cellFor(cells, abi);
    return cell === undefined ? undefined : cellValue(cell);
  }
  const number = name.startsWith('SIG') ? signalNumber(name, abi) : errnoNumber(name, abi);
  return number === undefined ? undefined : BigInt(number);
}

/** Whether any ABI has a constant of this name; errors and signals count. */
export function isConstantName(name: string): boolean {
  return cellsOf(name) !== undefined || isSignalName(name) || isErrnoName(name);
}

/** Every name, for completion and for finding the nearest one. */
export function constantNames(): readonly string[] {
  index ??= readAll();
  const names = new Set<string>(index.keys());
  for (const abi of [abis.x86_64, abis.mips64]) for (const name of signalNames(abi)) names.add(name);
  for (const name of errnoNames()) names.add(name);
  return [...names];
}

/** The families' names, in the table's order. */
export function constantFamilies(): readonly string[] {
  const names: string[] = [];
  for (const line of constantFamilyTable.split('\n')) {
    if (/^[a-z]/.test(line)) names.push(line.slice(0, line.indexOf(' ')));
  }
  return names;
}

/** The members of a family that the ABI has, in the table's order; empty for an unknown family. */
export function familyConstants(family: string, abi: Abi): readonly Constant[] {
  const key = `${abi.table} ${family}`;
  const known = valued.get(key);
  if (known !== undefined) return known;
  const found = familyOf(family);
  const all = found === undefined ? [] : valuesOf([...found.field, ...found.members], abi);
  valued.set(key, all);
  return all;
}

/** The constant that masks the part of a family's values that is a number rather than bits (SOCK_TYPE_MASK); undefined where
 * there is none. */
export function familyMask(family: string): string | undefined {
  return familyOf(family)?.mask;
}

/** The name of one value of a family; of several, the first in the table. Negative and unsigned forms of 32 bits are the same. */
export function nameConstant(family: string, value: bigint, abi: Abi): string | undefined {
  const wanted = unsigned(value);
  return familyConstants(family, abi).find((one) => unsigned(one.value) === wanted)?.name;
}

/**
 * A value of a family in C's words: `O_RDWR|O_CLOEXEC`, what has no name in hex at the end (`O_RDONLY|0x40000000`), `0` for an
 * empty set, permissions of files in octal. The value is taken as unsigned; negative ones as 32 bits where that is enough.
 */
export function nameFlags(family: string, value: bigint, abi: Abi): string {
  const found = familyOf(family);
  let rest = unsigned(value);
  const parts: string[] = [];
  if (found?.mask !== undefined) {
    const mask = constantValue(found.mask, abi) ?? 0n;
    const part = rest & mask;
    const name = valuesOf(found.field, abi).find((one) => one.value === part)?.name;
    if (name !== undefined) parts.push(name);
    else if (part !== 0n) parts.push(hex(part));
    rest &= ~mask;
  }
  const flags = found === undefined ? [] : valuesOf(found.members, abi);
  const byBits = flags
    .map((one, at) => ({ name: one.name, bits: unsigned(one.value), at }))
    .filter((one) => one.bits !== 0n)
    .sort((a, b) => ones(b.bits) - ones(a.bits) || a.at - b.at);
  const named: typeof byBits = [];
  for (const one of byBits) {
    if ((rest & one.bits) !== one.bits) continue;
    named.push(one);
    rest &= ~one.bits;
  }
  parts.push(...named.sort((a, b) => a.at - b.at).map((one) => one.name));
  if (rest !== 0n) parts.push(family === 'file-mode' ? `0${rest.toString(8)}` : hex(rest));
  if (parts.length > 0) return parts.join('|');
  return flags.find((one) => one.value === 0n)?.name ?? '0';
}

/** Few look-ups search the text; a policy that names many constants gets them all in a map. */
function cellsOf(name: string): string | undefined {
  if (index === undefined && ++lookups > LOOKUPS_BEFORE_INDEX) index = readAll();
  if (index !== undefined) return index.get(name);
  for (const table of tables) {
    const cells = findRow(table(), name);
    if (cells !== undefined) return cells;
  }
  return undefined;
}

function readAll(): ReadonlyMap<string, string> {
  const rows = new Map<string, string>();
  for (const table of tables) {
    for (const line of table().split('\n')) {
      const space = line.indexOf(' ');
      if (space > 0) rows.set(line.slice(0, space), line.slice(space + 1));
    }
  }
  return rows;
}

function valuesOf(names: readonly string[], abi: Abi): readonly Constant[] {
  const found: Constant[] = [];
  for (const name of names) {
    const value = constantValue(name, abi);
    if (value !== undefined) found.push({ name, value });
  }
  return found;
}

/** A row of the family table: `open-flags flags O_ACCMODE: O_RDONLY O_WRONLY O_RDWR / O_CREAT …`, continued on indented lines. */
function familyOf(name: string): Family | undefined {
  const known = families.get(name);
  if (known !== undefined) return known;
  const at = constantFamilyTable.indexOf(`\n${name} `);
  if (at < 0) return undefined;
  const colon = constantFamilyTable.indexOf(':', at);
  const [, kind, mask] = constantFamilyTable.slice(at + 1, colon).split(' ');
  const rest = constantFamilyTable.slice(colon + 1);
  const words = rest
    .slice(0, rest.search(/\n(?! )/))
    .trim()
    .split(/\s+/);
  const slash = words.indexOf('/');
  const field = slash < 0 ? [] : words.slice(0, slash);
  const family: Family = {
    kind: kind as Family['kind'],
    ...(mask === undefined ? {} : { mask }),
    field,
    members: slash < 0 ? words : words.slice(slash + 1),
  };
  families.set(name, family);
  return family;
}

function cellValue(cell: string): bigint {
  return cell.startsWith('-') ? -BigInt(cell.slice(1)) : BigInt(cell);
}

function unsigned(value: bigint): bigint {
  if (value >= 0n) return value;
  return value >= -0x80000000n ? BigInt.asUintN(32, value) : BigInt.asUintN(64, value);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function ones(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}
