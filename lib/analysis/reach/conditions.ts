// Whether the conditions under which functions are held back (held-back.ts) can have come true by what is reached. LD_PROFILE's depends on
// the environment and on nothing that is reached: who knows that says so.

import { relocationTypes } from '../../elf/relocations.ts';
import { functionAt } from '../code/code.ts';
import { sitesBetween } from '../code/tables.ts';
import type { Module } from '../files/world.ts';
import { keptFor } from '../kept.ts';
import { referencesTo } from '../values/bodies.ts';
import { isMutexPossible } from './ceilings.ts';
import { release } from './follow.ts';
import { CEILINGS, RPC } from './held-back.ts';
import { isAwaited, isReached, type Reach } from './reach.ts';

const conditions: readonly (readonly [what: string, isPossible: (reach: Reach) => boolean])[] = [
  [CEILINGS, isMutexPossible],
  [RPC, (reach) => reach.world.modules.some((module) => keepsRpc(reach, module))],
];

/** Follows what waits for a condition that can be true. Asked once nothing more is reached; whether there is something new. */
export function followConditions(reach: Reach): boolean {
  let isNew = false;
  for (const [what, isPossible] of conditions)
    if (isAwaited(reach, what) && isPossible(reach) && release(reach, what)) isNew = true;
  return isNew;
}

/** Whether reached code names the variable in which the C library keeps for a thread what RPC needs, but for the function that undoes it. Its
 * code shows which: the loader writes into a slot how far it lies from the thread's own block (R_X86_64_TPOFF64). */
function keepsRpc(reach: Reach, module: Module): boolean {
  const { code } = module;
  return (code.marked.get('rpc') ?? []).some((start) => {
    const end = code.functionEnd[functionAt(code, start)] ?? start;
    const [first, behind] = sitesBetween(code.site, start, end);
    const isOwn = (at: number) => at >= first && at < behind;
    const slots = slotsOfVariables(module).filter((slot) => referencesTo(module, slot.place).some(isOwn));
    const variables = new Set(slots.map((one) => one.variable));
    const uses = slotsOfVariables(module)
      .filter((one) => variables.has(one.variable))
      .flatMap((one) => referencesTo(module, one.place));
    return slots.length === 0 || uses.some((at) => !isOwn(at) && isReached(reach, module, code.site[at]!));
  });
}

interface Slot {
  readonly place: number;
  /** The variable's distance, if it has no name that other files know. */
  readonly variable: number;
}

const slotsOfVariables = keptFor(({ code: { relocations } }: Module): readonly Slot[] => {
  const found: Slot[] = [];
  const { count, type, symbol, place, addend } = relocations;
  for (let index = 0; index < count; index++)
    if (type[index] === relocationTypes.tpoff && symbol[index] === 0)
      found.push({ place: place[index]!, variable: addend[index]! });
  return found;
});
