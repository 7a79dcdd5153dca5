// Which bits of which register an operand means. Width and sign are the kernel's own, because the kernel truncates a
// register to its parameter's type: a filter that looked at more bits than the kernel does could be evaded.

import { PolicyError } from '../errors.ts';
import type { Abi } from '../linux/abi.ts';
import { parametersOf } from '../linux/arguments.ts';
import type { Operand } from './model.ts';

export interface Field {
  /** Argument register, 0…5. */
  readonly index: number;
  /** How many low bits count: 8, 16, 32 or 64. */
  readonly bits: number;
  readonly signed: boolean;
}

/** Resolves an operand of the call `name` (undefined: a number that the ABI has no name for). Throws PolicyError where
 * the call has no such argument on this ABI. Arguments of unknown type are compared in full. */
export function fieldOf(operand: Operand, abi: Abi, name: string | undefined): Field {
  const parameters = name === undefined ? undefined : parametersOf(name, abi);
  const index = indexOf(operand.argument, parameters);
  if (index === undefined) {
    throw new PolicyError(`${name ?? 'this call'} has no argument ${operand.argument} on ${abi.name}`, {
      advice: 'use arg0 … arg5, or leave this ABI out with --abi',
    });
  }
  if (operand.bits !== undefined) return { index, bits: operand.bits, signed: false };
  const parameter = parameters?.[index];
  if (parameter === undefined) return { index, bits: 64, signed: false };
  return { index, bits: parameter.bits, signed: parameter.signed };
}

function indexOf(argument: string, parameters: ReturnType<typeof parametersOf>): number | undefined {
  // argN is always register N counted from 0, also in prctl, whose manual page calls register 1 `arg2`.
  const positional = /^arg([0-5])$/.exec(argument);
  if (positional !== null) return Number(positional[1]);
  const named = parameters?.findIndex((parameter) => parameter.names.includes(argument)) ?? -1;
  return named < 0 ? undefined : named;
}
