// The cheapest way to find the interval that a number lies in: a tree of comparisons, by dynamic programming.
//
// The leaves are intervals with an outcome and a weight. A test either splits a range at a boundary (JGE), or peels one
// single value out of the middle (JEQ) where what lies on both sides then is one interval again: that is what makes a
// hole in a long run of equal answers cost one test instead of two. Cost is the weighted number of tests executed.
// Splits are searched over all ranges; peels, up to two at a time, over short ranges, where they gain something: a
// peel high up costs everybody below it a test.

/** A comparison with both ways, or the number of an outcome. */
export type Tree<Outcome> =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | {
      readonly kind: 'test';
      /** ge: value ≥ key, unsigned; eq: value = key. */
      readonly test: 'ge' | 'eq';
      readonly key: number;
      readonly yes: Tree<Outcome>;
      readonly no: Tree<Outcome>;
    };

export interface Interval<Outcome> {
  /** First value; the last is the next interval's start less one, or 2³²-1. */
  readonly start: number;
  readonly outcome: Outcome;
  /** How often it is looked for, relative to the others; above 0. */
  readonly weight: number;
}

/** What one more test in the program is worth, as a weight: of trees that are nearly as fast the smaller one is taken. */
const TEST_SIZE = 0.5;
/** Ranges up to this many intervals are searched for peels. */
const PEEL_WINDOW = 7;
/** Ranges up to this many intervals are searched completely; longer ones are first cut in halves of equal weight. */
const SEARCH_LIMIT = 160;

/** The tree for intervals that ascend from 0; neighbours have different outcomes. */
export function searchTree<Outcome>(intervals: readonly Interval<Outcome>[]): Tree<Outcome> {
  if (intervals.length > SEARCH_LIMIT) {
    const middle = heavyMiddle(intervals);
    return {
      kind: 'test',
      test: 'ge',
      key: intervals[middle]!.start,
      yes: searchTree(intervals.slice(middle)),
      no: searchTree(intervals.slice(0, middle)),
    };
  }
  return new Search(intervals).tree();
}

function heavyMiddle<Outcome>(intervals: readonly Interval<Outcome>[]): number {
  const total = intervals.reduce((sum, one) => sum + one.weight, 0);
  let sum = 0;
  for (let i = 0; i < intervals.length - 1; i++) {
    sum += intervals[i]!.weight;
    if (sum >= total / 2) return i + 1;
  }
  return intervals.length - 1;
}

/** A range first…last of intervals, of which up to two single values have been peeled (0: none). */
class Search<Outcome> {
  readonly #intervals: readonly Interval<Outcome>[];
  readonly #count: number;
  /** Sums of weights: #weights[i] is that of the intervals before i. */
  readonly #weights: Float64Array;
  /** By first and last: the cost, and the best test (a split before interval k: k; a peel of k: -k). */
  readonly #costs: Float64Array;
  readonly #choices: Int16Array;
  /** The best split, also where a peel was better. */
  readonly #splits: Int16Array;
  /** The same for ranges with peeled values, by a number made of first, last and the peeled. */
  readonly #peeledCosts = new Map<number, number>();
  readonly #peeledChoices = new Map<number, number>();

  constructor(intervals: readonly Interval<Outcome>[]) {
    this.#intervals = intervals;
    this.#count = intervals.length;
    this.#weights = new Float64Array(this.#count + 1);
    for (let i = 0; i < this.#count; i++) this.#weights[i + 1] = this.#weights[i]! + intervals[i]!.weight;
    this.#costs = new Float64Array(this.#count * this.#count);
    this.#choices = new Int16Array(this.#count * this.#count);
    this.#splits = new Int16Array(this.#count * this.#count);
  }

  tree(): Tree<Outcome> {
    for (let length = 2; length <= this.#count; length++) {
      for (let first = 0; first + length <= this.#count; first++) this.#solve(first, first + length - 1);
    }
    return this.#build(0, this.#count - 1, 0, 0);
  }

  #solve(first: number, last: number): void {
    const n = this.#count;
    const costs = this.#costs;
    let best = Number.POSITIVE_INFINITY;
    let choice = 0;
    // The best split moves right as either end does (Knuth 1971); with peels below that is nearly so, and checked in tests.
    const from = last - first < 2 ? first + 1 : Math.max(first + 1, this.#splits[first * n + last - 1]!);
    const to = last - first < 2 ? last : Math.min(last, this.#splits[(first + 1) * n + last]!);
    for (let k = from; k <= Math.max(from, to); k++) {
      const cost = costs[first * n + k - 1]! + costs[k * n + last]!;
      if (cost < best) {
        best = cost;
        choice = k;
      }
    }
    this.#splits[first * n + last] = choice;
    if (last - first < PEEL_WINDOW) {
      for (let k = first + 1; k < last; k++) {
        if (!this.#isPeelable(k)) continue;
        const cost = this.#peeled(first, last, k, 0);
        if (cost < best) {
          best = cost;
          choice = -k;
        }
      }
    }
    costs[first * n + last] = best + this.#weights[last + 1]! - this.#weights[first]! + TEST_SIZE;
    this.#choices[first * n + last] = choice;
  }

  /** A single value between two intervals of one outcome. */
  #isPeelable(k: number): boolean {
    const [before, it, after] = [this.#intervals[k - 1]!, this.#intervals[k]!, this.#intervals[k + 1]!];
    return after.start === it.start + 1 && before.outcome === after.outcome;
  }

  /** The cost of first…last without the intervals p and q (0: none; p < q if both). */
  #cost(first: number, last: number, p: number, q: number): number {
    // A peeled value at the edge is no longer there at all.
    if (p !== 0 && (p < first || p > last)) p = 0;
    if (q !== 0 && (q < first || q > last)) q = 0;
    if (p === 0 && q === 0) return this.#costs[first * this.#count + last]!;
    if (p === 0) return this.#peeled(first, last, q, 0);
    return this.#peeled(first, last, p, q);
  }

  #peeled(first: number, last: number, p: number, q: number): number {
    // One interval is left: nothing to ask.
    if (this.#isOne(first, last, p, q)) return 0;
    if (first === p) return this.#cost(first + 1, last, q, 0);
    if (last === p && q === 0) return this.#cost(first, last - 1, 0, 0);
    if (last === q) return this.#cost(first, last - 1, p, 0);
    const key = ((first * 256 + last) * 256 + p) * 256 + q;
    const known = this.#peeledCosts.get(key);
    if (known !== undefined) return known;
    let best = Number.POSITIVE_INFINITY;
    let choice = 0;
    for (let k = first + 1; k <= last; k++) {
      // A boundary of a peeled value divides nothing.
      if (this.#isMerged(k, p) || this.#isMerged(k, q)) continue;
      const cost = this.#cost(first, k - 1, p, q) + this.#cost(k, last, p, q);
      if (cost < best) {
        best = cost;
        choice = k;
      }
    }
    if (q === 0) {
      for (let k = p + 2; k < last; k++) {
        if (!this.#isPeelable(k)) continue;
        const cost = this.#peeled(first, last, p, k);
        if (cost < best) {
          best = cost;
          choice = -k;
        }
      }
    }
    let weight = this.#weights[last + 1]! - this.#weights[first]! - this.#intervals[p]!.weight;
    if (q !== 0) weight -= this.#intervals[q]!.weight;
    weight += TEST_SIZE;
    this.#peeledCosts.set(key, best + weight);
    this.#peeledChoices.set(key, choice);
    return best + weight;
  }

  #isMerged(boundary: number, peeled: number): boolean {
    return peeled !== 0 && (boundary === peeled || boundary === peeled + 1);
  }

  #isOne(first: number, last: number, p: number, q: number): boolean {
    for (let k = first + 1; k <= last; k++) if (!this.#isMerged(k, p) && !this.#isMerged(k, q)) return false;
    return true;
  }

  #build(first: number, last: number, p: number, q: number): Tree<Outcome> {
    if (p !== 0 && (p < first || p > last)) p = 0;
    if (q !== 0 && (q < first || q > last)) q = 0;
    if (p === 0) {
      p = q;
      q = 0;
    }
    if (this.#isOne(first, last, p, q)) {
      return {
        kind: 'outcome',
        outcome: this.#intervals[p !== 0 && first === p ? first + 1 : first]!.outcome,
      };
    }
    if (p !== 0) {
      if (first === p) return this.#build(first + 1, last, q, 0);
      if (last === p && q === 0) return this.#build(first, last - 1, 0, 0);
      if (last === q) return this.#build(first, last - 1, p, 0);
    }
    const choice =
      p === 0
        ? this.#choices[first * this.#count + last]!
        : this.#peeledChoices.get(((first * 256 + last) * 256 + p) * 256 + q)!;
    if (choice > 0) {
      return {
        kind: 'test',
        test: 'ge',
        key: this.#intervals[choice]!.start,
        yes: this.#build(choice, last, p, q),
        no: this.#build(first, choice - 1, p, q),
      };
    }
    const peeled = this.#intervals[-choice]!;
    return {
      kind: 'test',
      test: 'eq',
      key: peeled.start,
      yes: { kind: 'outcome', outcome: peeled.outcome },
      no: p === 0 ? this.#build(first, last, -choice, 0) : this.#build(first, last, p, -choice),
    };
  }
}
