// Numbers as the C names that mean exactly the same bits in the argument they are compared with.

import type { Abi } from '../linux/abi.ts';
import type { Parameter } from '../linux/arguments.ts';
import { constantValue, isConstantName, nameConstant, nameFlags } from '../linux/constants.ts';
import type { Value } from '../policy/model.ts';
import { numberOf, pattern } from '../policy/value.ts';

/** What a number is compared with: so many low bits of a register, and the kernel's parameter there, where it is known. */
export interface ConstantField {
  readonly bits: number;
  readonly parameter: Parameter | undefined;
}

/** What an option of a socket is called depends on its level, which is another argument. */
export function withOwnConstants(
  call: string | undefined,
  parameter: Parameter | undefined,
): Parameter | undefined {
  if (parameter === undefined || !/^[gs]etsockopt$/.test(call ?? '') || parameter.names[0] !== 'optname') {
    return parameter;
  }
  const { constants: _, ...rest } = parameter;
  return rest;
}

/** A value by its C name, where it has one that means exactly these bits. */
export function constant(abi: Abi, field: ConstantField, number: bigint, onlyEnum = false): Value {
  const constants = field.parameter?.constants;
  if (constants === undefined) return numberValue(number);
  const bits = BigInt.asUintN(field.bits, number);
  const isRight = (value: Value) => pattern(numberOf(value, abi), field) === bits;
  const name = nameConstant(constants.family, number, abi) ?? nameConstant(constants.family, bits, abi);
  if (name !== undefined) {
    const value: Value = { kind: 'name', name };
    if (isRight(value)) return value;
  }
  if (constants.kind === 'flags' && !onlyEnum && number !== 0n) {
    const value = flagsOf(nameFlags(constants.family, bits, abi));
    if (value !== undefined && isRight(value)) return value;
  }
  return numberValue(number);
}

/** A mask: names joined with |, else hexadecimal. A name that stands for no bits (O_RDONLY) says nothing in a mask. */
export function flagsValue(abi: Abi, field: ConstantField, mask: bigint): Value {
  const family = field.parameter?.constants?.family;
  if (family !== undefined) {
    const bits = nameFlags(family, mask, abi)
      .split('|')
      .filter((name) => constantValue(name, abi) !== 0n);
    const value = flagsOf(bits.join('|')) ?? nameValue(nameConstant(family, mask, abi));
    if (value !== undefined && BigInt.asUintN(64, numberOf(value, abi)) === mask) return value;
  }
  return { kind: 'number', number: mask, text: mask < 10n ? String(mask) : `0x${mask.toString(16)}` };
}

function nameValue(name: string | undefined): Value | undefined {
  return name === undefined ? undefined : { kind: 'name', name };
}

/** `A|B|C` as a value; undefined where a part has no name. */
function flagsOf(text: string): Value | undefined {
  const names = text.split('|');
  if (!names.every(isConstantName)) return undefined;
  const parts = names.map((name): Value => ({ kind: 'name', name }));
  return parts.length === 1 ? parts[0]! : { kind: 'or', of: parts };
}

/** Decimal for people's numbers, hexadecimal for what only makes sense as bits. */
export function numberValue(number: bigint): Value {
  if (number < 65536n) return { kind: 'number', number };
  return { kind: 'number', number, text: `0x${number.toString(16)}` };
}
