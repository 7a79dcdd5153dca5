// Tests behind arithmetic against the arithmetic itself, on boundary and random words.

import { expect, test } from 'vitest';
import {
  canonical,
  type Held,
  type HeldWord,
  heldWord,
  operate,
  passes,
  testOf,
  UnfollowedError,
  unmasked,
  valueBelow,
} from '../../lib/bpf/held.ts';
import type { WordTest } from '../../lib/bpf/word-set.ts';
import { randomFrom, seed } from '../support/random.ts';

const random = randomFrom(seed);
const corners = [
  0, 1, 2, 3, 7, 8, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];
const word = () => (random.chance(0.5) ? random.pick(corners) : Number(random.bits(32)));
const operations = [0x00, 0x10, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0xa0];

function isIn({ mask, intervals }: WordTest, value: number): boolean {
  const masked = (value & mask) >>> 0;
  return intervals.some((low, at) => at % 2 === 0 && low <= masked && masked <= intervals[at + 1]!);
}

test('a comparison after arithmetic is the test of the word that it says', () => {
  let followed = 0;
  for (let round = 0; round < 1500; round++) {
    const steps = Array.from({ length: random.below(4) }, () => {
      const operation = random.pick(operations);
      const isShift = operation === 0x60 || operation === 0x70;
      return {
        operation,
        k: isShift ? random.below(32) : operation === 0x30 ? 1 + random.below(20) : word(),
      };
    });
    const jump = random.pick([0x10, 0x20, 0x30, 0x40]);
    const k = word();
    const words = Array.from({ length: 20 }, word);
    const run = (value: number) =>
      steps.reduce<Held>((held, one) => operate(held, one.operation, one.k)!, { number: value });
    try {
      const held = steps.reduce<Held>(
        (one, { operation, k: by }) => operate(one, operation, by)!,
        heldWord(16),
      );
      if ('number' in held) {
        for (const value of words) expect(run(value)).toEqual(held);
        continue;
      }
      const found = testOf(held as HeldWord, jump, k);
      for (const value of words) {
        const expected = passes((run(value) as { number: number }).number, jump, k);
        const said = JSON.stringify({ seed, steps, jump, k, value, found });
        expect(isIn(found, value), said).toBe(expected);
        expect(isIn(canonical(found), value), said).toBe(expected);
      }
      followed++;
    } catch (error) {
      if (!(error instanceof UnfollowedError)) throw error;
    }
  }
  expect(followed).toBeGreaterThan(800);
});

test('the arithmetic of numbers is the machine’s', () => {
  expect(operate({ number: 0xffffffff }, 0x00, 2)).toEqual({ number: 1 });
  expect(operate({ number: 1 }, 0x10, 2)).toEqual({ number: 0xffffffff });
  expect(operate({ number: 0x10001 }, 0x20, 0x10001)).toEqual({ number: 0x20001 });
  expect(operate({ number: 7 }, 0x30, 0)).toBeUndefined();
  expect(operate({ number: 1 }, 0x60, 33)).toEqual({ number: 2 });
  expect(operate({ number: 1 }, 0x80, 0)).toEqual({ number: 0xffffffff });
});

test('a product that is no shift is not followed', () => {
  expect(() => operate(heldWord(16), 0x20, 3)).toThrow(UnfollowedError);
});

test('words under a mask as plain intervals, or a refusal', () => {
  expect(unmasked({ mask: 0x40000000, intervals: [1, 0xffffffff] })).toEqual([
    0x40000000, 0x7fffffff, 0xc0000000, 0xffffffff,
  ]);
  expect(() => unmasked({ mask: 1, intervals: [1, 1] })).toThrow(UnfollowedError);
});

test('equal tests under one mask are written the same', () => {
  expect(canonical({ mask: 0xfffffff0, intervals: [0x10, 0x10] })).toEqual({
    mask: 0xffffffff,
    intervals: [0x10, 0x1f],
  });
  expect(canonical({ mask: 8, intervals: [8, 8] })).toEqual(
    canonical({ mask: 8, intervals: [3, 0xffffffff] }),
  );
  expect(canonical({ mask: 8, intervals: [1, 7] }).intervals).toEqual([]);
  for (let round = 0; round < 2000; round++) {
    const [mask, bound] = [word(), word()] as const;
    const value = valueBelow(mask, bound);
    expect((value & ~mask) === 0 && value <= bound).toBe(true);
    const next = (((value | ~mask) >>> 0) + 1) >>> 0;
    if (value !== mask) expect((next & mask) >>> 0, `${mask} ${bound}`).toBeGreaterThan(bound);
  }
});
