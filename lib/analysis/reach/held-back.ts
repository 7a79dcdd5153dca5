// References that lead to code which runs only if something happens that nothing which was reached can make happen: they wait until it
// can. Two kinds: functions of glibc that run under a condition (code/conditional.ts), and those of its name services, until code holds a
// name that they are looked up by (code/name-services.ts).

import { type CodeFile, lastNotAbove, use } from '../code/code.ts';
import type { Mark } from '../code/conditional.ts';
import { FEWEST_IN_TABLE } from '../code/name-services.ts';
import { sitesBetween } from '../code/tables.ts';
import { keptFor } from '../kept.ts';

/** What is waited for, beside names: a mutex with a priority ceiling (ceilings.ts), LD_PROFILE in the environment, and RPC
 * (conditions.ts). */
export const CEILINGS = 'a mutex with a priority ceiling';
export const PROFILE = 'LD_PROFILE is set';
export const RPC = 'RPC in a thread';

const conditions: Readonly<Record<Mark, readonly string[]>> = {
  ceilings: [CEILINGS],
  profile: [PROFILE],
  rpc: [RPC],
};

const nothing: readonly string[] = [];

/** What a reference (by its index) waits for: any of these. Empty: it does not wait. */
export function awaited(code: CodeFile, at: number): readonly string[] {
  const target = code.target[at]!;
  for (const [mark, starts] of code.marked) if (starts.includes(target)) return conditions[mark];
  if (code.services.size === 0 || code.use[at] !== use.address) return nothing;
  const names = code.services.get(target);
  return names !== undefined && tables(code).has(lastNotAbove(code.functionStart, code.site[at]!))
    ? names
    : nothing;
}

/** The functions that fill a table with services, by index: they take the addresses of several. */
const tables = keptFor((code: CodeFile): ReadonlySet<number> => {
  const { functionStart, functionEnd, site, target } = code;
  const found = new Set<number>();
  for (let index = 0; index < functionStart.length; index++) {
    const [first, behind] = sitesBetween(site, functionStart[index]!, functionEnd[index]!);
    const taken = new Set<number>();
    for (let at = first; at < behind; at++)
      if (code.use[at] === use.address && code.services.has(target[at]!)) taken.add(target[at]!);
    if (taken.size >= FEWEST_IN_TABLE) found.add(index);
  }
  return found;
});
