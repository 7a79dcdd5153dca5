// Sets of 32-bit words, as far as a filter can tell words apart: a conjunction of "(word & mask) lies in these intervals",
// one for each mask. The proof walks a program with such sets for every word of seccomp_data; all that it needs is
// to narrow a set by a test, and to know exactly whether anything is left.

/** Sorted, disjoint, not touching: low, high, low, high, … of unsigned 32-bit numbers, both ends included. */
export type Intervals = readonly number[];

export const MAX_WORD = 0xffffffff;
export const everything: Intervals = [0, MAX_WORD];
export const nothing: Intervals = [];

/** What is known of one word, by mask. An empty map: nothing is known. */
export type WordSet = ReadonlyMap<number, Intervals>;

export const anyWord: WordSet = new Map();

/** A test on one word: (word & mask) ∈ intervals. */
export interface WordTest {
  readonly mask: number;
  readonly intervals: Intervals;
}

/** The words of `set` that pass the test; undefined if there are none. */
export function narrow(set: WordSet, test: WordTest): WordSet | undefined {
  const known = set.get(test.mask);
  const both = known === undefined ? test.intervals : intersect(known, test.intervals);
  if (both.length === 0) return undefined;
  const result = new Map(set).set(test.mask, both);
  return isEmpty(result) ? undefined : result;
}

/** Whether the words of a set (not an empty one) all pass a test, or none, or some of them. */
export function relation(set: WordSet, test: WordTest): 'inside' | 'outside' | 'both' {
  const known = set.get(test.mask) ?? everything;
  const quick = intervalRelation(known, test.intervals);
  // With masks there are values in the intervals that no word has, so only a plain word is certain to reach both sides.
  if (quick !== 'both' || (test.mask === MAX_WORD && set.size <= 1)) return quick;
  if (narrow(set, test) === undefined) return 'outside';
  return narrow(set, negated(test)) === undefined ? 'inside' : 'both';
}

/** How the numbers in `a` lie to those in `b`. Takes steps by the length of `b`, not of `a`. */
function intervalRelation(a: Intervals, b: Intervals): 'inside' | 'outside' | 'both' {
  let touching = false;
  let contained = 0;
  for (let i = 0; i < b.length; i += 2) {
    const [low, high] = [b[i]!, b[i + 1]!];
    const first = firstReaching(a, low);
    if (first >= a.length || a[first]! > high) continue;
    touching = true;
    // The first interval that reaches beyond `high`; those from `first` up to it lie inside but for the ends.
    const beyond = high === MAX_WORD ? a.length : firstReaching(a, high + 1);
    if (a[first]! < low || (beyond < a.length && a[beyond]! <= high)) return 'both';
    contained += beyond - first;
  }
  if (!touching) return 'outside';
  return contained === a.length ? 'inside' : 'both';
}

export function negated(test: WordTest): WordTest {
  return { mask: test.mask, intervals: complement(test.intervals) };
}

/** The union of sets, where it can be said exactly: all constrain the plain word alone. */
export function union(sets: readonly WordSet[]): WordSet | undefined {
  if (sets.some((set) => set.size === 0)) return anyWord;
  const lists = sets.map((set) => (set.size === 1 ? set.get(MAX_WORD) : undefined));
  if (lists.includes(undefined)) return undefined;
  return new Map([[MAX_WORD, normal(lists.flatMap((list) => list!))]]);
}

const keys = new WeakMap<WordSet, string>();

/** A text that equal sets share and others do not. Short for the usual ones, which matters where thousands are compared. */
export function keyOf(set: WordSet): string {
  let key = keys.get(set);
  if (key === undefined) {
    key = [...set]
      .sort((a, b) => a[0] - b[0])
      .map(([mask, intervals]) => `${mask === MAX_WORD ? '' : mask}:${intervals.join(',')}`)
      .join(';');
    keys.set(set, key);
  }
  return key;
}

/** How many steps a question about one word may take before it counts as unanswerable. */
const EMPTINESS_BUDGET = 100_000;

type Constraint = readonly [mask: number, intervals: Intervals];

/** Whether no word fulfils all constraints. Exact: fixes the word's bits from the top, drops a branch as soon as a
 * constraint cannot be met below it, and does not enter the same situation twice: two prefixes that look alike under the
 * masks of all open constraints have the same words below them. Throws RangeError if that takes unreasonably long
 * (hostile sets of masks). */
export function isEmpty(set: WordSet): boolean {
  const constraints = [...set].filter(([, intervals]) => !isEverything(intervals));
  if (constraints.length === 0) return false;
  if (constraints.length === 1 && constraints[0]![0] === MAX_WORD) return constraints[0]![1].length === 0;
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

export function intersect(a: Intervals, b: Intervals): Intervals {
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const low = Math.max(a[i]!, b[j]!);
    const high = Math.min(a[i + 1]!, b[j + 1]!);
    if (low <= high) out.push(low, high);
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return out;
}

export function complement(a: Intervals): Intervals {
  const out: number[] = [];
  let next = 0;
  for (let i = 0; i < a.length; i += 2) {
    if (a[i]! > next) out.push(next, a[i]! - 1);
    next = a[i + 1]! + 1;
  }
  if (next <= MAX_WORD) out.push(next, MAX_WORD);
  return out;
}

/** Sorts and joins intervals given in any order, overlapping or touching. */
export function normal(pairs: readonly number[]): Intervals {
  const sorted: [number, number][] = [];
  for (let i = 0; i < pairs.length; i += 2) sorted.push([pairs[i]!, pairs[i + 1]!]);
  sorted.sort((x, y) => x[0] - y[0]);
  const out: number[] = [];
  for (const [low, high] of sorted) {
    if (out.length > 0 && low <= out[out.length - 1]! + 1) {
      out[out.length - 1] = Math.max(out[out.length - 1]!, high);
    } else out.push(low, high);
  }
  return out;
}

export function isEverything(a: Intervals): boolean {
  return a.length === 2 && a[0] === 0 && a[1] === MAX_WORD;
}

function touches(a: Intervals, low: number, high: number): boolean {
  const at = firstReaching(a, low);
  return at < a.length && a[at]! <= high;
}

function covers(a: Intervals, low: number, high: number): boolean {
  const at = firstReaching(a, low);
  return at < a.length && a[at]! <= low && a[at + 1]! >= high;
}

/** The index of the first interval that ends at `value` or above; a.length if none does. */
function firstReaching(a: Intervals, value: number): number {
  let from = 0;
  let to = a.length >> 1;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (a[2 * middle + 1]! < value) from = middle + 1;
    else to = middle;
  }
  return 2 * from;
}
