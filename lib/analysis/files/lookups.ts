// Names that are handed to others while a program runs: of functions to dlsym(3), of libraries to dlopen(3), of programs to exec(3). They
// are followed back from there like any value, through every wrapper in every file, to the strings. What cannot be followed is kept with
// its place, to be said: of such names only those count that stand as wholes in the files' strings (guesses.ts).

import { functionAt, regionAt } from '../code/code.ts';
import { KeptWhileReached } from '../kept.ts';
import { addLookup } from '../reach/beginnings.ts';
import { isReached } from '../reach/reach.ts';
import { type Addresses, addressesBefore, type Lost, valuesBefore } from '../values/values.ts';
import type { Work } from '../work.ts';
import { DSO_LOOKUPS, isOpenssls } from './openssl.ts';
import { stringAt } from './strings.ts';
import type { Spot } from './world.ts';

const RDI = 7;
const RSI = 6;
/** security/_pam_types.h. */
const PAM_SERVICE = 1;
/** The register that a name comes in (dlsym(3), dlvsym(3); dlopen(3), dlmopen(3); exec(3), posix_spawn(3)). */
const symbols = [['dlsym', RSI], ['dlvsym', RSI], ...DSO_LOOKUPS] as const;
const libraries = [
  ['dlopen', RDI],
  ['dlmopen', RSI],
] as const;
const executed = [
  ...['execl', 'execlp', 'execle', 'execv', 'execvp', 'execvpe', 'execve'].map(
    (name) => [name, RDI] as const,
  ),
  ...['posix_spawn', 'posix_spawnp'].map((name) => [name, RSI] as const),
];

interface Names {
  readonly texts: readonly (readonly [text: string, spot: Spot])[];
  readonly lost: readonly Lost[];
  /** What they are handed to may be called from places that are not known. */
  readonly isOpen: boolean;
}

/** Adds what is looked up, and loaded (`withLibraries`), by names that are known. Whether there was anything new. */
export function followNames(work: Work, withLibraries: boolean): boolean {
  const { reach, world } = work;
  let isNew = false;
  for (const [text, { module }] of functionNames(work).texts)
    for (const definition of world.definitions.get(text) ?? []) {
      const spot = { module: definition.module, address: definition.symbol.address };
      const key = `${spot.module.index} ${spot.address}`;
      if (work.looked.has(key)) continue;
      work.looked.add(key);
      addLookup(reach, spot, module, true);
      isNew = true;
    }
  for (const [text, { module }] of withLibraries ? namesOf(work, libraries).texts : []) {
    const key = `${text} ${text.includes('/') ? '' : module.path}`;
    if (text === '' || work.librariesDone.has(key)) continue;
    work.wanted.push([text, module, 'named in the code']);
    isNew = true;
  }
  return isNew;
}

/** Names and paths of programs that are handed on to be executed, as far as they are known. */
export const executedNames = (work: Work): readonly string[] =>
  namesOf(work, executed).texts.map(([text]) => text);

/** The services that PAM is asked for (pam_start(3)); undefined: any, also because it is asked for them with a configuration of its own, or
 * they can be changed (pam_set_item(3)). */
export function pamServices(work: Work): readonly string[] | undefined {
  const { texts, lost, isOpen } = namesOf(work, [['pam_start', RDI]]);
  if (texts.length === 0 || lost.length > 0 || isOpen || startsOf(work, 'pam_start_confdir').length > 0)
    return undefined;
  for (const start of startsOf(work, 'pam_set_item')) {
    const { constants, lost } = valuesBefore(work.reach, start, RSI);
    if (lost.length > 0 || constants.has(PAM_SERVICE)) return undefined;
  }
  return texts.map(([text]) => text);
}

/** The names of functions that are looked up. Those that OpenSSL keeps are its engines', which count as wholes. */
export function functionNames(work: Work): Names {
  const names = namesOf(work, symbols);
  return { ...names, lost: names.lost.filter((one) => !isOpenssls(one)) };
}

/** Where names of functions come from that are not known, and names of libraries. */
export function unknownNames(work: Work): { functions: readonly Lost[]; libraries: readonly Lost[] } {
  return { functions: functionNames(work).lost, libraries: namesOf(work, libraries).lost };
}

const kept = new KeptWhileReached<string, Addresses>();

/** Where the functions of a name begin that were reached; none in files whose code is not looked into. */
const startsOf = ({ reach, world }: Work, name: string): readonly Spot[] =>
  (world.definitions.get(name) ?? [])
    .map(({ module, symbol }) => ({ module, address: symbol.address }))
    .filter(({ module, address }) => isReached(reach, module, address));

function namesOf(work: Work, asked: readonly (readonly [string, number])[]): Names {
  const { reach } = work;
  const texts = new Map<string, readonly [string, Spot]>();
  const lost: Lost[] = [];
  let isOpen = false;
  // One function has a name for each version.
  const done = new Set<string>();
  for (const [name, register] of asked) {
    for (const start of startsOf(work, name)) {
      const { module } = start;
      const key = `${module.index} ${start.address}`;
      if (done.has(key)) continue;
      done.add(key);
      const answer = kept.get(reach, key, () => addressesBefore(reach, start, register));
      // Such a function can itself be one of those that are looked up by names which are not known: that is said for these.
      const node = module.base + functionAt(module.code, start.address);
      const isGuessed = reach.lookedUp.has(node) && !reach.named.has(node);
      const elsewhere = answer.lost.filter(
        (one) => !isGuessed || one.module !== module || one.address !== start.address,
      );
      if (elsewhere.length < answer.lost.length) isOpen = true;
      lost.push(...elsewhere);
      for (const { spot, isNumber } of answer.found) {
        // No name: the program itself.
        if (isNumber && spot.address === 0) continue;
        const text = constantString(spot);
        if (text === undefined) lost.push({ ...spot, why: 'a text that is written while it runs' });
        else texts.set(`${text} ${spot.module.index}`, [text, spot]);
      }
    }
  }
  return { texts: [...texts.values()], lost, isOpen };
}

function constantString({ module, address }: Spot): string | undefined {
  const region = module.code.regions[regionAt(module.code, address)];
  return region === undefined || region.isWritable ? undefined : stringAt(module.code, address);
}
