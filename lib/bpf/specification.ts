// What a chain of filters is to mean, in the machine's own terms: words of seccomp_data and SECCOMP_RET_ values. The
// proof holds a program against this. It is made from a policy's meaning, never from anything that the compiler made.

import { everything, type Intervals, intersect, isEverything, normal } from './intervals.ts';
import { negated, type WordTest } from './word-set.ts';

/** One word of seccomp_data passes a test. `offset` is a byte offset into it. */
export interface WordFormula {
  readonly kind: 'word';
  readonly offset: number;
  readonly test: WordTest;
}

/** A truth about the words of seccomp_data. */
export type Formula =
  | WordFormula
  | { readonly kind: 'not'; readonly of: Formula }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Formula[] };

/** `and` of nothing. */
export const always: Formula = { kind: 'and', of: [] };
/** `or` of nothing. */
export const never: Formula = { kind: 'or', of: [] };

export interface SpecifiedRule {
  /** SECCOMP_RET_ value with data, unsigned. */
  readonly value: number;
  readonly when: Formula;
}

/** The first rule that holds answers; if none does, `otherwise`. */
export interface SpecifiedMeaning {
  readonly rules: readonly SpecifiedRule[];
  readonly otherwise: number;
}

/** Call numbers low…high of one architecture, both included. */
export interface SpecifiedRange {
  readonly low: number;
  readonly high: number;
  readonly meaning: SpecifiedMeaning;
}

export interface Specification {
  readonly bigEndian: boolean;
  readonly architectures: readonly {
    /** AUDIT_ARCH_ value. */
    readonly arch: number;
    /** Sorted, disjoint, together all of 0…2³²-1. */
    readonly ranges: readonly SpecifiedRange[];
    /** Call numbers that are allowed, whatever is said of them, if args[3], [4] and [5] hold the launch's cookie. */
    readonly gated: readonly number[];
  }[];
  /** The answer to every other architecture; undefined where nothing is claimed about them. */
  readonly otherwise: number | undefined;
}

/** Byte offset of one half of an argument register in seccomp_data. */
export function argumentOffset(index: number, half: 'low' | 'high', bigEndian: boolean): number {
  return 16 + 8 * index + ((half === 'high') === bigEndian ? 0 : 4);
}

/** The same truth said shortly: nothing nested in its own kind, no constants inside, and all tests that an `and` or an `or` makes of
 * one word under one mask as one test. A list of a thousand values becomes one test of a thousand intervals. */
export function simplified(formula: Formula): Formula {
  if (formula.kind === 'word') return simplifiedWord(formula);
  if (formula.kind === 'not') {
    const of = simplified(formula.of);
    if (of.kind === 'word') return simplifiedWord({ ...of, test: negated(of.test) });
    if (of.kind === 'not') return of.of;
    return of.of.length === 0 ? (of.kind === 'and' ? never : always) : { kind: 'not', of };
  }
  const { kind } = formula;
  const rest: Formula[] = [];
  const words = new Map<string, WordFormula[]>();
  const take = (part: Formula): void => {
    if (part.kind === kind) for (const one of part.of) take(one);
    else if (part.kind !== 'word') rest.push(part);
    else {
      const key = `${part.offset}&${part.test.mask}`;
      const list = words.get(key);
      if (list === undefined) words.set(key, [part]);
      else list.push(part);
    }
  };
  for (const part of formula.of) take(simplified(part));
  const parts = [...words.values()].map((list) => simplifiedWord(joinedWords(list, kind))).concat(rest);
  const decisive = kind === 'and' ? 'or' : 'and';
  // Of the constants the one (`never` in an `and`) decides all, the other has been flattened away.
  if (parts.some((part) => part.kind === decisive && part.of.length === 0))
    return kind === 'and' ? never : always;
  const left = parts.filter((part) => part.kind !== kind);
  return left.length === 1 ? left[0]! : { kind, of: left };
}

function simplifiedWord(formula: WordFormula): Formula {
  const { mask, intervals } = formula.test;
  if (intervals.length === 0) return never;
  if (mask === 0) return intervals[0] === 0 ? always : never;
  return isEverything(intervals) ? always : formula;
}

function joinedWords(list: readonly WordFormula[], kind: 'and' | 'or'): WordFormula {
  const [first] = list;
  if (list.length === 1) return first!;
  const all = list.map((one) => one.test.intervals);
  const intervals: Intervals = kind === 'or' ? normal(all.flat()) : all.reduce(intersect, everything);
  return { ...first!, test: { mask: first!.test.mask, intervals } };
}
