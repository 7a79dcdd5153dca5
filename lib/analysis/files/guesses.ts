// Functions that are looked up by names which are not known. Whoever asks for one may have got its name from any file, so once a name is
// lost (lookups.ts) every text counts that is the name of a function.

import { addLookup } from '../reach/beginnings.ts';
import { isComputed } from '../values/values.ts';
import type { Work } from '../work.ts';
import { functionNames } from './lookups.ts';
import { stringsOf } from './strings.ts';
import { isCLibrary, isLoader, isStatic, type Module, type Spot } from './world.ts';

/** The functions that a file can mean by a name: the loader, and what holds the C library's code itself, have means of their own to look
 * them up; of others they count once a name is looked up that is not known (`guessNames`). */
export function lookUp(work: Work, text: string, module: Module): void {
  if (isLoader(module) || isStatic(module)) lookedUp(work, text, module);
  else if (isCLibrary(module)) return;
  else if (work.guessed === undefined) lookedUp(work, text, module);
  else work.guessed.push([text, module]);
}

function lookedUp({ world, reach }: Work, text: string, module: Module): void {
  for (const definition of world.definitions.get(text) ?? [])
    addLookup(reach, { module: definition.module, address: definition.symbol.address }, module);
}

/** Once names are looked up that are not known, those count that stand as wholes in strings of any file, for whoever looks them up may have
 * got them from there: strings that code or data point to, and all of a file that computes where its names are (they may stand in one array,
 * `char names[][16]`), or whose code is not looked into and which hands such names on. Whether there was anything new. */
export function guessNames(work: Work): boolean {
  const { lost, isOpen } = functionNames(work);
  if (lost.length === 0 && !isOpen) return false;
  const { guessed, world, scanned } = work;
  work.guessed = undefined;
  for (const [text, module] of guessed ?? []) lookedUp(work, text, module);
  const into = new Set(lost.flatMap(exportedAs));
  const handing = world.modules.filter(
    ({ isSurface, code: { dynamic } }) =>
      isSurface && dynamic?.symbols.some((one) => !one.defined && into.has(one.name)) === true,
  );
  const before = scanned.size;
  for (const module of [...lost.filter(isComputed).map((one) => one.module), ...handing]) {
    if (scanned.has(module)) continue;
    scanned.add(module);
    for (const text of stringsOf(module)) lookedUp(work, text, module);
  }
  return guessed !== undefined || scanned.size > before;
}

/** What other files call the function that begins there. */
const exportedAs = ({ module, address }: Spot): readonly string[] =>
  (module.code.dynamic?.symbols ?? [])
    .filter((one) => one.defined && one.address === address && one.name !== '')
    .map((one) => one.name);
