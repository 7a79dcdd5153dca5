// The nearest real names for a misspelt one: what an error message offers.

/**
 * Up to `most` candidates near a word, nearest first: the same word in other letters' case, then few slips (insertions,
 * deletions, substitutions, neighbours swapped), then names that begin with the word. Nothing where all are far off.
 */
export function nearest(word: string, candidates: Iterable<string>, most = 3): string[] {
  const wanted = word.toLowerCase();
  if (wanted === '') return [];
  const limit = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  const found: { name: string; distance: number }[] = [];
  for (const name of new Set(candidates)) {
    const distance = distanceTo(wanted, name.toLowerCase(), limit);
    if (distance !== undefined) found.push({ name, distance });
  }
  found.sort(
    (a, b) => a.distance - b.distance || a.name.length - b.name.length || (a.name < b.name ? -1 : 1),
  );
  return found.slice(0, most).map((one) => one.name);
}

/** 0 for the same word, slips up to the limit; a longer name that begins with the word stands just behind those; else undefined. */
function distanceTo(word: string, name: string, limit: number): number | undefined {
  if (word === name) return 0;
  if (Math.abs(word.length - name.length) <= limit) {
    const slips = editDistance(word, name, limit);
    if (slips <= limit) return slips;
  }
  if (word.length >= 3 && name.startsWith(word)) return limit + 0.5;
  return undefined;
}

/** Damerau's distance with neighbours swapped once (optimal string alignment); gives up with limit + 1 as soon as it must exceed the limit. */
function editDistance(a: string, b: string, limit: number): number {
  let before: number[] = [];
  let last: number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const now: number[] = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, now[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, before[column - 2]! + 1);
      }
      now.push(cost);
      if (cost < least) least = cost;
    }
    if (least > limit) return limit + 1;
    before = last;
    last = now;
  }
  return last[b.length]!;
}
