// A policy of another format with its numbers as names: `ioctl(cmd == 21505)` becomes `ioctl(cmd == TCGETS)`. Other tools
// write numbers, or number their arguments; people who must say what a profile permits read names. The meaning stays
// the same: a name is taken only where it is the same number, and the same bits of the same register, on every ABI.

import type { Abi } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import type { Call, Condition, Operand, Policy, Range, Statement, Value } from '../policy/model.ts';
import { fieldOf } from '../policy/operand.ts';
import { numberOf } from '../policy/value.ts';
import { constant, flagsValue, withOwnConstants } from './constants.ts';
import { nameOf } from './fields.ts';

/** The same policy for these ABIs, with names instead of numbers where there are some. */
export function named(policy: Policy, abis: readonly Abi[]): Policy {
  const all = (statements: readonly Statement[]) =>
    statements.map((one) => ({ ...one, calls: one.calls.map((call) => namedCall(call, abis)) }));
  return {
    ...policy,
    statements: all(policy.statements),
    ...(policy.main !== undefined && { main: named(policy.main, abis) }),
  };
}

function namedCall(call: Call, abis: readonly Abi[]): Call {
  if (call.when === undefined || call.target.kind !== 'name') return call;
  const name = call.target.name;
  const having = abis.filter((abi) => syscallNumber(abi, name) !== undefined);
  if (having.length === 0) return call;
  return { ...call, when: namedCondition(call.when, { call: name, abis: having }) };
}

interface Terms {
  readonly call: string;
  readonly abis: readonly Abi[];
}

function namedCondition(condition: Condition, terms: Terms): Condition {
  switch (condition.kind) {
    case 'not':
      return { ...condition, of: namedCondition(condition.of, terms) };
    case 'and':
    case 'or':
      return { ...condition, of: condition.of.map((one) => namedCondition(one, terms)) };
    case 'compare':
      // An order of names says nothing.
      if (condition.op !== '==' && condition.op !== '!=')
        return { ...condition, operand: plain(condition.operand, terms) };
      return {
        ...condition,
        operand: plain(condition.operand, terms),
        value: namedValue(condition.value, condition.operand, terms),
      };
    case 'in':
      return {
        ...condition,
        operand: plain(condition.operand, terms),
        ranges: condition.ranges.map((range) => namedRange(range, condition.operand, terms)),
      };
    case 'any-bit':
      return {
        ...condition,
        operand: plain(condition.operand, terms),
        mask: namedMask(condition.mask, condition.operand, terms),
      };
    case 'masked':
      return {
        ...condition,
        operand: plain(condition.operand, terms),
        mask: namedMask(condition.mask, condition.operand, terms),
        // No bits of a mask are no value's name.
        value: isZero(condition.value)
          ? condition.value
          : namedValue(condition.value, condition.operand, terms),
      };
  }
}

/** An operand by the argument's name, and without a width that is the kernel's own. */
function plain(operand: Operand, { call, abis }: Terms): Operand {
  const fields = abis.map((abi) => fieldOf(operand, abi, call));
  const { index, bits, signed } = fields[0]!;
  const tries = abis.map((abi): Operand => ({ argument: nameOf(parametersOf(call, abi), index) }));
  const [first] = tries;
  if (!tries.every((one) => one.argument === first!.argument)) return operand;
  const means = (one: Operand) =>
    abis.every((abi) => {
      const field = fieldOf(one, abi, call);
      return field.index === index && field.bits === bits && field.signed === signed;
    });
  const isPointer = abis.some((abi) => parametersOf(call, abi)?.[index]?.pointer === true);
  if (means(first!) && (!isPointer || operand.bits === undefined)) return first!;
  const withWidth: Operand = { ...operand, argument: first!.argument };
  return means(withWidth) ? withWidth : operand;
}

function namedRange(range: Range, operand: Operand, terms: Terms): Range {
  const { low, high } = range;
  if (low.kind !== 'number' || high.kind !== 'number' || low.number !== high.number) return range;
  const value = namedValue(low, operand, terms);
  return { low: value, high: value };
}

function namedValue(value: Value, operand: Operand, terms: Terms): Value {
  if (value.kind !== 'number') return value;
  const { number } = value;
  return agreed(value, operand, terms, (abi, field) => constant(abi, field, number));
}

function isZero(value: Value): boolean {
  return value.kind === 'number' && value.number === 0n;
}

function namedMask(mask: Value, operand: Operand, terms: Terms): Value {
  if (mask.kind !== 'number' || mask.number < 0n) return mask;
  const { number } = mask;
  return agreed(mask, operand, terms, (abi, field) => flagsValue(abi, field, number));
}

/** What all ABIs say with names, and mean the same number by; else the value as it was. */
function agreed(
  value: Value & { readonly kind: 'number' },
  operand: Operand,
  { call, abis }: Terms,
  say: (abi: Abi, field: { bits: number; parameter: Parameter | undefined }) => Value,
): Value {
  const [first] = abis;
  const { index, bits } = fieldOf(operand, first!, call);
  const parameter = withOwnConstants(call, parametersOf(call, first!)?.[index]);
  const said = say(first!, { bits, parameter });
  if (said.kind === 'number') return value;
  return abis.every((abi) => isSame(said, value.number, abi)) ? said : value;
}

function isSame(value: Value, number: bigint, abi: Abi): boolean {
  try {
    return numberOf(value, abi) === number;
  } catch {
    // The ABI lacks the constant, and keeps the number.
    return false;
  }
}
