// What a chain of filters is to mean, in the machine's own terms: words of seccomp_data and SECCOMP_RET_ values. The
// proof holds a program against this. It is made from a policy's meaning, never from anything that the compiler made.

import type { WordTest } from './word-set.ts';

/** A truth about the words of seccomp_data. `offset` is a byte offset into it. */
export type Formula =
  | { readonly kind: 'word'; readonly offset: number; readonly test: WordTest }
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
  /** The answer to every other architecture. */
  readonly otherwise: number;
}

/** Byte offset of one half of an argument register in seccomp_data. */
export function argumentOffset(index: number, half: 'low' | 'high', bigEndian: boolean): number {
  return 16 + 8 * index + ((half === 'high') === bigEndian ? 0 : 4);
}
