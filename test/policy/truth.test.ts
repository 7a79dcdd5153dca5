// The Boolean algebra of conditions against their meaning, at the very numbers that the conditions name and beside them.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { abis } from '../../lib/linux/abi.ts';
import { and, anyOf, keyOf, not, or, type Truth } from '../../lib/policy/algebra/truth.ts';
import { holds } from '../../lib/policy/evaluate.ts';
import type { Condition, Value } from '../../lib/policy/model.ts';
import { conditions } from './arbitraries.ts';

const subject = [
  { argument: 'flags', bits: 32, signed: true },
  { argument: 'mode', bits: 16, signed: false },
];

function valuesIn(condition: Condition): readonly Value[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.of.flatMap(valuesIn);
    case 'not':
      return valuesIn(condition.of);
    case 'in':
      return condition.ranges.flatMap((range) => [range.low, range.high]);
    case 'any-bit':
      return [condition.mask];
    case 'masked':
      return [condition.mask, condition.value];
    case 'compare':
      return [condition.value];
  }
}

/** Registers at and beside the numbers of the conditions. */
function registersFor(all: readonly Condition[]): readonly (readonly bigint[])[] {
  const numbers = all.flatMap(valuesIn).flatMap((value) => (value.kind === 'number' ? [value.number] : []));
  const words = [0n, ...numbers.flatMap((number) => [number - 1n, number, number + 1n])].map((word) =>
    BigInt.asUintN(64, word),
  );
  return words.map((word, index) => [0n, 0n, word, words[(index * 7 + 3) % words.length]!, 0n, 0n]);
}

const isTrue = (truth: Truth, args: readonly bigint[]) =>
  typeof truth === 'boolean' ? truth : holds(truth, abis.x86_64, 'openat', args);

test('not, and, or mean what they say', () => {
  fc.assert(
    fc.property(fc.array(conditions(subject), { minLength: 1, maxLength: 4 }), (list) => {
      const [first, second] = [list[0]!, list.at(-1)!];
      for (const args of registersFor(list)) {
        const truths = list.map((one) => isTrue(one, args));
        expect(isTrue(not(first), args), keyOf(first)).toBe(!truths[0]);
        expect(isTrue(and(...list), args)).toBe(truths.every(Boolean));
        expect(isTrue(anyOf(list), args)).toBe(truths.some(Boolean));
        // Where simplification has something to find.
        expect(isTrue(and(first, or(first, second)), args)).toBe(truths[0]);
        expect(isTrue(or(and(first, second), second), args)).toBe(truths.at(-1));
        expect(isTrue(and(anyOf(list), not(first), true), args)).toBe(truths.some(Boolean) && !truths[0]);
        expect(isTrue(or(not(and(...list)), second, false), args)).toBe(
          !truths.every(Boolean) || truths.at(-1)!,
        );
      }
    }),
    { numRuns: 1000 },
  );
});

test('what cancels out or is implied goes', () => {
  const test = (value: bigint): Condition => ({
    kind: 'compare',
    operand: { argument: 'flags' },
    op: '==',
    value: { kind: 'number', number: value },
  });
  const [a, b, c] = [test(1n), test(2n), test(3n)];
  expect(and(a, not(a))).toBe(false);
  expect(or(a, not(a))).toBe(true);
  expect(and(or(a, b), not(or(a, b)))).toBe(false);
  expect(and(a, or(a, b))).toEqual(a);
  expect(and(a, b, or(c, and(a, b) as Condition))).toEqual({ kind: 'and', of: [a, b] });
  expect(and()).toBe(true);
  expect(or()).toBe(false);
});
