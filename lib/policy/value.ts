// Constants of a policy as numbers. They stay symbolic in the model because their numbers differ between architectures.

import { PolicyError } from '../errors.ts';
import type { Abi } from '../linux/abi.ts';
import { constantValue } from '../linux/constants.ts';
import type { Value } from './model.ts';

/** The number that a value has on an ABI, unbounded: `~1` is -2. Throws PolicyError where the ABI has no such constant,
 * since leaving a condition out could permit more than was written. */
export function numberOf(value: Value, abi: Abi): bigint {
  switch (value.kind) {
    case 'number':
      return value.number;
    case 'name': {
      const number = constantValue(value.name, abi);
      if (number === undefined) {
        throw new PolicyError(`${abi.name} has no constant ${value.name}`, {
          advice: 'give its number, or leave this ABI out with --abi',
        });
      }
      return number;
    }
    case 'or':
      return value.of.reduce((sum, one) => sum | numberOf(one, abi), 0n);
    case 'not':
      return ~numberOf(value.of, abi);
  }
}

/** The bits that a constant is compared as: two's complement on the field's width, so that 0xffffff9c and -100 name the
 * same int. undefined where no field of that width can ever equal it. */
export function pattern(constant: bigint, field: { readonly bits: number }): bigint | undefined {
  const width = BigInt(field.bits);
  if (constant >= 1n << width || constant < -(1n << (width - 1n))) return undefined;
  return BigInt.asUintN(field.bits, constant);
}
