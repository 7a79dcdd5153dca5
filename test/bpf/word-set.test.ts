// Sets of words against brute force: everything is asked on the top eight bits of the word as well as on the lowest, by going
// through all 256 values.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { complement, type Intervals, intersect, MAX_WORD, normal } from '../../lib/bpf/intervals.ts';
import {
  anyWord,
  isEmpty,
  narrow,
  negated,
  relation,
  union,
  type WordSet,
  type WordTest,
} from '../../lib/bpf/word-set.ts';

const runs = { numRuns: 400 };

/** Words of eight bits that count: the lowest, or the highest with ones below. */
const scales = [
  { name: 'lowest bits', word: (value: number) => value, full: 0xff },
  { name: 'highest bits', word: (value: number) => ((value << 24) | 0xffffff) >>> 0, full: 0xff000000 },
] as const;

const byte = fc.integer({ min: 0, max: 255 });
const pairs = fc.array(fc.tuple(byte, byte), { maxLength: 4 });

const contains = (intervals: Intervals, value: number): boolean => {
  for (let i = 0; i < intervals.length; i += 2) {
    if (value >= intervals[i]! && value <= intervals[i + 1]!) return true;
  }
  return false;
};
const passes = (value: number, { mask, intervals }: WordTest) => contains(intervals, (value & mask) >>> 0);
const has = (set: WordSet, value: number) =>
  set.some((one) => [...one].every(([mask, intervals]) => passes(value, { mask, intervals })));

describe.for(scales)('on the $name', ({ word, full }) => {
  const all = Array.from({ length: 256 }, (_, value) => word(value));
  const shifted = (value: number) => (full === 0xff ? value : (value << 24) >>> 0);
  // The other bits are fixed by a constraint of their own, so that 256 words are all there are.
  const rest: WordSet = [new Map([[~full >>> 0, full === 0xff ? [0, 0] : [0xffffff, 0xffffff]]])];
  const testOf = (mask: number, list: readonly (readonly [number, number])[]): WordTest => ({
    mask: shifted(mask),
    intervals: normal(list.flatMap(([a, b]) => [shifted(Math.min(a, b)), shifted(Math.max(a, b))])),
  });
  const tests = fc.array(
    fc.tuple(byte, pairs).map(([mask, list]) => testOf(mask, list)),
    { minLength: 1, maxLength: 4 },
  );

  const narrowed = (list: readonly WordTest[]): WordSet | undefined =>
    list.reduce<WordSet | undefined>((set, one) => (set === undefined ? undefined : narrow(set, one)), rest);

  test('isEmpty and narrow are exact', () => {
    fc.assert(
      fc.property(tests, (list) => {
        const expected = all.filter((value) => list.every((one) => passes(value, one)));
        const set = narrowed(list);
        expect(set === undefined).toBe(expected.length === 0);
        if (set !== undefined) {
          expect(set.some(isEmpty)).toBe(false);
          expect(all.filter((value) => has(set, value))).toEqual(expected);
        }
      }),
      runs,
    );
  });

  test('union is exact, and so are narrow and relation on it', () => {
    fc.assert(
      fc.property(tests, tests, fc.tuple(byte, pairs), (a, b, [mask, more]) => {
        const sets = [narrowed(a), narrowed(b)].filter((set) => set !== undefined);
        fc.pre(sets.length > 0);
        const joined = union(sets)!;
        const members = all.filter((value) => sets.some((set) => has(set, value)));
        expect(all.filter((value) => has(joined, value))).toEqual(members);
        const one = testOf(mask, more);
        const inside = members.filter((value) => passes(value, one));
        const left = narrow(joined, one);
        expect(left === undefined ? [] : all.filter((value) => has(left, value))).toEqual(inside);
        const expected =
          inside.length === 0 ? 'outside' : inside.length === members.length ? 'inside' : 'both';
        expect(relation(joined, one)).toBe(expected);
      }),
      runs,
    );
  });

  test('relation is exact', () => {
    fc.assert(
      fc.property(tests, fc.tuple(byte, pairs), (list, [mask, more]) => {
        const set = narrowed(list);
        fc.pre(set !== undefined);
        const one = testOf(mask, more);
        const members = all.filter((value) => has(set, value));
        const inside = members.filter((value) => passes(value, one)).length;
        const expected = inside === 0 ? 'outside' : inside === members.length ? 'inside' : 'both';
        expect(relation(set, one)).toBe(expected);
      }),
      runs,
    );
  });
});

describe('intervals', () => {
  // Ends of the whole range included.
  const edge = fc.oneof(
    byte,
    byte.map((value) => MAX_WORD - value),
  );
  const intervals = fc
    .array(fc.tuple(edge, edge), { maxLength: 5 })
    .map((list) => normal(list.flatMap(([a, b]) => [Math.min(a, b), Math.max(a, b)])));
  const samples = Array.from({ length: 256 }, (_, value) => [value, MAX_WORD - value]).flat();

  test('normal, complement, intersect, negated', () => {
    fc.assert(
      fc.property(intervals, intervals, (a, b) => {
        for (const value of [...samples, 0x12345678]) {
          expect(contains(complement(a), value)).toBe(!contains(a, value));
          expect(contains(intersect(a, b), value)).toBe(contains(a, value) && contains(b, value));
          expect(contains(normal([...b, ...a]), value)).toBe(contains(a, value) || contains(b, value));
        }
        for (const one of [a, complement(a), intersect(a, b)]) {
          for (let i = 2; i < one.length; i += 2) expect(one[i]).toBeGreaterThan(one[i - 1]! + 1);
        }
        expect(complement(complement(a))).toEqual(a);
        expect(negated(negated({ mask: 7, intervals: a }))).toEqual({ mask: 7, intervals: a });
      }),
      { numRuns: 60 },
    );
  });

  test('relation of plain words', () => {
    fc.assert(
      fc.property(intervals, intervals, (a, b) => {
        fc.pre(a.length > 0);
        const both = intersect(a, b);
        const expected = both.length === 0 ? 'outside' : `${both}` === `${a}` ? 'inside' : 'both';
        expect(relation([new Map([[MAX_WORD, a]])], { mask: MAX_WORD, intervals: b })).toBe(expected);
      }),
      runs,
    );
  });

  test('union of plain sets', () => {
    fc.assert(
      fc.property(intervals, intervals, (a, b) => {
        const set = union([[new Map([[MAX_WORD, a]])], [new Map([[MAX_WORD, b]])]]);
        expect(set).toEqual([new Map([[MAX_WORD, normal([...a, ...b])]])]);
      }),
      runs,
    );
  });

  test('a union with everything is everything, one of far too many alternatives is not made', () => {
    const masked = (value: number): WordSet => [new Map([[0xfff, [value, value]]])];
    expect(union([masked(1), anyWord])).toBe(anyWord);
    expect(union([masked(1), masked(1)])).toEqual(masked(1));
    expect(union(Array.from({ length: 1000 }, (_, value) => masked(value)))).toBeUndefined();
  });
});

test('hopeless questions are cut short, easy ones with many masks are not', () => {
  // One mask demands no bit, another some bit of the same ones, and a third leaves many bits free.
  const easy = new Map([
    [0x31a32a1, [0, 0]],
    [0x21a32a0, [1, MAX_WORD]],
    [MAX_WORD, [5, 0x9dc79900]],
  ]);
  const start = performance.now();
  expect(isEmpty(easy)).toBe(true);
  expect(performance.now() - start).toBeLessThan(100);
});
