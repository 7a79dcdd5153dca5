// Arguments and values in the language's own terms: `domain == AF_INET`, not `word 16 is 2`. A test of bits is written with the
// argument's name and the kernel's width where that says exactly the same, else with the register's (`name:32`, `name:64`).

import type { Intervals } from '../bpf/intervals.ts';
import type { Abi } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import type { Truth } from '../policy/algebra/truth.ts';
import type { Condition, Operand, Range } from '../policy/model.ts';
import { constant, flagsValue, numberValue, withOwnConstants } from './constants.ts';

/** Bit patterns of a register's low 32 bits or of the whole: low, high, low, high …, both ends included. */
export type Spans = readonly (readonly [low: bigint, high: bigint])[];

export interface Terms {
  readonly abi: Abi;
  /** The call's name on this ABI; undefined for a number without one. */
  readonly call: string | undefined;
}

/** The register's low 32 bits, or all 64, lie in the spans (sorted, disjoint, not touching). */
export function inSpans(terms: Terms, index: number, bits: 32 | 64, spans: Spans): Truth {
  const all = (1n << BigInt(bits)) - 1n;
  if (spans.length === 0) return false;
  if (spans[0]![0] === 0n && spans[0]![1] === all) return true;
  const isZeroTest = (list: Spans) => list.length === 1 && list[0]![0] === 0n && list[0]![1] === 0n;
  const outside = complementOf(spans, all);
  const field = fieldFor(terms, index, bits, isZeroTest(spans) || isZeroTest(outside));
  const inside = ordered(field, spans);
  const others = ordered(field, outside);
  if (others.length === 1 && others[0]![0] === others[0]![1])
    return comparison(terms, field, '!=', others[0]![0]);
  return isShorter(others, inside) ? negated(said(terms, field, others)) : said(terms, field, inside);
}

/** Few values are easier to read than a few ranges of very many. */
function isShorter(a: Spans, b: Spans): boolean {
  const isFew = (spans: Spans) => spans.reduce((sum, [low, high]) => sum + high - low + 1n, 0n) <= FEW;
  return isFew(a) === isFew(b) ? a.length < b.length : isFew(a);
}

/** `register & mask` is `value` (or is not). The mask has bits in the low 32 only where `bits` is 32. */
export function maskedIs(
  terms: Terms,
  index: number,
  bits: 32 | 64,
  mask: bigint,
  value: bigint,
  isEqual: boolean,
): Condition {
  const field = fieldFor(terms, index, bits, false, mask);
  const { operand } = field;
  const isSingleBit = (mask & (mask - 1n)) === 0n;
  if (value === 0n && !isEqual) return { kind: 'any-bit', operand, mask: flagsValue(terms.abi, field, mask) };
  if (isSingleBit && value === mask) {
    if (isEqual) return { kind: 'any-bit', operand, mask: flagsValue(terms.abi, field, mask) };
    return {
      kind: 'masked',
      operand,
      mask: flagsValue(terms.abi, field, mask),
      op: '==',
      value: numberValue(0n),
    };
  }
  const parameter = field.parameter;
  const named =
    value === 0n ? numberValue(0n) : constant(terms.abi, field, value, parameter?.constants?.kind === 'enum');
  return {
    kind: 'masked',
    operand,
    mask: flagsValue(terms.abi, field, mask),
    op: isEqual ? '==' : '!=',
    value: named,
  };
}

interface TermField {
  readonly operand: Operand;
  readonly bits: number;
  readonly signed: boolean;
  readonly parameter: Parameter | undefined;
}

function fieldFor(
  { abi, call }: Terms,
  index: number,
  bits: 32 | 64,
  isZeroTest: boolean,
  mask?: bigint,
): TermField {
  const parameters = call === undefined ? undefined : parametersOf(call, abi);
  const parameter = withOwnConstants(call, parameters?.[index]);
  const argument = nameOf(parameters, index);
  const width = parameter?.bits ?? 64;
  // A pointer's register is comparable only where the width is said, but for NULL.
  const isSaid = parameter?.pointer === true && !isZeroTest;
  const fits = mask === undefined ? width === bits : width === bits || mask < 1n << BigInt(width);
  if (fits && !isSaid) {
    return { operand: { argument }, bits: width, signed: parameter?.signed === true, parameter };
  }
  return { operand: { argument, bits }, bits, signed: false, parameter };
}

/** What an argument is called where the name is its own, else `arg0` … `arg5`. */
export function nameOf(parameters: readonly Parameter[] | undefined, index: number): string {
  const positional = `arg${index}`;
  const [name] = parameters?.[index]?.names ?? [];
  if (name === undefined || /^arg[0-5]$/.test(name)) return positional;
  const isOnly = parameters!.findIndex((one) => one.names.includes(name)) === index;
  return isOnly ? name : positional;
}

/** Spans as numbers of the field, ascending; negative ones come first where it is signed. */
function ordered({ bits, signed }: TermField, spans: Spans): Spans {
  if (!signed) return spans;
  const half = 1n << BigInt(bits - 1);
  const size = 2n * half;
  const parts = spans.flatMap(([low, high]): [bigint, bigint][] => {
    if (high < half) return [[low, high]];
    if (low >= half) return [[low - size, high - size]];
    return [
      [low, half - 1n],
      [-half, high - size],
    ];
  });
  parts.sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const joined: [bigint, bigint][] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last !== undefined && last[1] + 1n === part[0]) last[1] = part[1];
    else joined.push(part);
  }
  return joined;
}

function complementOf(spans: Spans, all: bigint): Spans {
  const out: [bigint, bigint][] = [];
  let next = 0n;
  for (const [low, high] of spans) {
    if (low > next) out.push([next, low - 1n]);
    next = high + 1n;
  }
  if (next <= all) out.push([next, all]);
  return out;
}

function said(terms: Terms, field: TermField, spans: Spans): Condition {
  const size = 1n << BigInt(field.bits);
  const [least, greatest] = field.signed ? [-size / 2n, size / 2n - 1n] : [0n, size - 1n];
  const [first, more] = spans;
  if (first !== undefined && more === undefined) {
    const [low, high] = first;
    if (low === high) return comparison(terms, field, '==', low);
    if (low === least) return { kind: 'compare', operand: field.operand, op: '<=', value: numberValue(high) };
    if (high === greatest)
      return { kind: 'compare', operand: field.operand, op: '>=', value: numberValue(low) };
  }
  const ranges = spans.flatMap(([low, high]): Range[] => {
    // Few neighbours are values of their own, which may have names.
    if (high - low < FEW) {
      const singles = Array.from({ length: Number(high - low) + 1 }, (_, at) =>
        constant(terms.abi, field, low + BigInt(at)),
      );
      if (low === high || singles.every((one) => one.kind !== 'number'))
        return singles.map((one) => ({ low: one, high: one }));
    }
    return [{ low: numberValue(low), high: numberValue(high) }];
  });
  return { kind: 'in', operand: field.operand, ranges };
}

const FEW = 64n;

function comparison(terms: Terms, field: TermField, op: '==' | '!=', number: bigint): Condition {
  return { kind: 'compare', operand: field.operand, op, value: constant(terms.abi, field, number) };
}

function negated(condition: Condition): Condition {
  return { kind: 'not', of: condition };
}

/** 32-bit intervals as spans, moved to the register's high half where `isHigh`. */
export function spansOf(intervals: Intervals, isHigh: boolean): Spans {
  const spans: [bigint, bigint][] = [];
  for (let i = 0; i < intervals.length; i += 2) {
    const [low, high] = [BigInt(intervals[i]!), BigInt(intervals[i + 1]!)];
    spans.push(isHigh ? [low << 32n, (high << 32n) | 0xffffffffn] : [low, high]);
  }
  return spans;
}
