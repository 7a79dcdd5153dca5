// Reading one imagined call, as `check` has it: `openat(AT_FDCWD, 0, O_RDONLY)`. Its arguments are register values.

import { type AbiName, abiNames, isAbiName } from '../../linux/abi.ts';
import { nearest } from '../../linux/nearest.ts';
import type { Target, Value } from '../model.ts';
import { readTarget } from './calls.ts';
import { describe, Lexer } from './lexer.ts';
import { errorAt } from './source.ts';
import { didYouMean, readValue } from './values.ts';

/** One call with the values in its argument registers. */
export interface Invocation {
  /** A name, or a number without the base of mips or bit 30 of x32. */
  readonly target: Exclude<Target, { kind: 'group' }>;
  /** As in `i386:openat(…)`: the ABI that the call is made through. */
  readonly abi?: AbiName;
  /** Up to six. Missing ones are 0; negative ones are sign-extended to the register. See `registerOf`. */
  readonly args: readonly Value[];
}

/** `NAME`, `NAME(VALUE, …)`, `#450(…)`, each with `ABI:` before it if need be. Throws PolicyError. */
export function parseInvocation(text: string, source: string): Invocation {
  const lexer = new Lexer({ name: source, text }, { inline: true });
  const abi = readAbiPrefix(lexer);
  const start = lexer.peek('call').start;
  const target = readTarget(lexer);
  if (target.kind === 'group') {
    throw errorAt(lexer.source, start, 'expected one call, found a group', 'name one call of it');
  }
  const args = lexer.take('(') === undefined ? [] : readArguments(lexer);
  const end = lexer.next();
  if (end.kind !== 'end') {
    throw errorAt(
      lexer.source,
      end.start,
      `expected the end, found ${describe(end)}`,
      'give each call as a word of its own',
    );
  }
  return abi === undefined ? { target, args } : { target, abi, args };
}

/** The register that a value of this size stands for: 64 bits, negative ones sign-extended. */
export function registerOf(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function readAbiPrefix(lexer: Lexer): AbiName | undefined {
  const { text } = lexer.source;
  const token = lexer.peek('call');
  if (token.kind !== 'word' || !/^\s*:/.test(text.slice(token.end, token.end + 16))) return undefined;
  lexer.next('call');
  lexer.next();
  if (isAbiName(token.text)) return token.text;
  const advice =
    didYouMean(nearest(token.text.slice(0, 64), abiNames, 1)) ?? `the ABIs are ${abiNames.join(', ')}`;
  throw errorAt(lexer.source, token.start, `expected an ABI, found ${describe(token)}`, advice);
}

function readArguments(lexer: Lexer): readonly Value[] {
  const args: Value[] = [];
  if (lexer.take(')') !== undefined) return args;
  for (;;) {
    const { start } = lexer.peek();
    const value = readValue(lexer);
    if (value.kind === 'number' && (value.number >= 1n << 64n || value.number < -(1n << 63n))) {
      throw errorAt(lexer.source, start, `${value.number} does not fit a register`, 'registers have 64 bits');
    }
    if (args.push(value) > 6) throw errorAt(lexer.source, start, 'a call has at most six arguments');
    const token = lexer.next();
    if (token.text === ')') return args;
    if (token.text !== ',')
      throw errorAt(lexer.source, token.start, `expected a comma, | or ), found ${describe(token)}`);
  }
}
