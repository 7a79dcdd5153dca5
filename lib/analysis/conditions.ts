// The values that arguments can have, as calls with conditions. Contexts that differ in one argument alone become one call with
// a list; where that leaves too many, each argument stands for itself. Either way the calls permit all that was found.

import type { Abi } from '../linux/abi.ts';
import type { Parameter } from '../linux/arguments.ts';
import { constantValue, familyConstants, familyMask, nameConstant, nameFlags } from '../linux/constants.ts';
import { type Condition, name, number, type Value } from '../policy/model.ts';
import { type Bits, covers, isExact, join, keyOfBits, mask } from './values/bits.ts';
import type { ArgumentContext, Asked, CallArguments } from './values/contexts.ts';

/** One group of uses of a call. */
export interface Use {
  /** Undefined: whatever the arguments are. */
  readonly when: Condition | undefined;
  /** Of which it is made. */
  readonly contexts: readonly ArgumentContext[];
}

/** What one argument can be; undefined: anything. Ascending by key, none covers another. */
type Cell = readonly Bits[] | undefined;

interface Row {
  readonly cells: readonly Cell[];
  readonly contexts: readonly ArgumentContext[];
}

const MAX_ROWS = 8;
/** More values than these are said by the bits that they have in common (flags), or not at all (commands). */
const MAX_FLAGS = 12;
const MAX_COMMANDS = 64;
const MAX_PARTIAL = 3;
/** Unknown bits that are written out as values. */
const MAX_SPREAD = 2;

export function usesOf(known: CallArguments, abi: Abi): readonly Use[] {
  const { asked, contexts } = known;
  let rows = joined(
    contexts.map((context) => ({
      cells: asked.map((one, at) => cellOf([context.values[at]!], one.parameter, abi)),
      contexts: [context],
    })),
    asked,
    abi,
  );
  if (rows.length > MAX_ROWS) {
    rows = [
      {
        cells: asked.map((one, at) =>
          rows.map((row) => row.cells[at]).reduce((a, b) => union(a, b, one.parameter, abi)),
        ),
        contexts,
      },
    ];
  }
  return rows.map((row) => ({ when: conditionOf(row, asked, abi), contexts: row.contexts }));
}

/** Rows that differ in one cell become one, until there are none left; what another row covers goes. */
function joined(rows: readonly Row[], asked: readonly Asked[], abi: Abi): readonly Row[] {
  let list = unique(rows);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let column = asked.length - 1; column >= 0; column--) {
      const groups = new Map<string, Row[]>();
      for (const row of list) {
        const key = row.cells.map((cell, at) => (at === column ? '' : keyOfCell(cell))).join(';');
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [row]);
        else group.push(row);
      }
      if (groups.size === list.length) continue;
      isChanged = true;
      const { parameter } = asked[column]!;
      list = [...groups.values()].map(([first, ...others]) => ({
        cells: first!.cells.map((cell, at) =>
          at === column ? others.reduce((all, one) => union(all, one.cells[at], parameter, abi), cell) : cell,
        ),
        contexts: [first!, ...others].flatMap((one) => one.contexts),
      }));
    }
    const kept = list.filter(
      (row, at) =>
        !list.some(
          (other, where) => where !== at && rowCovers(other, row) && (where < at || !rowCovers(row, other)),
        ),
    );
    if (kept.length < list.length) {
      list = kept;
      isChanged = true;
    }
  }
  return list;
}

function unique(rows: readonly Row[]): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const key = row.cells.map(keyOfCell).join(';');
    const old = byKey.get(key);
    byKey.set(key, old === undefined ? row : { ...old, contexts: [...old.contexts, ...row.contexts] });
  }
  return [...byKey.values()];
}

const keyOfCell = (cell: Cell) => (cell === undefined ? '*' : cell.map(keyOfBits).join(','));

function rowCovers(a: Row, b: Row): boolean {
  return a.cells.every((cell, at) => cellCovers(cell, b.cells[at]));
}

function cellCovers(a: Cell, b: Cell): boolean {
  if (a === undefined) return true;
  return b?.every((one) => a.some((other) => covers(other, one))) === true;
}

function union(a: Cell, b: Cell, parameter: Parameter, abi: Abi): Cell {
  return a === undefined || b === undefined ? undefined : cellOf([...a, ...b], parameter, abi);
}

/** Values cut to what the kernel reads; undefined where they say nothing that a constant of the family would break. */
function cellOf(values: readonly Bits[], parameter: Parameter, abi: Abi): Cell {
  const width = mask(parameter.bits);
  let list = values.flatMap((one) =>
    spread({ known: one.known & width, value: one.value & width }, parameter),
  );
  list = list.filter(
    (one, at) =>
      !list.some((other, where) => where !== at && covers(other, one) && (where < at || !covers(one, other))),
  );
  if (list.some((one) => !isExact(one, parameter.bits) && !isTelling(one, parameter, abi))) return undefined;
  const partial = list.filter((one) => !isExact(one, parameter.bits));
  const isFlags = parameter.constants?.kind === 'flags';
  if (partial.length > MAX_PARTIAL || list.length > (isFlags ? MAX_FLAGS : MAX_COMMANDS)) {
    const one = list.reduce(join);
    return isFlags && isTelling(one, parameter, abi) ? [one] : undefined;
  }
  return [...list].sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
}

/** A value with few unknown bits as the values that it can be. */
function spread(bits: Bits, parameter: Parameter): readonly Bits[] {
  const unknown: bigint[] = [];
  for (let bit = 1n; bit <= mask(parameter.bits); bit <<= 1n) {
    if ((bits.known & bit) !== 0n) continue;
    if (unknown.length === MAX_SPREAD) return [bits];
    unknown.push(bit);
  }
  let list: readonly Bits[] = [{ known: mask(parameter.bits), value: bits.value }];
  for (const bit of unknown) list = list.flatMap((one) => [one, { ...one, value: one.value | bit }]);
  return list;
}

/** Whether some constant that the argument takes is ruled out. */
function isTelling(bits: Bits, { constants, bits: width }: Parameter, abi: Abi): boolean {
  if (constants?.kind !== 'flags') return false;
  const zero = bits.known & ~bits.value;
  return (
    (bits.value & mask(width)) !== 0n ||
    familyConstants(constants.family, abi).some((one) => (BigInt.asUintN(width, one.value) & zero) !== 0n)
  );
}

function conditionOf(row: Row, asked: readonly Asked[], abi: Abi): Condition | undefined {
  const parts = row.cells.flatMap((cell, at) =>
    cell === undefined ? [] : [cellCondition(cell, asked[at]!, row, asked, abi)],
  );
  return parts.length < 2 ? parts[0] : { kind: 'and', of: parts };
}

function cellCondition(
  cell: readonly Bits[],
  one: Asked,
  row: Row,
  asked: readonly Asked[],
  abi: Abi,
): Condition {
  const { parameter } = one;
  const operand = { argument: parameter.names[0]! };
  const family = isNamed(one, row, asked, abi) ? parameter.constants : undefined;
  const value = (bits: bigint) => constantOf(bits, family, abi);
  const exact = cell.filter((bits) => isExact(bits, parameter.bits));
  const parts: Condition[] = [];
  if (exact.length === 1) parts.push({ kind: 'compare', operand, op: '==', value: value(exact[0]!.value) });
  if (exact.length > 1) {
    const ranges = exact.map((bits) => {
      const constant = value(bits.value);
      return { low: constant, high: constant };
    });
    parts.push({ kind: 'in', operand, ranges });
  }
  for (const bits of cell) {
    if (isExact(bits, parameter.bits)) continue;
    const unknown = mask(parameter.bits) & ~bits.known;
    // Whichever is shorter: the bits that are held to something, or those that are not; but an inverted mask has to be a
    // value of the argument's type.
    const isFew =
      unknown >> BigInt(parameter.bits - 1) !== 0n ||
      ones(bits.known & mask(parameter.bits)) <= ones(unknown);
    parts.push({
      kind: 'masked',
      operand,
      mask: isFew
        ? maskOf(bits.known & mask(parameter.bits), family, abi)
        : { kind: 'not', of: maskOf(unknown, family, abi) },
      op: '==',
      value: bits.value === 0n ? number(0) : maskOf(bits.value, family, abi),
    });
  }
  return parts.length === 1 ? parts[0]! : { kind: 'or', of: parts };
}

/** The names of socket options hold for one level, and those of protocols for the internet's families. */
function isNamed({ parameter }: Asked, row: Row, asked: readonly Asked[], abi: Abi): boolean {
  const only = (argument: string, constants: readonly string[]) => {
    const cell = row.cells[asked.findIndex((one) => one.parameter.names.includes(argument))];
    const values = constants.map((constant) => constantValue(constant, abi));
    return cell?.every((bits) => values.includes(bits.value)) === true;
  };
  if (parameter.constants?.family === 'socket-options') return only('level', ['SOL_SOCKET']);
  if (parameter.constants?.family === 'ip-protocols') return only('family', ['AF_INET', 'AF_INET6']);
  return true;
}

function constantOf(value: bigint, constants: Parameter['constants'], abi: Abi): Value {
  if (constants === undefined) return plain(value);
  if (constants.kind === 'enum') {
    const known = nameConstant(constants.family, value, abi);
    return known === undefined ? plain(value) : name(known);
  }
  const field = familyMask(constants.family);
  const bits = field === undefined ? undefined : constantValue(field, abi);
  // A field that is in it as a whole, such as O_ACCMODE.
  const isWhole = bits !== undefined && bits !== 0n && (value & bits) === bits;
  const rest = isWhole ? value & ~bits : value;
  const texts = rest === 0n && isWhole ? [] : nameFlags(constants.family, rest, abi).split('|');
  const parts = (isWhole ? [field!, ...texts.filter((text) => !isZero(text, abi))] : texts).map(
    (text): Value => (/^\d/.test(text) ? plain(BigInt(text)) : name(text)),
  );
  return parts.length === 1 ? parts[0]! : { kind: 'or', of: parts };
}

/** Without the names of nothing, such as O_RDONLY. */
function maskOf(value: bigint, constants: Parameter['constants'], abi: Abi): Value {
  const all = constantOf(value, constants, abi);
  if (all.kind !== 'or') return all;
  const parts = all.of.filter((one) => one.kind !== 'name' || !isZero(one.name, abi));
  return parts.length === 1 ? parts[0]! : { kind: 'or', of: parts };
}

const isZero = (text: string, abi: Abi) => text === '0' || constantValue(text, abi) === 0n;

function plain(value: bigint): Value {
  return value > 0xffffn ? { kind: 'number', number: value, text: `0x${value.toString(16)}` } : number(value);
}

function ones(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}
