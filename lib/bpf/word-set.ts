// Sets of 32-bit words, as far as a filter can tell words apart: alternatives, each a conjunction of "(word & mask) lies in these
// intervals", one for each mask. The proof walks a program with such sets for every word of seccomp_data; all that it
// needs is to narrow a set by a test, to join two, and to know exactly whether anything is left.

import {
  complement,
  covers,
  everything,
  type Intervals,
  intersect,
  intervalRelation,
  isEverything,
  MAX_WORD,
  normal,
  touches,
} from './intervals.ts';

/** What must hold together, by mask. An empty map: any word. */
export type Conjunction = ReadonlyMap<number, Intervals>;

/** The words that one of the alternatives holds for. They may overlap; none is empty, and there is at least one. */
export type WordSet = readonly Conjunction[];

export const anyWord: WordSet = [new Map()];

/** A test on one word: (word & mask) ∈ intervals. */
export interface WordTest {
  readonly mask: number;
  readonly intervals: Intervals;
}

/** The words of `set` that pass the test; undefined if there are none. */
export function narrow(set: WordSet, test: WordTest): WordSet | undefined {
  const left: Conjunction[] = [];
  for (const one of set) {
    const narrowed = narrowOne(one, test);
    if (narrowed !== undefined) left.push(narrowed);
  }
  return left.length === 0 ? undefined : left;
}

function narrowOne(one: Conjunction, test: WordTest): Conjunction | undefined {
  const known = one.get(test.mask);
  const both = known === undefined ? test.intervals : intersect(known, test.intervals);
  if (both.length === 0) return undefined;
  // Of the plain word alone every value in the intervals is a word.
  if (test.mask === MAX_WORD && one.size === (known === undefined ? 0 : 1))
    return new Map([[MAX_WORD, both]]);
  const result = new Map(one).set(test.mask, both);
  return isEmpty(result) ? undefined : result;
}

/** Whether the words of a set all pass a test, or none, or some of them. */
export function relation(set: WordSet, test: WordTest): 'inside' | 'outside' | 'both' {
  const first = relationOfOne(set[0]!, test);
  for (let i = 1; i < set.length && first !== 'both'; i++) {
    if (relationOfOne(set[i]!, test) !== first) return 'both';
  }
  return first;
}

function relationOfOne(one: Conjunction, test: WordTest): 'inside' | 'outside' | 'both' {
  const known = one.get(test.mask) ?? everything;
  const quick = intervalRelation(known, test.intervals);
  // With masks there are values in the intervals that no word has, so only a plain word is certain to reach both sides.
  if (
    quick !== 'both' ||
    (test.mask === MAX_WORD && (one.size === 0 || (one.size === 1 && one.has(MAX_WORD))))
  ) {
    return quick;
  }
  if (narrowOne(one, test) === undefined) return 'outside';
  return narrowOne(one, negated(test)) === undefined ? 'inside' : 'both';
}

/** The plain values that a set may have, as far as it constrains them: all of its words lie there. */
export function plainIntervals(set: WordSet): Intervals {
  const lists = set.map((one) => one.get(MAX_WORD) ?? everything);
  return lists.length === 1 ? lists[0]! : normal(lists.flat());
}

export function negated(test: WordTest): WordTest {
  return { mask: test.mask, intervals: complement(test.intervals) };
}

/** A set of more alternatives than this is not made: looking through them would cost more than it saves. */
const MAX_ALTERNATIVES = 64;

/** The union of sets; undefined where it would have too many alternatives. Those that constrain the plain word alone become one. */
export function union(sets: readonly WordSet[]): WordSet | undefined {
  const plain: Intervals[] = [];
  const others = new Map<string, Conjunction>();
  for (const one of sets.flat()) {
    if (one.size === 0) return anyWord;
    const intervals = one.size === 1 ? one.get(MAX_WORD) : undefined;
    if (intervals !== undefined) plain.push(intervals);
    else others.set(keyOfOne(one), one);
  }
  const alternatives = [...others.values()];
  if (plain.length > 0) alternatives.push(new Map([[MAX_WORD, normal(plain.flat())]]));
  return alternatives.length > MAX_ALTERNATIVES ? undefined : alternatives;
}

const keys = new WeakMap<WordSet, string>();

/** A text by which sets said in the same way are known. */
export function keyOf(set: WordSet): string {
  let key = keys.get(set);
  if (key === undefined) {
    key = set.length === 1 ? keyOfOne(set[0]!) : set.map(keyOfOne).sort().join('/');
    keys.set(set, key);
  }
  return key;
}

function keyOfOne(one: Conjunction): string {
  return [...one]
    .sort((a, b) => a[0] - b[0])
    .map(([mask, intervals]) => `${mask === MAX_WORD ? '' : mask}:${intervals.join(',')}`)
    .join(';');
}

/** How many steps a question about one word may take before it counts as unanswerable. */
const EMPTINESS_BUDGET = 100_000;

type Constraint = readonly [mask: number, intervals: Intervals];

/** Whether one of the intervals holds the highest number of it that has bits of the mask alone: that is a word of the set. */
function hasPlainWord(mask: number, intervals: Intervals): boolean {
  for (let i = 0; i < intervals.length; i += 2) {
    if ((intervals[i + 1]! & mask) >>> 0 >= intervals[i]!) return true;
  }
  return false;
}

/** Whether no word fulfils all constraints. Exact: fixes the word's bits from the top, drops a branch as soon as a
 * constraint cannot be met below it, and does not enter the same situation twice: two prefixes that look alike under the
 * masks of all open constraints have the same words below them. Throws RangeError if that takes unreasonably long
 * (hostile sets of masks). */
export function isEmpty(one: Conjunction): boolean {
  const constraints = [...one].filter(([, intervals]) => !isEverything(intervals));
  if (constraints.length === 0) return false;
  if (constraints.length === 1) {
    const [mask, intervals] = constraints[0]!;
    if (mask === MAX_WORD) return intervals.length === 0;
    if (hasPlainWord(mask, intervals)) return false;
  }
  const dead = new Set<string>();
  let budget = EMPTINESS_BUDGET;
  const search = (prefix: number, bit: number, open: readonly Constraint[]): boolean => {
    if (--budget < 0) throw new RangeError('too many masks on one word');
    const free = bit === 32 ? MAX_WORD : 2 ** bit - 1;
    const left: Constraint[] = [];
    let key = `${bit}`;
    for (const constraint of open) {
      const [mask, intervals] = constraint;
      const low = (prefix & mask) >>> 0;
      const high = (low | (mask & free)) >>> 0;
      if (!touches(intervals, low, high)) return false;
      if (covers(intervals, low, high)) continue;
      left.push(constraint);
      key += `,${mask}:${low}`;
    }
    if (left.length === 0) return true;
    if (dead.has(key)) return false;
    const next = bit - 1;
    if (search(prefix, next, left) || search((prefix | (2 ** next)) >>> 0, next, left)) return true;
    dead.add(key);
    return false;
  };
  return !search(0, 32, constraints);
}
