// Conditions cut into the smallest words that formats share: `register & mask == value`, joined by and, alternatives beside each
// other. Such a test looks at exactly the bits that the kernel reads, whatever the format thinks of widths and signs.

import type { Abi } from '../linux/abi.ts';
import type { Condition, Value } from '../policy/model.ts';
import { fieldOf } from '../policy/operand.ts';
import { numberOf, pattern } from '../policy/value.ts';

/** register & mask == value; value has no bits outside mask. */
export interface Cube {
  readonly mask: bigint;
  readonly value: bigint;
}

/** A test for each argument register that is looked at; all must hold. */
export type Box = ReadonlyMap<number, Cube>;

/** More alternatives than this for one call are not written out. */
export const MAX_BOXES = 2048;

/** Alternatives that together hold exactly where the condition holds; undefined where there are more than MAX_BOXES. */
export function boxesOf(
  condition: Condition,
  abi: Abi,
  call: string | undefined,
): readonly Box[] | undefined {
  return boxes(condition, abi, call, false);
}

function boxes(
  condition: Condition,
  abi: Abi,
  call: string | undefined,
  inverted: boolean,
): readonly Box[] | undefined {
  switch (condition.kind) {
    case 'not':
      return boxes(condition.of, abi, call, !inverted);
    case 'and':
    case 'or': {
      const parts = condition.of.map((one) => boxes(one, abi, call, inverted));
      const isProduct = (condition.kind === 'and') !== inverted;
      return isProduct ? product(parts) : sum(parts);
    }
  }
  const { index, bits, signed } = fieldOf(condition.operand, abi, call);
  const cubes = cubesOf(condition, { bits, signed }, (value) => numberOf(value, abi), inverted);
  return cubes.length > MAX_BOXES ? undefined : cubes.map((cube) => new Map([[index, cube]]));
}

function product(parts: readonly (readonly Box[] | undefined)[]): readonly Box[] | undefined {
  let all: readonly Box[] = [new Map()];
  for (const part of parts) {
    if (part === undefined) return undefined;
    if (all.length * part.length > MAX_BOXES * 8) return undefined;
    all = unique(all.flatMap((a) => part.flatMap((b) => meet(a, b) ?? [])));
    if (all.length > MAX_BOXES) return undefined;
  }
  return all;
}

function sum(parts: readonly (readonly Box[] | undefined)[]): readonly Box[] | undefined {
  const all: Box[] = [];
  for (const part of parts) {
    if (part === undefined) return undefined;
    all.push(...part);
  }
  const found = unique(all);
  return found.length > MAX_BOXES ? undefined : found;
}

function unique(all: readonly Box[]): readonly Box[] {
  const seen = new Map<string, Box>();
  for (const box of all) seen.set(keyOf(box), box);
  return [...seen.values()];
}

function keyOf(box: Box): string {
  return [...box]
    .sort(([a], [b]) => a - b)
    .map(([index, { mask, value }]) => `${index}&${mask}=${value}`)
    .join();
}

/** Both boxes at once; undefined where they exclude each other. */
function meet(a: Box, b: Box): Box | undefined {
  const result = new Map(a);
  for (const [index, cube] of b) {
    const own = result.get(index);
    if (own === undefined) {
      result.set(index, cube);
      continue;
    }
    if (((own.value ^ cube.value) & own.mask & cube.mask) !== 0n) return undefined;
    result.set(index, { mask: own.mask | cube.mask, value: own.value | cube.value });
  }
  return result;
}

interface Width {
  readonly bits: number;
  readonly signed: boolean;
}

function cubesOf(
  condition: Exclude<Condition, { kind: 'and' | 'or' | 'not' }>,
  width: Width,
  constant: (value: Value) => bigint,
  inverted: boolean,
): readonly Cube[] {
  const all = (1n << BigInt(width.bits)) - 1n;
  switch (condition.kind) {
    case 'any-bit':
      return masked(BigInt.asUintN(width.bits, constant(condition.mask)), 0n, inverted);
    case 'masked': {
      const mask = BigInt.asUintN(width.bits, constant(condition.mask));
      const value = pattern(constant(condition.value), width);
      const wantsEqual = (condition.op === '==') !== inverted;
      if (value === undefined || (value & ~mask) !== 0n) return wantsEqual ? [] : [{ mask: 0n, value: 0n }];
      return masked(mask, value, wantsEqual);
    }
    case 'in':
      return cover(
        condition.ranges.map(({ low, high }): Interval => {
          const [from, to] = [constant(low), constant(high)];
          if (from !== to) return { from, to };
          const value = pattern(from, width);
          return value === undefined ? { from: 1n, to: 0n } : exactly(value, width);
        }),
        width,
        all,
        inverted,
      );
    case 'compare': {
      const number = constant(condition.value);
      if (condition.op === '==' || condition.op === '!=') {
        const value = pattern(number, width);
        const wantsEqual = (condition.op === '==') !== inverted;
        if (value === undefined) return wantsEqual ? [] : [{ mask: 0n, value: 0n }];
        return masked(all, value, wantsEqual);
      }
      const far = 1n << 65n;
      const interval: Interval =
        condition.op === '<'
          ? { from: -far, to: number - 1n }
          : condition.op === '<='
            ? { from: -far, to: number }
            : condition.op === '>'
              ? { from: number + 1n, to: far }
              : { from: number, to: far };
      return cover([interval], width, all, inverted);
    }
  }
}

/** `& mask == value`, or its opposite: for each bit of the mask the values that first differ there. */
function masked(mask: bigint, value: bigint, wantsEqual: boolean): readonly Cube[] {
  if (wantsEqual) return [{ mask, value }];
  const cubes: Cube[] = [];
  let above = 0n;
  for (let bit = 1n << 63n; bit !== 0n; bit >>= 1n) {
    if ((mask & bit) === 0n) continue;
    cubes.push({ mask: above | bit, value: (value & above) | (~value & bit) });
    above |= bit;
  }
  return cubes;
}

/** Numbers as the operand counts them (signed or not), both ends included. */
interface Interval {
  readonly from: bigint;
  readonly to: bigint;
}

function exactly(bits: bigint, { bits: width, signed }: Width): Interval {
  const number = signed ? BigInt.asIntN(width, bits) : bits;
  return { from: number, to: number };
}

/** Intervals, or all that is outside them, as aligned blocks of bit patterns. */
function cover(
  intervals: readonly Interval[],
  { bits, signed }: Width,
  all: bigint,
  inverted: boolean,
): readonly Cube[] {
  const least = signed ? -(1n << BigInt(bits - 1)) : 0n;
  const most = least + all;
  const sorted = intervals
    .map(({ from, to }) => ({ from: from < least ? least : from, to: to > most ? most : to }))
    .filter(({ from, to }) => from <= to)
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const merged: { from: bigint; to: bigint }[] = [];
  for (const one of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && one.from <= last.to + 1n) last.to = one.to > last.to ? one.to : last.to;
    else merged.push({ ...one });
  }
  const wanted = inverted ? gaps(merged, least, most) : merged;
  return wanted.flatMap((one) =>
    // A signed interval across 0 is two of bit patterns.
    one.from < 0n && one.to >= 0n
      ? [...blocks(one.from + all + 1n, all, all), ...blocks(0n, one.to, all)]
      : blocks(BigInt.asUintN(bits, one.from), BigInt.asUintN(bits, one.to), all),
  );
}

function gaps(merged: readonly Interval[], least: bigint, most: bigint): readonly Interval[] {
  const found: Interval[] = [];
  let from = least;
  for (const one of merged) {
    if (from < one.from) found.push({ from, to: one.from - 1n });
    from = one.to + 1n;
  }
  if (from <= most) found.push({ from, to: most });
  return found;
}

/** The fewest aligned blocks that make up from…to. */
function blocks(from: bigint, to: bigint, all: bigint): readonly Cube[] {
  const cubes: Cube[] = [];
  for (let start = from; start <= to; ) {
    let size = start === 0n ? all + 1n : start & -start;
    while (start + size - 1n > to) size >>= 1n;
    cubes.push({ mask: all & ~(size - 1n), value: start });
    start += size;
  }
  return cubes;
}
