// Intervals of unsigned 32-bit numbers, the arithmetic below word sets (word-set.ts).

/** Sorted, disjoint, not touching: low, high, low, high, … of unsigned 32-bit numbers, both ends included. */
export type Intervals = readonly number[];

export const MAX_WORD = 0xffffffff;
export const everything: Intervals = [0, MAX_WORD];

/** How the numbers in `a` lie to those in `b`. Takes steps by the length of `b`, not of `a`. */
export function intervalRelation(a: Intervals, b: Intervals): 'inside' | 'outside' | 'both' {
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

export function touches(a: Intervals, low: number, high: number): boolean {
  const at = firstReaching(a, low);
  return at < a.length && a[at]! <= high;
}

export function covers(a: Intervals, low: number, high: number): boolean {
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
