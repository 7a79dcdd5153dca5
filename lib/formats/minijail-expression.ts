// Conditions of minijail's policies: comparisons of registers with constants. See minijail.ts.

import type { Abi } from '../linux/abi.ts';
import { constantValue } from '../linux/constants.ts';
import { and, anyOf, type Truth } from '../policy/algebra/truth.ts';
import type { Comparison, Value } from '../policy/model.ts';
import type { ReadOptions } from './format.ts';
import { bitsCondition, registerCondition } from './registers.ts';
import { describe, integerOf, type Scanner, type Token } from './scanner.ts';

/** Alternatives of comparisons joined by `&&`, on the arguments of a call. */
export function readExpression(scanner: Scanner, options: ReadOptions, name: string | undefined): Truth {
  const any: Truth[] = [];
  do {
    const all: Atom[] = [];
    do all.push(readAtom(scanner, options, name));
    while (scanner.take('&&'));
    any.push(joined(all, name, options.exact === true));
  } while (scanner.take('||'));
  return anyOf(any);
}

/** A comparison, or bits that are all set or all clear. */
type Atom = Truth | { readonly index: number; readonly set: bigint; readonly clear: bigint };

/** All of them. Bits of one register come together as one masked comparison, which is what they were before somebody had
 * to write them one by one. */
function joined(atoms: readonly Atom[], name: string | undefined, exact: boolean): Truth {
  const parts: Truth[] = [];
  const bits = new Map<number, { set: bigint; clear: bigint }>();
  for (const atom of atoms) {
    if (typeof atom === 'boolean' || 'kind' in atom) {
      parts.push(atom);
      continue;
    }
    const own = bits.get(atom.index) ?? { set: 0n, clear: 0n };
    bits.set(atom.index, { set: own.set | atom.set, clear: own.clear | atom.clear });
  }
  for (const [index, { set, clear }] of bits) {
    if ((set & clear) !== 0n) return false;
    parts.push(registerCondition(name, { index, op: '==', mask: set | clear, value: set }, exact));
  }
  return and(...parts);
}

const comparisons: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

function readAtom(scanner: Scanner, options: ReadOptions, name: string | undefined): Atom {
  const argument = scanner.expectKind('argument', 'an argument such as arg0');
  const index = Number(argument.text.slice(3));
  if (!(index <= 5))
    throw scanner.error(argument, `there is no ${describe(argument)}`, 'arguments are arg0 … arg5');
  const op = scanner.next();
  const { number, written } = readValue(scanner, options.abi, 0);
  const exact = options.exact === true;
  const value = BigInt.asUintN(64, number);
  if (op.text === '&') {
    const isOneBit = value !== 0n && (value & (value - 1n)) === 0n;
    return isOneBit ? { index, set: value, clear: 0n } : bitsCondition(name, index, value, true, exact);
  }
  if (op.text === 'in') return { index, set: 0n, clear: BigInt.asUintN(64, ~value) };
  if (!comparisons.includes(op.text))
    throw scanner.error(op, `expected ==, !=, <, <=, >, >=, & or in, found ${describe(op)}`);
  return registerCondition(name, { index, op: op.text as Comparison, value, ...written }, exact);
}

interface ReadValue {
  readonly number: bigint;
  readonly written: { readonly written?: Value };
}

/** Constants joined with `|`, inverted with `~`, in brackets. */
function readValue(scanner: Scanner, abi: Abi, depth: number): ReadValue {
  let number = 0n;
  const names: Value[] = [];
  let isPlain = true;
  do {
    const token = scanner.next();
    if (depth > 100) throw scanner.error(token, 'the constant is nested too deeply');
    if (token.text === '~' || token.text === '(') {
      isPlain = false;
      if (token.text === '(') {
        number |= readValue(scanner, abi, depth + 1).number;
        scanner.expect(')');
      } else number |= ~readInverted(scanner, abi, depth + 1);
    } else if (token.kind === 'word') {
      number |= constantOf(scanner, token, abi);
      names.push({ kind: 'name', name: token.text });
    } else {
      const own = token.kind === 'number' ? integerOf(token.text) : undefined;
      if (own === undefined) throw scanner.error(token, `expected a constant, found ${describe(token)}`);
      number |= own;
      isPlain = false;
    }
  } while (scanner.take('|'));
  if (!isPlain) return { number, written: {} };
  return { number, written: { written: names.length === 1 ? names[0]! : { kind: 'or', of: names } } };
}

function readInverted(scanner: Scanner, abi: Abi, depth: number): bigint {
  const token = scanner.next();
  if (depth > 100) throw scanner.error(token, 'the constant is nested too deeply');
  if (token.text === '(') {
    const { number } = readValue(scanner, abi, depth);
    scanner.expect(')');
    return number;
  }
  const own = token.kind === 'word' ? constantOf(scanner, token, abi) : integerOf(token.text);
  if (own === undefined) throw scanner.error(token, `expected a constant, found ${describe(token)}`);
  return own;
}

function constantOf(scanner: Scanner, token: Token, abi: Abi): bigint {
  const value = constantValue(token.text, abi);
  if (value !== undefined) return value;
  throw scanner.error(token, `no constant is called ${describe(token)}`, 'write its number');
}
