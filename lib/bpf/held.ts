// What a register of the machine holds when the input is not known: a number, or one word of seccomp_data after some
// arithmetic with numbers. A comparison of such a value with a number is a test of that word, found by taking the
// arithmetic back step by step. The lifter and the proof follow programs with these values.

import { covers, type Intervals, MAX_WORD, normal, touches } from './intervals.ts';
import type { WordTest } from './word-set.ts';

/** One operation with a number. `add` wraps at 2³²; what `lsh` moves out has been masked away before. */
export interface Step {
  readonly op: 'and' | 'add' | 'xor' | 'lsh' | 'rsh' | 'div';
  readonly k: number;
}

/** Byte offset of a word of seccomp_data, and what was done to it, first to last. */
export interface HeldWord {
  readonly offset: number;
  readonly steps: readonly Step[];
}

export type Held = HeldWord | { readonly number: number };

/** Something that no test of one word can express: two words in one operation, or a pattern of too many values. */
export class UnfollowedError extends RangeError {
  override readonly name = 'UnfollowedError';
}

export const heldNumber = (number: number): Held => ({ number: number >>> 0 });
export const heldWord = (offset: number): Held => ({ offset, steps: [] });

/** Equal for what was made in the same way. */
export function keyOfHeld(held: Held): string {
  if ('number' in held) return `=${held.number}`;
  return `${held.offset}${held.steps.map(({ op, k }) => `,${op}${k}`).join('')}`;
}

/** The value after an ALU operation (the high nibble of BPF's code) with a number, as the kernel computes it; undefined for a
 * division by 0, which ends the program with 0. Throws UnfollowedError for a multiplication that is not a shift. */
export function operate(held: Held, operation: number, k: number): Held | undefined {
  if (operation === DIV && k === 0) return undefined;
  if ('number' in held) return heldNumber(calculate(operation, held.number, k));
  const after = (...steps: readonly Step[]): Held => steps.reduce(append, held as HeldWord);
  switch (operation) {
    case ADD:
      return after({ op: 'add', k });
    case SUB:
      return after({ op: 'add', k: -k >>> 0 });
    case MUL:
      if (k === 0) return heldNumber(0);
      if ((k & (k - 1)) !== 0) throw new UnfollowedError(`a multiplication by ${k}`);
      return operate(held, LSH, Math.log2(k));
    case DIV:
      return after({ op: 'div', k });
    case OR:
      // What is set for certain is first cleared and then added.
      return after({ op: 'and', k: ~k >>> 0 }, { op: 'add', k });
    case AND:
      return k === 0 ? heldNumber(0) : after({ op: 'and', k });
    case LSH:
      return after({ op: 'and', k: MAX_WORD >>> (k & 31) }, { op: 'lsh', k: k & 31 });
    case RSH:
      return after({ op: 'rsh', k: k & 31 });
    case NEG:
      return after({ op: 'xor', k: MAX_WORD }, { op: 'add', k: 1 });
    default:
      return after({ op: 'xor', k });
  }
}

const [ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG] = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80];

function append(held: HeldWord, step: Step): HeldWord {
  const last = held.steps.at(-1);
  if (last?.op === step.op && (step.op === 'and' || step.op === 'add')) {
    const k = step.op === 'and' ? (last.k & step.k) >>> 0 : (last.k + step.k) >>> 0;
    return { offset: held.offset, steps: [...held.steps.slice(0, -1), { op: step.op, k }] };
  }
  const isNothing = step.op === 'and' ? step.k === MAX_WORD : step.op === 'div' ? step.k === 1 : step.k === 0;
  return isNothing ? held : { offset: held.offset, steps: [...held.steps, step] };
}

function calculate(operation: number, a: number, b: number): number {
  switch (operation) {
    case ADD:
      return a + b;
    case SUB:
      return a - b;
    case MUL:
      return Math.imul(a, b);
    case DIV:
      return Math.floor(a / b);
    case OR:
      return a | b;
    case AND:
      return a & b;
    case LSH:
      return a << (b & 31);
    case RSH:
      return a >>> (b & 31);
    case NEG:
      return -a;
    default:
      return a ^ b;
  }
}

/** What a conditional jump (the high nibble of its code) with the number `k` asks of the held word. Throws UnfollowedError
 * where that takes more than MAX_PIECES intervals to say. */
export function testOf(held: HeldWord, operation: number, k: number): WordTest {
  if (operation === JSET) {
    const masked = append(held, { op: 'and', k });
    return k === 0 ? { mask: MAX_WORD, intervals: [] } : testBehind(masked, [1, MAX_WORD]);
  }
  if (operation === JEQ) return testBehind(held, [k, k]);
  if (operation === JGE) return testBehind(held, [k, MAX_WORD]);
  return testBehind(held, k === MAX_WORD ? [] : [k + 1, MAX_WORD]);
}

/** Whether a number passes such a jump. */
export function passes(a: number, operation: number, k: number): boolean {
  if (operation === JEQ) return a === k;
  if (operation === JGT) return a > k;
  if (operation === JGE) return a >= k;
  return (a & k) !== 0;
}

const [JEQ, JGT, JGE, JSET] = [0x10, 0x20, 0x30, 0x40];

/** The word's test that is true exactly where the value after all steps lies in the intervals. */
function testBehind(held: HeldWord, intervals: Intervals): WordTest {
  let wanted = intervals;
  for (let at = held.steps.length - 1; at >= 0; at--) {
    const { op, k } = held.steps[at]!;
    if (op === 'and') {
      if (at === 0) return { mask: k, intervals: wanted };
      wanted = unmasked({ mask: k, intervals: wanted });
    } else wanted = before(op, k, wanted);
  }
  return { mask: MAX_WORD, intervals: wanted };
}

/** The values that an operation takes into the intervals. */
function before(op: Exclude<Step['op'], 'and'>, k: number, intervals: Intervals): Intervals {
  const pairs: number[] = [];
  const add = (low: number, high: number) => {
    if (low <= high && low <= MAX_WORD) pairs.push(low, Math.min(high, MAX_WORD));
  };
  for (let i = 0; i < intervals.length; i += 2) {
    const [low, high] = [intervals[i]!, intervals[i + 1]!];
    switch (op) {
      case 'add':
        if (high - k < 0) add(low - k + 2 ** 32, high - k + 2 ** 32);
        else if (low - k < 0) {
          add(low - k + 2 ** 32, MAX_WORD);
          add(0, high - k);
        } else add(low - k, high - k);
        break;
      case 'lsh':
        add(Math.ceil(low / 2 ** k), Math.floor(high / 2 ** k));
        break;
      case 'rsh':
        add(low * 2 ** k, high * 2 ** k + 2 ** k - 1);
        break;
      case 'div':
        add(low * k, high * k + k - 1);
        break;
      case 'xor':
        for (const [start, size] of blocks(low, high)) {
          const moved = (start ^ k) >>> 0;
          add(moved - (moved % size), moved - (moved % size) + size - 1);
        }
    }
  }
  if (pairs.length > 2 * MAX_PIECES)
    throw new UnfollowedError('arithmetic that leaves too many single values');
  return normal(pairs);
}

/** An interval as aligned blocks whose sizes are powers of two. */
export function* blocks(low: number, high: number): Generator<readonly [start: number, size: number]> {
  for (let start = low; start <= high; ) {
    let size = 1;
    while (size < 2 ** 32 && start % (2 * size) === 0 && start + 2 * size - 1 <= high) size *= 2;
    yield [start, size];
    start += size;
  }
}

/** More intervals than any filter's comparison has. */
const MAX_PIECES = 1024;

/** The plain words that pass a test under a mask. Throws UnfollowedError where these are too many intervals. */
export function unmasked(test: WordTest): Intervals {
  const { mask } = test;
  if (mask === MAX_WORD) return test.intervals;
  // Each of these intervals holds a value that exists, so no search below is in vain.
  const intervals = tightened(test);
  const pairs: number[] = [];
  const search = (prefix: number, bit: number): void => {
    const free = bit === 32 ? MAX_WORD : 2 ** bit - 1;
    const low = (prefix & mask) >>> 0;
    const high = (low | (mask & free)) >>> 0;
    if (!touches(intervals, low, high)) return;
    if (covers(intervals, low, high)) {
      const end = (prefix | free) >>> 0;
      if (pairs.length > 0 && pairs[pairs.length - 1]! + 1 === prefix) pairs[pairs.length - 1] = end;
      else if (pairs.push(prefix, end) > 2 * MAX_PIECES) {
        throw new UnfollowedError(`a mask of 0x${mask.toString(16)} that leaves too many single values`);
      }
      return;
    }
    search(prefix, bit - 1);
    search((prefix | (2 ** (bit - 1))) >>> 0, bit - 1);
  };
  search(0, 32);
  return pairs;
}

/** The same test with as little as it takes: a mask of leading ones asks for intervals of the plain word. Equal tests under
 * one mask come out equal. */
export function canonical(test: WordTest): WordTest {
  const { mask, intervals } = test;
  if (mask === MAX_WORD) return { mask, intervals };
  const rest = ~mask >>> 0;
  if ((rest & (rest + 1)) === 0) return { mask: MAX_WORD, intervals: unmasked(test) };
  return { mask, intervals: tightened(test) };
}

/** Between two values that exist under a mask lie none, so an interval may begin behind the last value that is outside of
 * it, and reach up to the next one. */
function tightened({ mask, intervals }: WordTest): Intervals {
  const rest = ~mask >>> 0;
  const pairs: number[] = [];
  for (let i = 0; i < intervals.length; i += 2) {
    const from = intervals[i]! === 0 ? 0 : valueBelow(mask, intervals[i]! - 1) + 1;
    const last = valueBelow(mask, intervals[i + 1]!);
    const to = last >= mask ? MAX_WORD : (((last | rest) + 1) & mask) - 1;
    if (last >= from) pairs.push(from, to >>> 0);
  }
  return normal(pairs);
}

/** The greatest value under the mask that is at most `bound`. */
export function valueBelow(mask: number, bound: number): number {
  if ((bound & ~mask) === 0) return bound;
  // The highest bit of the bound that the mask lacks: below it every bit of the mask may be set.
  const bit = 31 - Math.clz32((bound & ~mask) >>> 0);
  const below = 2 ** bit - 1;
  return (((bound & mask & ~below) >>> 0) | (mask & below)) >>> 0;
}
