// A part of all possible seccomp_data: for each of its words the set of values that it may have there. The proof moves
// through a program with such regions, and cuts them finer until everything asked about one has a single answer.

import { MAX_WORD } from './intervals.ts';
import { anyWord, type Conjunction, narrow, type WordSet, type WordTest } from './word-set.ts';

/** Byte offset → set. A word that is missing may be anything. */
export type Region = ReadonlyMap<number, WordSet>;

/** The part of a region where a word passes a test; undefined if there is none. */
export function restrict(region: Region, offset: number, test: WordTest): Region | undefined {
  const known = region.get(offset) ?? anyWord;
  const left = narrow(known, test);
  if (left === undefined) return undefined;
  return new Map(region).set(offset, left);
}

/** For messages: each word with the first of its intervals. */
export function describe(region: Region): string {
  const words = [...region].map(([offset, set]) => `word ${offset} in ${describeSet(set)}`);
  return words.join(', ') || 'always';
}

function describeSet(set: WordSet): string {
  const shown = set.slice(0, 4).map(describeOne);
  return `${shown.join(' or ')}${set.length > 4 ? ' or …' : ''}`;
}

function describeOne(one: Conjunction): string {
  return [...one]
    .map(([mask, intervals]) => {
      const shown = intervals.slice(0, 6).map((word) => `0x${word.toString(16)}`);
      const dots = intervals.length > 6 ? ' …' : '';
      return `${mask === MAX_WORD ? '' : `&0x${mask.toString(16)} `}[${shown.join(' ')}${dots}]`;
    })
    .join(' and ');
}
