// What a branch says of a register: where `if (x == 5)` was passed, x is 5. Compilers rely on it (the zero of a comparison
// with zero is the number of a call in glibc 2.31's read), so a question that is asked backwards has to know it, too.

import { found } from '../code/x86-64/lengths.ts';
import type { Compared } from '../code/x86-64/operations.ts';
import type { Spot } from '../files/world.ts';
import type { Reach } from '../reach/reach.ts';
import { bodyOf, operationAt, readAt } from './bodies.ts';
import { waysTo } from './ways.ts';

/** Instructions between a comparison and its branch. */
const MAX_BETWEEN = 4;

/** The value that a register has on the way from the branch at `spot`, in the function `index` of its file, to the instruction
 * at `next`; undefined: nothing is known. */
export function heldAfter(reach: Reach, spot: Spot, index: number, next: number): Compared | undefined {
  const { module, address } = spot;
  const { code } = module;
  const { condition } = operationAt(code, address);
  if (condition === undefined) return undefined;
  readAt(code, address);
  const after = address + found.length;
  const target = after + found.target;
  // Both ways lead there, or this is the one on which they differ.
  if (target === after || next !== (condition === 'equal' ? target : after)) return undefined;
  const { addresses, positions } = bodyOf(module, index);
  let position = positions.get(address)!;
  let written = 0;
  for (let between = 0; between <= MAX_BETWEEN; between++) {
    const before = addresses[position - 1];
    const ways = waysTo(reach, { module, address: addresses[position]! }, index);
    // The flags come from the instruction before it alone.
    if (ways.length !== 1 || ways[0]!.kind !== 'step' || ways[0]!.address !== before) return undefined;
    const { compared, changesFlags, writes } = operationAt(code, before!);
    if (compared !== undefined) return (written & (1 << compared.register)) === 0 ? compared : undefined;
    if (changesFlags) return undefined;
    written |= writes;
    position--;
  }
  return undefined;
}
