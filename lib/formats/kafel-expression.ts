// Conditions of kafel's rules: comparisons of arguments with constants, joined and negated. See kafel.ts.

import { PolicyError } from '../errors.ts';
import { parametersOf } from '../linux/arguments.ts';
import { constantValue } from '../linux/constants.ts';
import { and, anyOf, not, type Truth } from '../policy/algebra/truth.ts';
import type { Comparison } from '../policy/model.ts';
import type { ReadOptions } from './format.ts';
import { registerCondition } from './registers.ts';
import { describe, integerOf, type Scanner, type Token } from './scanner.ts';

/** Where an expression stands. */
export interface Context {
  readonly reading: { readonly options: ReadOptions; readonly constants: ReadonlyMap<string, bigint> };
  readonly call: string | undefined;
  /** Declared names of the arguments; without them the kernel's. */
  readonly names: readonly string[] | undefined;
}

const MAX_DEPTH = 100;

/** A condition up to the brace or bracket that closes it, which is left. */
export function readAlternatives(scanner: Scanner, context: Context, depth: number): Truth {
  if (depth > MAX_DEPTH) throw scanner.error(scanner.peek(), 'the expression is nested too deeply');
  const any: Truth[] = [];
  do {
    const all: Truth[] = [];
    do all.push(readPrimary(scanner, context, depth));
    while (scanner.take('&&'));
    any.push(and(...all));
  } while (scanner.take('||') || scanner.take(','));
  return anyOf(any);
}

function readPrimary(scanner: Scanner, context: Context, depth: number): Truth {
  if (depth > MAX_DEPTH) throw scanner.error(scanner.peek(), 'the expression is nested too deeply');
  if (scanner.take('!')) return not(readPrimary(scanner, context, depth + 1));
  const start = scanner.peek();
  if (scanner.take('(')) {
    const inner = readAlternativesOrOperand(scanner, context, depth + 1);
    scanner.expect(')');
    if (typeof inner === 'boolean' || 'kind' in inner) return inner;
    return compare(scanner, start, inner, context);
  }
  return compare(scanner, start, readOperand(scanner, context), context);
}

/** A register under a mask, or a constant. */
type Operand = { readonly index: number; readonly mask?: bigint } | { readonly constant: bigint };

/** What stands in brackets is an expression, or one side of a comparison. */
function readAlternativesOrOperand(scanner: Scanner, context: Context, depth: number): Truth | Operand {
  const next = scanner.peek();
  if (next.text === '(' || next.text === '!') return readAlternatives(scanner, context, depth);
  const operand = readOperand(scanner, context);
  if (scanner.peek().text === ')') return operand;
  const first = compare(scanner, next, operand, context);
  const all = [first];
  while (scanner.take('&&')) all.push(readPrimary(scanner, context, depth));
  const any = [and(...all)];
  while (scanner.take('||') || scanner.take(',')) any.push(readAlternatives(scanner, context, depth));
  return anyOf(any);
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
const swapped: Readonly<Record<string, Comparison>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function compare(scanner: Scanner, start: Token, left: Operand, context: Context): Truth {
  const token = scanner.peek();
  if (!comparisons.includes(token.text)) {
    // Older policies test flags without a comparison.
    if ('index' in left && left.mask !== undefined) return test(context, left, '!=', 0n);
    throw scanner.error(token, `expected ==, !=, <, <=, > or >=, found ${describe(token)}`);
  }
  scanner.next();
  const right = scanner.take('(')
    ? closed(scanner, readOperand(scanner, context))
    : readOperand(scanner, context);
  const op = token.text as Comparison;
  if ('index' in left && 'constant' in right) return test(context, left, op, right.constant);
  if ('constant' in left && 'index' in right) return test(context, right, swapped[op] ?? op, left.constant);
  throw scanner.error(start, 'a comparison needs an argument on one side and a constant on the other');
}

function closed(scanner: Scanner, operand: Operand): Operand {
  scanner.expect(')');
  return operand;
}

function test(
  { reading, call }: Context,
  operand: { readonly index: number; readonly mask?: bigint },
  op: Comparison,
  constant: bigint,
): Truth {
  const { index, mask } = operand;
  const { abi, exact } = reading.options;
  const parameter = call === undefined ? undefined : parametersOf(call, abi)?.[index];
  const value = BigInt.asUintN(64, constant);
  // Kafel compares four bytes where the argument has no more, unless the constant has.
  const isShort = value <= 0xffffffffn && (mask ?? 0n) <= 0xffffffffn;
  const isNarrow = parameter !== undefined && parameter.bits <= 32 && (exact !== true || isShort);
  const bits = isNarrow && exact === true ? { bits: 32 as const } : {};
  if (mask === undefined || op === '==' || op === '!=') {
    const more = mask === undefined ? {} : { mask };
    return registerCondition(call, { index, op, value, ...more, ...bits }, exact === true);
  }
  return orderOfMasked(call, index, mask, op, value, exact === true);
}

/** `x & MASK > 0` and `>= 1` ask for any bit; other orders of masked values nobody needs. */
function orderOfMasked(
  call: string | undefined,
  index: number,
  mask: bigint,
  op: Comparison,
  value: bigint,
  exact: boolean,
): Truth {
  const any = registerCondition(call, { index, op: '!=', mask, value: 0n }, exact);
  if ((op === '>' && value === 0n) || (op === '>=' && value === 1n)) return any;
  if ((op === '<=' && value === 0n) || (op === '<' && value === 1n)) return not(any);
  if (op === '>=' && value === 0n) return true;
  if (op === '<' && value === 0n) return false;
  // The values under the mask, one by one, where they are few.
  const bits: bigint[] = [];
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) bits.push(rest & -rest);
  if (bits.length > 8)
    throw new PolicyError('an order of a value under a mask of more than eight bits', {
      advice: 'compare with == or !=',
    });
  const values = Array.from({ length: 1 << bits.length }, (_, which) =>
    bits.reduce((sum, bit, at) => ((which >> at) & 1 ? sum | bit : sum), 0n),
  );
  const holds = (one: bigint) =>
    op === '<' ? one < value : op === '<=' ? one <= value : op === '>' ? one > value : one >= value;
  return anyOf(
    values.filter(holds).map((one) => registerCondition(call, { index, op: '==', mask, value: one }, exact)),
  );
}

/** An argument, possibly under a mask, or constants joined with `|` and `&`. */
function readOperand(scanner: Scanner, context: Context): Operand {
  let operand = readTerm(scanner, context);
  for (;;) {
    const token = scanner.peek();
    if (token.text !== '&' && token.text !== '|') return operand;
    scanner.next();
    const right = readTerm(scanner, context);
    if ('constant' in operand && 'constant' in right) {
      operand = {
        constant: token.text === '&' ? operand.constant & right.constant : operand.constant | right.constant,
      };
    } else if (token.text === '&' && 'index' in operand && 'constant' in right) {
      const mask = BigInt.asUintN(64, right.constant);
      operand = { index: operand.index, mask: operand.mask === undefined ? mask : operand.mask & mask };
    } else if (token.text === '&' && 'constant' in operand && 'index' in right) {
      operand = { index: right.index, mask: BigInt.asUintN(64, operand.constant) };
    } else if (
      token.text === '|' &&
      'index' in operand &&
      operand.mask !== undefined &&
      'constant' in right
    ) {
      // `flags & A|B`: the constants belong together.
      operand = { index: operand.index, mask: operand.mask | BigInt.asUintN(64, right.constant) };
    } else throw scanner.error(token, `${token.text} needs an argument and a constant, or two constants`);
  }
}

function readTerm(scanner: Scanner, context: Context): Operand {
  const token = scanner.next();
  if (token.kind === 'number') {
    const number = integerOf(token.text);
    if (number === undefined) throw scanner.error(token, `${describe(token)} is no 64-bit number`);
    return { constant: number };
  }
  if (token.text === '~') {
    const inner = readTerm(scanner, context);
    if ('constant' in inner) return { constant: ~inner.constant };
    throw scanner.error(token, '~ stands before a constant');
  }
  if (token.text === '(') {
    const inner = readOperand(scanner, context);
    scanner.expect(')');
    return inner;
  }
  if (token.kind !== 'word')
    throw scanner.error(token, `expected an argument or a constant, found ${describe(token)}`);
  const { reading, call, names } = context;
  const defined = reading.constants.get(token.text);
  if (defined !== undefined) return { constant: defined };
  const index =
    names === undefined
      ? ((call === undefined ? undefined : parametersOf(call, reading.options.abi))?.findIndex((one) =>
          one.names.includes(token.text),
        ) ?? -1)
      : names.indexOf(token.text);
  if (index >= 0) return { index };
  const constant = constantValue(token.text, reading.options.abi);
  if (constant !== undefined) return { constant };
  throw scanner.error(
    token,
    `${describe(token)} is neither an argument of ${call ?? 'the call'} nor a constant`,
  );
}
