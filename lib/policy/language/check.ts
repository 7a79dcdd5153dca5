// What can be said about an argument of a call, and what cannot: names that the call does not have, pointers, constants
// that the argument can never hold. A policy is for several ABIs, so a rule is wrong only if it is wrong on all that have
// the call; evaluation is exact on each. ABIs are looked at one by one, and usually the first settles it.

import { type Abi, abis } from '../../linux/abi.ts';
import { parameterNames, parametersOf } from '../../linux/arguments.ts';
import { constantValue } from '../../linux/constants.ts';
import { nearest } from '../../linux/nearest.ts';
import { syscallNumber } from '../../linux/syscalls.ts';
import type { Operand, Range, Target, Value } from '../model.ts';
import { quoted } from './source.ts';
import { didYouMean } from './values.ts';

/** What is wrong, and what to do about it. */
export interface Complaint {
  readonly message: string;
  readonly advice?: string | undefined;
}

/** How a constant is used: for its bits (==, in, masks) or for its size (<, ranges). */
export type Use = 'bits' | 'order';

interface Form {
  readonly abi: Abi;
  readonly bits: number;
  readonly signed: boolean;
  readonly pointer: boolean;
}

/** Whether the call has this argument, on any ABI. Numbers have only arg0 … arg5. */
export function checkArgument(target: Target, argument: string): Complaint | undefined {
  if (/^arg[0-5]$/.test(argument)) return undefined;
  if (target.kind !== 'name') {
    return {
      message: `${quoted(argument)} is not an argument`,
      advice: 'the arguments of a number are arg0 … arg5',
    };
  }
  for (const _ of formsOf(target, { argument })) return undefined;
  const names = parameterNames(target.name);
  const known =
    names.length === 0 ? 'use arg0 … arg5' : `it has ${names.join(', ')}; arg0 … arg5 serve as well`;
  return {
    message: `${target.name} has no argument ${quoted(argument)}`,
    advice: didYouMean(nearest(argument.slice(0, 64), names, 1)) ?? known,
  };
}

/** Whether the register itself may be compared so. `isZeroTest`: only with NULL. */
export function checkPointer(target: Target, operand: Operand, isZeroTest: boolean): Complaint | undefined {
  if (operand.bits !== undefined || isZeroTest) return undefined;
  let seen = false;
  for (const form of formsOf(target, operand)) {
    if (!form.pointer) return undefined;
    seen = true;
  }
  if (!seen) return undefined;
  return {
    message: `${operand.argument} is a pointer, and a pointer's target cannot be checked`,
    advice: 'seccomp sees registers, not memory; == NULL and != NULL are all that can be asked of a pointer',
  };
}

/** Whether the argument can hold the constant at all. */
export function checkFits(target: Target, operand: Operand, value: Value, use: Use): Complaint | undefined {
  let misfit: [Form, bigint] | undefined;
  for (const form of formsOf(target, operand)) {
    const number = numberOn(value, form.abi);
    if (number === undefined) continue;
    if (fits(number, form, use)) return undefined;
    misfit ??= [form, number];
  }
  if (misfit === undefined) return undefined;
  const [form, number] = misfit;
  const kind = `${form.signed ? 'a signed' : 'an unsigned'} ${form.bits}-bit argument`;
  const what =
    number < 0n && !form.signed && use === 'order' ? 'can never be negative' : `can never hold ${number}`;
  return {
    message: `${operand.argument} is ${kind} and ${what}`,
    advice: `it holds ${lowest(form, use)} … ${highest(form, use)}`,
  };
}

/** Whether a range holds anything. */
export function checkRange(target: Target, operand: Operand, range: Range): Complaint | undefined {
  let empty: [bigint, bigint] | undefined;
  for (const { abi } of formsOf(target, operand)) {
    const low = numberOn(range.low, abi);
    const high = numberOn(range.high, abi);
    if (low === undefined || high === undefined) continue;
    if (low <= high) return undefined;
    empty ??= [low, high];
  }
  if (empty === undefined) return undefined;
  return { message: `the range ${empty[0]}..${empty[1]} is empty`, advice: 'the lower bound comes first' };
}

/** Whether the value is 0 wherever it is anything. */
export function isZero(value: Value): boolean {
  return value.kind === 'number' && value.number === 0n;
}

/** What was found so far about an argument, and the search for more. */
interface Search {
  readonly found: Form[];
  readonly more: Generator<Form, void>;
}

const searches = new Map<string, Search>();

/** The argument as each ABI that has the call sees it. Searched as far as it is asked for, and once: policies have many
 * rules on few arguments, and a start under a short policy must not read the tables of ten architectures. */
function* formsOf(target: Target, { argument, bits }: Operand): Generator<Form, void> {
  const key = target.kind === 'name' ? `${target.name} ${argument}` : argument;
  let search = searches.get(key);
  if (search === undefined) {
    search = { found: [], more: searchForms(target, argument) };
    searches.set(key, search);
  }
  for (let index = 0; ; index++) {
    if (index === search.found.length) {
      const next = search.more.next();
      if (next.done === true) return;
      search.found.push(next.value);
    }
    const form = search.found[index]!;
    yield bits === undefined ? form : { abi: form.abi, bits, signed: false, pointer: false };
  }
}

function* searchForms(target: Target, argument: string): Generator<Form, void> {
  const positional = /^arg([0-5])$/.exec(argument);
  for (const abi of Object.values(abis)) {
    if (target.kind === 'name' && syscallNumber(abi, target.name) === undefined) continue;
    const parameters = target.kind === 'name' ? parametersOf(target.name, abi) : undefined;
    const index =
      positional === null
        ? (parameters ?? []).findIndex((one) => one.names.includes(argument))
        : Number(positional[1]);
    if (index < 0) continue;
    const { bits, signed, pointer } = parameters?.[index] ?? { bits: 64, signed: false, pointer: false };
    yield { abi, bits, signed, pointer };
  }
}

/** The number of a value on an ABI, undefined where the ABI lacks a constant of it. */
function numberOn(value: Value, abi: Abi): bigint | undefined {
  switch (value.kind) {
    case 'number':
      return value.number;
    case 'name':
      return constantValue(value.name, abi);
    case 'not': {
      const inner = numberOn(value.of, abi);
      return inner === undefined ? undefined : ~inner;
    }
    case 'or': {
      let sum = 0n;
      for (const part of value.of) {
        const number = numberOn(part, abi);
        if (number === undefined) return undefined;
        sum |= number;
      }
      return sum;
    }
  }
}

function fits(number: bigint, form: Form, use: Use): boolean {
  return number >= lowest(form, use) && number <= highest(form, use);
}

function lowest(form: Form, use: Use): bigint {
  return form.signed || use === 'bits' ? -(1n << BigInt(form.bits - 1)) : 0n;
}

function highest(form: Form, use: Use): bigint {
  const unsigned = !form.signed || use === 'bits';
  return (1n << BigInt(unsigned ? form.bits : form.bits - 1)) - 1n;
}
