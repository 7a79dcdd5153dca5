// Reading a constant: numbers as in C, the kernel's C names, joined with `|`, inverted with `~`.

import { constantNames, isConstantName } from '../../linux/constants.ts';
import { nearest } from '../../linux/nearest.ts';
import type { Value } from '../model.ts';
import { describe, type Lexer, type Token } from './lexer.ts';
import { errorAt, quoted } from './source.ts';

/** How deep brackets, `~` and `!` may nest: far more than anybody writes, and far less than a stack holds. */
export const MAX_DEPTH = 200;

/** Longer digits than any 64-bit number has; reading them would cost more than linear time. */
const MAX_DIGITS = 80;

/** `VALUE | VALUE …`, with what is joined in brackets made part of the whole. */
export function readValue(lexer: Lexer, depth = 0): Value {
  const first = readFactor(lexer, depth);
  if (lexer.peek().text !== '|') return first;
  const parts = [first];
  while (lexer.take('|') !== undefined) parts.push(readFactor(lexer, depth));
  return { kind: 'or', of: flattened(parts, (part) => (part.kind === 'or' ? part.of : undefined)) };
}

/** Parts with the parts of those among them that are lists of the same kind. Each list is moved in time of its own length,
 * so that brackets in brackets do not add up to more. */
export function flattened<T>(
  parts: readonly T[],
  listOf: (part: T) => readonly T[] | undefined,
): readonly T[] {
  let all: T[] = [];
  for (const part of parts) {
    const list = listOf(part);
    if (list === undefined) all.push(part);
    else if (list.length > all.length) all = all.concat(list);
    else for (const one of list) all.push(one);
  }
  return all;
}

function readFactor(lexer: Lexer, depth: number): Value {
  const token = lexer.next();
  checkDepth(lexer, token, depth);
  if (token.kind === 'number') return numberValue(readInteger(lexer, token), token.text);
  if (token.kind === 'word') return readName(lexer, token);
  if (token.text === '~') return { kind: 'not', of: readFactor(lexer, depth + 1) };
  if (token.text === '-' && lexer.peek().kind === 'number') {
    const digits = lexer.next();
    return numberValue(-readInteger(lexer, digits), `-${digits.text}`);
  }
  if (token.text === '(') {
    const value = readValue(lexer, depth + 1);
    const end = lexer.next();
    if (end.text !== ')') throw errorAt(lexer.source, end.start, `expected | or ), found ${describe(end)}`);
    return value;
  }
  throw errorAt(lexer.source, token.start, `expected a constant or a number, found ${describe(token)}`);
}

export function checkDepth(lexer: Lexer, token: Token, depth: number): void {
  if (depth <= MAX_DEPTH) return;
  throw errorAt(lexer.source, token.start, `nested deeper than ${MAX_DEPTH} levels`);
}

function numberValue(number: bigint, text: string): Value {
  return String(number) === text ? { kind: 'number', number } : { kind: 'number', number, text };
}

/** An integer as C writes it: decimal, 0x…, 0… octal, and 0o… as well. */
export function readInteger(lexer: Lexer, token: Token): bigint {
  const { text } = token;
  if (text.length > MAX_DIGITS) {
    throw errorAt(lexer.source, token.start, `${quoted(text)} is too large: a register has 64 bits`);
  }
  if (/^(?:[1-9][0-9]*|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0)$/.test(text)) return BigInt(text.toLowerCase());
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  throw errorAt(
    lexer.source,
    token.start,
    `${quoted(text)} is not a number`,
    'numbers are decimal (10), hexadecimal (0xa) or octal (012 or 0o12)',
  );
}

function readName(lexer: Lexer, token: Token): Value {
  const { text } = token;
  if (text === 'NULL') return { kind: 'number', number: 0n, text };
  if (isConstantName(text)) return { kind: 'name', name: text };
  const advice = /^arg[0-5]$/.test(text)
    ? 'a filter can compare an argument only with a constant, not with another argument'
    : didYouMean(nearest(text.slice(0, 64), constantNames()));
  throw errorAt(
    lexer.source,
    token.start,
    `no constant is called ${quoted(text)}`,
    advice ?? 'write its number',
  );
}

/** `did you mean a, b or c?`, or undefined. */
export function didYouMean(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const last = names.at(-1)!;
  return `did you mean ${names.length === 1 ? last : `${names.slice(0, -1).join(', ')} or ${last}`}?`;
}
