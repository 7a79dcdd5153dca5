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
const PEEL_WINDOW = 6;
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

/** A range first…last of intervals, of which up to two single values, p < q, have been peeled (0: none). */
class Search<Outcome> {
  readonly #intervals: readonly Interval<Outcome>[];
  readonly #count: number;
  /** Sums of weights: #weights[i] is that of the intervals before i. */
  readonly #weights: Float64Array;
  readonly #peelable: Uint8Array;
  /** By first and last: the cost, and the best test (a split before interval k: k; a peel of k: -k). */
  readonly #costs: Float64Array;
  readonly #choices: Int16Array;
  /** The best split, also where a peel was better. */
  readonly #splits: Int16Array;
  /** The same for short ranges with peeled values, by #place. A cost of 0: not known yet. */
  readonly #peeledCosts: Float64Array;
  readonly #peeledChoices: Int16Array;

  constructor(intervals: readonly Interval<Outcome>[]) {
    const n = intervals.length;
    this.#intervals = intervals;
    this.#count = n;
    this.#weights = new Float64Array(n + 1);
    this.#peelable = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      this.#weights[i + 1] = this.#weights[i]! + intervals[i]!.weight;
      this.#peelable[i] = isPeelable(intervals, i) ? 1 : 0;
    }
    this.#costs = new Float64Array(n * n);
    this.#choices = new Int16Array(n * n);
    this.#splits = new Int16Array(n * n);
    this.#peeledCosts = new Float64Array(n * PEEL_WINDOW ** 3);
    this.#peeledChoices = new Int16Array(n * PEEL_WINDOW ** 3);
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
        if (this.#peelable[k] === 0) continue;
        const cost = this.#cost(first, last, k, 0);
        if (cost < best) {
          best = cost;
          choice = -k;
        }
      }
    }
    costs[first * n + last] = best + this.#weights[last + 1]! - this.#weights[first]! + TEST_SIZE;
    this.#choices[first * n + last] = choice;
  }

  /** The cost of first…last without the intervals p and q (0: none; p alone, or p < q). */
  #cost(first: number, last: number, p: number, q: number): number {
    // What is peeled outside of the range or at its edge is not there at all.
    if (q !== 0 && q > last) q = 0;
    if (p !== 0 && p < first) {
      p = q;
      q = 0;
    }
    if (p === 0 || p > last) return this.#costs[first * this.#count + last]!;
    if (p === first) return this.#cost(first + 1, last, q, 0);
    if (q === last) return this.#cost(first, last - 1, p, 0);
    if (p === last) return this.#cost(first, last - 1, 0, 0);
    // Each peeled value has joined its neighbours; if that leaves one interval, there is nothing to ask.
    if (last - first === (q === 0 ? 2 : 4)) return 0;
    const place = this.#place(first, last, p, q);
    const known = this.#peeledCosts[place]!;
    return known !== 0 ? known : this.#peeled(first, last, p, q, place);
  }

  #place(first: number, last: number, p: number, q: number): number {
    return (
      (((first * PEEL_WINDOW + last - first) * PEEL_WINDOW + p - first) * PEEL_WINDOW +
        (q === 0 ? 0 : q - first)) |
      0
    );
  }

  #peeled(first: number, last: number, p: number, q: number, place: number): number {
    let best = Number.POSITIVE_INFINITY;
    let choice = 0;
    for (let k = first + 1; k <= last; k++) {
      // A boundary of a peeled value divides nothing.
      if (k === p || k === p + 1 || (q !== 0 && (k === q || k === q + 1))) continue;
      const cost = this.#cost(first, k - 1, p, q) + this.#cost(k, last, p, q);
      if (cost < best) {
        best = cost;
        choice = k;
      }
    }
    if (q === 0) {
      for (let k = p + 2; k < last; k++) {
        if (this.#peelable[k] === 0) continue;
        const cost = this.#cost(first, last, p, k);
        if (cost < best) {
          best = cost;
          choice = -k;
        }
      }
    }
    const gone = this.#intervals[p]!.weight + (q === 0 ? 0 : this.#intervals[q]!.weight);
    const cost = best + this.#weights[last + 1]! - this.#weights[first]! - gone + TEST_SIZE;
    this.#peeledCosts[place] = cost;
    this.#peeledChoices[place] = choice;
    return cost;
  }

  /** The tree that #cost has priced, by the same steps. */
  #build(first: number, last: number, p: number, q: number): Tree<Outcome> {
    if (q !== 0 && q > last) q = 0;
    if (p !== 0 && p < first) {
      p = q;
      q = 0;
    }
    if (p > last) p = 0;
    if (p !== 0) {
      if (p === first) return this.#build(first + 1, last, q, 0);
      if (q === last) return this.#build(first, last - 1, p, 0);
      if (p === last) return this.#build(first, last - 1, 0, 0);
    }
    const peeled = p === 0 ? 0 : q === 0 ? 2 : 4;
    if (last - first === peeled) return { kind: 'outcome', outcome: this.#intervals[first]!.outcome };
    const choice =
      p === 0
        ? this.#choices[first * this.#count + last]!
        : this.#peeledChoices[this.#place(first, last, p, q)]!;
    if (choice > 0) {
      return {
        kind: 'test',
        test: 'ge',
        key: this.#intervals[choice]!.start,
        yes: this.#build(choice, last, p, q),
        no: this.#build(first, choice - 1, p, q),
      };
    }
    const single = this.#intervals[-choice]!;
    return {
      kind: 'test',
      test: 'eq',
      key: single.start,
      yes: { kind: 'outcome', outcome: single.outcome },
      no: p === 0 ? this.#build(first, last, -choice, 0) : this.#build(first, last, p, -choice),
    };
  }
}

/** A single value between two intervals of one outcome. */
function isPeelable<Outcome>(intervals: readonly Interval<Outcome>[], k: number): boolean {
  const [before, it, after] = [intervals[k - 1], intervals[k]!, intervals[k + 1]];
  return before !== undefined && after?.start === it.start + 1 && before.outcome === after.outcome;
}
