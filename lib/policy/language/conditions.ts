// Reading a condition on a call's arguments. `&` binds tighter than `==`, unlike in C; where C readers would read
// something else than is meant (`!x == 1`) the language asks for brackets.

import { isConstantName } from '../../linux/constants.ts';
import type { Comparison, Condition, Operand, Range, Target, Value } from '../model.ts';
import {
  type Complaint,
  checkArgument,
  checkFits,
  checkPointer,
  checkRange,
  isZero,
  type Use,
} from './check.ts';
import { describe, type Lexer, type Token } from './lexer.ts';
import { errorAt, placeAt } from './source.ts';
import { checkDepth, flattened, readValue } from './values.ts';

/** What is being read: the text, and the call whose arguments are meant. */
interface Context {
  readonly lexer: Lexer;
  readonly target: Target;
}

const orders: readonly string[] = ['<', '<=', '>', '>='];
const comparisons: readonly string[] = ['==', '!=', ...orders];

/** A condition up to the bracket that closes it, which is left. */
export function readCondition(lexer: Lexer, target: Target): Condition {
  return readAlternatives({ lexer, target }, 0);
}

function readAlternatives(context: Context, depth: number): Condition {
  return readJoined(context, '||', 'or', () =>
    readJoined(context, '&&', 'and', () => readUnary(context, depth)),
  );
}

function readJoined(context: Context, symbol: string, kind: 'and' | 'or', part: () => Condition): Condition {
  const parts = [part()];
  while (context.lexer.take(symbol) !== undefined) parts.push(part());
  if (parts.length === 1) return parts[0]!;
  return { kind, of: flattened(parts, (one) => (one.kind === kind ? one.of : undefined)) };
}

function readUnary(context: Context, depth: number): Condition {
  const { lexer } = context;
  const token = lexer.peek();
  checkDepth(lexer, token, depth);
  if (token.text === '!') {
    lexer.next();
    const after = lexer.peek();
    if (after.text !== '(' && after.text !== '!') {
      throw errorAt(
        lexer.source,
        after.start,
        `expected ( after !, found ${describe(after)}`,
        'write !(x == y) or x != y, so that nobody takes it for (!x) == y',
      );
    }
    return { kind: 'not', of: readUnary(context, depth + 1) };
  }
  if (token.text === '(') return readBrackets(context, depth);
  return readComparison(context);
}

/** `(…)`, and `(x & MASK) == V`, which is how C writes a masked comparison. */
function readBrackets(context: Context, depth: number): Condition {
  const { lexer } = context;
  const open = lexer.next();
  const inner = readAlternatives(context, depth + 1);
  closeBracket(lexer, open);
  const after = lexer.peek();
  if (inner.kind !== 'any-bit' || (after.text !== '==' && after.text !== '!=')) return inner;
  return readMasked(context, inner.operand, inner.mask);
}

/** Takes the `)` of an open bracket. */
export function closeBracket(lexer: Lexer, open: Token): void {
  const token = lexer.peek();
  if (token.text === ')') {
    lexer.next();
    return;
  }
  const advice =
    token.text === '&'
      ? 'a mask stands on an argument: x & MASK'
      : comparisons.includes(token.text)
        ? 'join comparisons with && and ||'
        : token.kind === 'end' || token.kind === 'word'
          ? `the bracket at column ${placeAt(lexer.source, open.start).column} is not closed`
          : undefined;
  throw errorAt(lexer.source, token.start, `expected &&, || or ), found ${describe(token)}`, advice);
}

function readComparison(context: Context): Condition {
  const { lexer } = context;
  const start = lexer.peek();
  const operand = readOperand(context);
  const operator = lexer.next();
  if (operator.text === '&' && operator.kind === 'symbol') {
    const mask = readChecked(context, operand, 'bits');
    complain(lexer, start.start, checkPointer(context.target, operand, false));
    const after = lexer.peek();
    if (after.text === '==' || after.text === '!=') return readMasked(context, operand, mask);
    if (orders.includes(after.text)) {
      throw errorAt(lexer.source, after.start, `expected == or != after a mask, found ${describe(after)}`);
    }
    return { kind: 'any-bit', operand, mask };
  }
  if (operator.text === 'in' && operator.kind === 'word') {
    complain(lexer, start.start, checkPointer(context.target, operand, false));
    return { kind: 'in', operand, ranges: readRanges(context, operand) };
  }
  if (operator.kind === 'symbol' && comparisons.includes(operator.text)) {
    const op = operator.text as Comparison;
    const value = readChecked(context, operand, orders.includes(op) ? 'order' : 'bits');
    const isZeroTest = (op === '==' || op === '!=') && isZero(value);
    complain(lexer, start.start, checkPointer(context.target, operand, isZeroTest));
    return { kind: 'compare', operand, op, value };
  }
  const advice =
    operator.text === '='
      ? 'equality is =='
      : operator.text === ')' || operator.text === '&&' || operator.text === '||'
        ? `for any value but 0 write ${operand.argument} != 0`
        : undefined;
  const expected = 'expected ==, !=, <, <=, >, >=, & or in';
  throw errorAt(lexer.source, operator.start, `${expected}, found ${describe(operator)}`, advice);
}

function readMasked(context: Context, operand: Operand, mask: Value): Condition {
  const op = context.lexer.next().text as '==' | '!=';
  return { kind: 'masked', operand, mask, op, value: readChecked(context, operand, 'bits') };
}

/** `name`, `arg0` … `arg5`, `name:32`. */
function readOperand(context: Context): Operand {
  const { lexer, target } = context;
  const token = lexer.next();
  const isLiteral = token.kind === 'number' || token.text === '-' || token.text === '~';
  const complaint = token.kind === 'word' ? checkArgument(target, token.text) : undefined;
  if (isLiteral || (complaint !== undefined && isConstantName(token.text))) {
    const advice = 'swap the two sides: the argument stands on the left, the constant on the right';
    throw errorAt(lexer.source, token.start, `expected an argument, found ${describe(token)}`, advice);
  }
  if (token.kind !== 'word') {
    throw errorAt(lexer.source, token.start, `expected an argument, ( or !, found ${describe(token)}`);
  }
  complain(lexer, token.start, complaint);
  if (lexer.take(':') === undefined) return { argument: token.text };
  const bits = lexer.next();
  if (bits.text === '32' || bits.text === '64') {
    return { argument: token.text, bits: bits.text === '32' ? 32 : 64 };
  }
  throw errorAt(lexer.source, bits.start, `expected 32 or 64 after the colon, found ${describe(bits)}`);
}

/** `{a, b, lo..hi}` */
function readRanges(context: Context, operand: Operand): readonly Range[] {
  const { lexer } = context;
  const open = lexer.next();
  if (open.text !== '{')
    throw errorAt(lexer.source, open.start, `expected { after in, found ${describe(open)}`);
  const empty = lexer.take('}');
  if (empty !== undefined) {
    throw errorAt(lexer.source, empty.start, 'nothing stands between { and }', 'no value would ever match');
  }
  const ranges: Range[] = [];
  for (;;) {
    ranges.push(readRange(context, operand));
    const token = lexer.next();
    if (token.text === '}') return ranges;
    if (token.text !== ',') {
      throw errorAt(lexer.source, token.start, `expected a comma, .. or }, found ${describe(token)}`);
    }
    if (lexer.take('}') !== undefined) return ranges;
  }
}

function readRange(context: Context, operand: Operand): Range {
  const { lexer } = context;
  const { start } = lexer.peek();
  const low = readValue(lexer);
  if (lexer.take('..') === undefined) {
    complain(lexer, start, checkFits(context.target, operand, low, 'bits'));
    return { low, high: low };
  }
  const end = lexer.peek().start;
  const range = { low, high: readValue(lexer) };
  complain(lexer, start, checkFits(context.target, operand, low, 'order'));
  complain(lexer, end, checkFits(context.target, operand, range.high, 'order'));
  complain(lexer, start, checkRange(context.target, operand, range));
  return range;
}

function readChecked(context: Context, operand: Operand, use: Use): Value {
  const { start } = context.lexer.peek();
  const value = readValue(context.lexer);
  complain(context.lexer, start, checkFits(context.target, operand, value, use));
  return value;
}

function complain(lexer: Lexer, offset: number, complaint: Complaint | undefined): void {
  if (complaint !== undefined) throw errorAt(lexer.source, offset, complaint.message, complaint.advice);
}
