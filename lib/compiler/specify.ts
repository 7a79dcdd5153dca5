// What the programs of a policy must mean, in the proof's terms. It is made from the policy's meaning (policy/meaning.ts,
// the reference's side) and from nothing that the compiler makes: no resolved numbers, no intervals, no graph.

import {
  argumentOffset,
  type Formula,
  type Specification,
  type SpecifiedMeaning,
  type SpecifiedRange,
  simplified,
} from '../bpf/specification.ts';
import { type Abi, X32_BIT } from '../linux/abi.ts';
import { newestNumber, syscallNumber, syscallNumbersOf } from '../linux/syscalls.ts';
import { returnValue } from '../policy/action.ts';
import { abiOfData } from '../policy/evaluate.ts';
import { meaningOf } from '../policy/meaning.ts';
import { type Comparison, type Condition, foreignOf, type Policy, type Value } from '../policy/model.ts';
import { type Field, fieldOf } from '../policy/operand.ts';
import { numberOf, pattern } from '../policy/value.ts';

/** The specification of a policy for these ABIs. `gates` are calls of the first. */
export function specify(policy: Policy, served: readonly Abi[], gates: readonly string[]): Specification {
  const native = served[0]!;
  const otherwise = returnValue(foreignOf(policy), native);
  const arches = [...new Set(served.map((abi) => abi.auditArch))];
  return {
    bigEndian: native.bigEndian,
    otherwise,
    architectures: arches.map((arch) => {
      const gated = arch === native.auditArch ? gates.map((name) => syscallNumber(native, name)!) : [];
      return { arch, gated, ranges: rangesOf(policy, served, arch, gated, otherwise) };
    }),
  };
}

/** Where the meaning of numbers may change: at every known call, at every number that a statement names, at the end of the
 * known ones, and where x32 begins and ends. In between it is constant. */
function rangesOf(
  policy: Policy,
  served: readonly Abi[],
  arch: number,
  gated: readonly number[],
  foreign: number,
): readonly SpecifiedRange[] {
  const edges = [0, X32_BIT, 0xffffffff];
  const single = (nr: number) => {
    edges.push(nr);
    if (nr < 0xffffffff) edges.push(nr + 1);
  };
  const sharing = served.filter((abi) => abi.auditArch === arch);
  for (const abi of sharing) {
    edges.push(newestNumber(abi) + 1);
    for (const nr of syscallNumbersOf(abi)) single(nr);
    for (const statement of [...policy.statements, ...policy.defaults]) {
      for (const call of statement.calls) {
        for (const target of [call.target, ...(call.except ?? [])]) {
          if (target.kind === 'number') single(target.number + abi.numberBase);
        }
      }
    }
  }
  for (const nr of gated) single(nr);
  const ranges: { low: number; high: number; meaning: SpecifiedMeaning }[] = [];
  const plain = abiOfData({ arch, nr: 0 });
  const lows = Uint32Array.from(edges).sort();
  for (let index = 0; index < lows.length; index++) {
    const low = lows[index]!;
    const high = Math.min(lows[index + 1] ?? 2 ** 32, 2 ** 32) - 1;
    // An edge that is there twice, or that no number reaches.
    if (high < low) continue;
    const abi = low < X32_BIT ? plain : abiOfData({ arch, nr: low });
    const meaning: SpecifiedMeaning =
      abi === undefined || !served.includes(abi)
        ? { rules: [], otherwise: foreign }
        : meaningAt(policy, abi, low);
    const last = ranges[ranges.length - 1];
    const isAlike =
      last !== undefined &&
      isConstant(last.meaning) &&
      isConstant(meaning) &&
      last.meaning.otherwise === meaning.otherwise;
    if (isAlike && !gated.includes(low) && !gated.includes(last.high)) last.high = high;
    else ranges.push({ low, high, meaning });
  }
  return ranges;
}

function isConstant(meaning: SpecifiedMeaning): boolean {
  return meaning.rules.length === 0;
}

function meaningAt(policy: Policy, abi: Abi, nr: number): SpecifiedMeaning {
  const meaning = meaningOf(policy, abi, nr);
  const [strictest] = meaning.rules;
  // So it is with nearly all numbers, and all of them are asked about in every start.
  if (strictest === undefined) return { rules: [], otherwise: returnValue(meaning.otherwise, abi) };
  if (strictest.when === undefined) return { rules: [], otherwise: returnValue(strictest.action, abi) };
  const rules: { value: number; when: Formula[] }[] = [];
  const said = (otherwise: number): SpecifiedMeaning => ({
    rules: rules.map(({ value, when }) => ({ value, when: simplified({ kind: 'or', of: when }) })),
    otherwise,
  });
  for (const rule of meaning.rules) {
    const value = returnValue(rule.action, abi);
    // What comes after a rule without a condition is never asked.
    if (rule.when === undefined) return said(value);
    const formula = formulaOf(rule.when, abi, meaning.name);
    const last = rules.at(-1);
    if (last?.value === value) last.when.push(formula);
    else rules.push({ value, when: [formula] });
  }
  return said(returnValue(meaning.otherwise, abi));
}

/** A condition in words of seccomp_data. Orders on 64 bits are lexicographic on their halves; signed ones look at the
 * sign first. */
export function formulaOf(condition: Condition, abi: Abi, call: string | undefined): Formula {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { kind: condition.kind, of: condition.of.map((one) => formulaOf(one, abi, call)) };
    case 'not':
      return { kind: 'not', of: formulaOf(condition.of, abi, call) };
  }
  const field = fieldOf(condition.operand, abi, call);
  const constant = (value: Value) => numberOf(value, abi);
  const allBits = (1n << BigInt(field.bits)) - 1n;
  switch (condition.kind) {
    case 'compare':
      return comparison(field, abi, condition.op, constant(condition.value));
    case 'in':
      return {
        kind: 'or',
        of: condition.ranges.map(({ low, high }): Formula => {
          const [from, to] = [constant(low), constant(high)];
          if (from === to) return bitsEqual(field, abi, allBits, pattern(from, field));
          return { kind: 'and', of: [not(less(field, abi, from)), less(field, abi, to + 1n)] };
        }),
      };
    case 'any-bit':
      return not(bitsEqual(field, abi, constant(condition.mask) & allBits, 0n));
    case 'masked': {
      const equal = bitsEqual(
        field,
        abi,
        constant(condition.mask) & allBits,
        pattern(constant(condition.value), field),
      );
      return condition.op === '==' ? equal : not(equal);
    }
  }
}

function comparison(field: Field, abi: Abi, op: Comparison, number: bigint): Formula {
  const equal = () => bitsEqual(field, abi, (1n << BigInt(field.bits)) - 1n, pattern(number, field));
  switch (op) {
    case '==':
      return equal();
    case '!=':
      return not(equal());
    case '<':
      return less(field, abi, number);
    case '<=':
      return less(field, abi, number + 1n);
    case '>':
      return not(less(field, abi, number + 1n));
    case '>=':
      return not(less(field, abi, number));
  }
}

const not = (of: Formula): Formula => ({ kind: 'not', of });
const truth = (value: boolean): Formula => ({ kind: value ? 'and' : 'or', of: [] });

/** (field & mask) == value, half by half; undefined is what nothing equals. */
function bitsEqual(field: Field, abi: Abi, mask: bigint, value: bigint | undefined): Formula {
  if (value === undefined) return truth(false);
  const half = (which: 'low' | 'high', shift: bigint): Formula => {
    const m = Number((mask >> shift) & 0xffffffffn);
    const v = Number((value >> shift) & 0xffffffffn);
    return word(field, which, abi, m, [v, v]);
  };
  return { kind: 'and', of: [half('low', 0n), half('high', 32n)] };
}

/** field < bound, in the field's own sign. */
function less(field: Field, abi: Abi, bound: bigint): Formula {
  const width = BigInt(field.bits);
  const least = field.signed ? -(1n << (width - 1n)) : 0n;
  const greatest = field.signed ? (1n << (width - 1n)) - 1n : (1n << width) - 1n;
  if (bound <= least) return truth(false);
  if (bound > greatest) return truth(true);
  if (!field.signed) return below(field, abi, bound);
  const negative = hasSign(field, abi);
  const bits = BigInt.asUintN(field.bits, bound);
  const belowBound = below(field, abi, bits);
  // Negative patterns lie above the others: below a negative bound are smaller negative ones only, below
  // another all negative ones and the smaller of the rest.
  return bound < 0n
    ? { kind: 'and', of: [negative, belowBound] }
    : { kind: 'or', of: [negative, belowBound] };
}

function hasSign(field: Field, abi: Abi): Formula {
  const half = field.bits > 32 ? 'high' : 'low';
  const bit = 2 ** ((field.bits - 1) % 32);
  // The top bit of a word divides its values in two intervals, which are easier to reckon with than a mask.
  if (field.bits % 32 === 0) return word(field, half, abi, 0xffffffff, [bit, 0xffffffff]);
  return word(field, half, abi, bit, [bit, bit]);
}

/** The field's pattern, unsigned, is below `bound` (1…2^bits-1). */
function below(field: Field, abi: Abi, bound: bigint): Formula {
  const high = Number(bound >> 32n);
  const low = Number(bound & 0xffffffffn);
  const lowMask = field.bits < 32 ? 2 ** field.bits - 1 : 0xffffffff;
  const lowBelow = low === 0 ? truth(false) : word(field, 'low', abi, lowMask, [0, low - 1]);
  if (field.bits <= 32) return lowBelow;
  const highBelow = high === 0 ? truth(false) : word(field, 'high', abi, 0xffffffff, [0, high - 1]);
  const highEqual = word(field, 'high', abi, 0xffffffff, [high, high]);
  return { kind: 'or', of: [highBelow, { kind: 'and', of: [highEqual, lowBelow] }] };
}

function word(
  field: Field,
  half: 'low' | 'high',
  abi: Abi,
  mask: number,
  intervals: readonly number[],
): Formula {
  const offset = argumentOffset(field.index, half, abi.bigEndian);
  return { kind: 'word', offset, test: { mask: mask >>> 0, intervals } };
}
