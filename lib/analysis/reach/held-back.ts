// References that lead to code which runs only if something happens that nothing which was reached can make happen: they wait until it
// can. Two kinds: what is done for mutexes with a priority ceiling (ceilings.ts), and functions of glibc's name services, until code holds
// a name that they are looked up by (name-services.ts).

import { type CodeFile, lastNotAbove, use } from '../code/code.ts';
import { FEWEST_IN_TABLE } from '../code/name-services.ts';
import { sitesBetween } from '../code/tables.ts';
import { keptFor } from '../kept.ts';

/** What is waited for, beside names. */
export const CEILINGS = 'a mutex with a priority ceiling';

const nothing: readonly string[] = [];

/** What a reference (by its index) waits for: any of these. Empty: it does not wait. */
export function awaited(code: CodeFile, at: number): readonly string[] {
  const target = code.target[at]!;
  if (code.ceilings.includes(target)) return [CEILINGS];
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
