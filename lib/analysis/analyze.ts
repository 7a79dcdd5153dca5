// From a program to all that it could ask of the kernel: files are added until nothing new is needed (libraries, plug-ins,
// programs that are executed), code is followed until nothing new is reached, then every reached system call is asked for
// its number. What cannot be known is said, and widened.

import { SandboxError } from '../errors.ts';
import { abis } from '../linux/abi.ts';
import { groupMembers } from '../linux/groups.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { assumptionsOf } from './assumptions.ts';
import { functionAt, regionAt } from './code/code.ts';
import { startExecuted } from './files/executed.ts';
import { guessNames } from './files/guesses.ts';
import { addPlugged, addStart, interpreterOf, settle } from './files/loading.ts';
import { followNames, unknownNames } from './files/lookups.ts';
import { followPam } from './files/pam.ts';
import { families, PAM } from './files/plugins.ts';
import { searchPathOf, startOf } from './files/programs.ts';
import { addVdso } from './files/vdso.ts';
import { addPlugin, imports, isCLibrary, isLoader, LOOKS_UP, type Module } from './files/world.ts';
import { followConditions } from './reach/conditions.ts';
import { release } from './reach/follow.ts';
import { PROFILE } from './reach/held-back.ts';
import { laterReach } from './reach/phases.ts';
import type { Reach } from './reach/reach.ts';
import { argumentsOfCalls } from './values/arguments.ts';
import type { CallArguments } from './values/contexts.ts';
import { type CallSite, callSites, identityChanges } from './values/numbers.ts';
import type { Lost } from './values/values.ts';
import { type Asked, newWork, searched, short, type Work } from './work.ts';

export interface Analysis {
  readonly reach: Reach;
  readonly sites: readonly CallSite[];
  /** The programs whose code is in it, the one asked for first. */
  readonly programs: readonly string[];
  /** Calls by name, with the first place that makes them; undefined: by widening, or by the kernel itself. */
  readonly calls: ReadonlyMap<string, CallSite | undefined>;
  /** What their arguments can be; a call that is missing can have any. */
  readonly arguments: ReadonlyMap<string, CallArguments>;
  /** From main on, where that could be told apart. */
  readonly main: MainPhase | undefined;
  /** Numbers that could not be known. */
  readonly unknown: readonly CallSite[];
  readonly notices: readonly string[];
  /** It can execute programs. */
  readonly executes: boolean;
  /** The words of its command line matter. */
  readonly usesWords: boolean;
  /** exec is reached, and no program is known that it could start: it is refused. */
  readonly execRefused: boolean;
  /** Files and folders that the answer rests on, as they were asked for; those that were not there, too. */
  readonly files: readonly string[];
  /** Files of which only the programs that they name matter: words of the command line. */
  readonly texts: readonly string[];
}

/** What can still be asked once main begins. */
export interface MainPhase {
  readonly reach: Reach;
  readonly sites: readonly CallSite[];
  readonly calls: ReadonlyMap<string, CallSite | undefined>;
  readonly arguments: ReadonlyMap<string, CallArguments>;
}

const abi = abis.x86_64;

/** What is permitted in place of a number that nothing bounds: what ordinary programs and services use. */
export const WIDE = '@system-service';

/** In place of a program's name: it is to start none. */
const NOTHING = '@none';

/** Throws SandboxError (ElfError among them) and errors of the file system. */
export function analyze(question: Asked): Analysis {
  const work = newWork(question);
  const { world } = work;
  const path = searchPathOf(question.environment);
  // Which program a name means is another one once something appears there.
  if (startOf(question.program, path).scripts.length > 0) searched(work, path);
  question.progress?.(`reading ${question.program}`);
  addStart(work, question.program, true);
  work.starting = new Set(world.modules);
  try {
    addVdso(world);
  } catch {
    work.notices.push(
      'the vDSO cannot be read; the calls that stand for it are taken from the C library alone',
    );
  }
  settle(work, false);
  while (followNames(work, false) || guessNames(work) || followConditions(work.reach)) settle(work, false);
  // Plug-ins are looked at as wholes: that one of them could execute a program says nothing about this one.
  const starters = callSites(work.reach, abi).filter((site) => executing(work, site));
  const executes = starters.length > 0;
  const startsByLibrary = starters.some((site) => site.module.path !== work.programs[0]);
  for (const plugin of question.plugins)
    addPlugged(
      work,
      addPlugin(world, plugin, interpreterOf(world), world.byPath.get(work.programs[0]!)),
      `plug-in ${plugin}`,
    );
  const before = work.programs.length;
  const { also } = question;
  if (also.includes(NOTHING) && also.length > 1)
    throw new SandboxError(`--also ${NOTHING} says that it starts no program, and another --also names one`, {
      advice: `give either`,
    });
  const startsAny = executes && !also.includes(NOTHING) && startExecuted(work, path, startsByLibrary);
  // What it executes can have another environment.
  if (startsAny || question.environment.LD_PROFILE !== undefined) release(work.reach, PROFILE);
  settle(work, true);
  while (followNames(work, true) || guessNames(work) || followPam(work) || followConditions(work.reach))
    settle(work, true);
  question.progress?.(`asking for numbers in ${world.modules.length} files`);
  const sites = callSites(work.reach, abi);
  const execRefused = executes && !startsAny;
  if (executes) {
    const site = sites.find((one) => executing(work, one));
    const where = site === undefined ? '' : ` (${labelOf(site.module, site.address)})`;
    work.notices.push(
      execRefused
        ? `it can execute programs${where}, and none is ${also.includes(NOTHING) ? 'permitted' : 'known'}: execve is refused; name them with --also PROGRAM`
        : `it can execute programs${where}; included: ${work.programs.slice(before).map(short).join(', ') || 'itself'}; name others with --also PROGRAM`,
    );
  }
  return conclude(work, sites, executes, execRefused);
}

/** The loader's own execve serves only a loader that is itself started as a command (ld.so(8)), and we know how this program
 * is started. */
function executing(work: Work, site: CallSite): boolean {
  if (!site.names.includes('execve') && !site.names.includes('execveat')) return false;
  return !isOnlyLoader(work, site.module);
}

function isOnlyLoader(work: Work, module: Module): boolean {
  return (
    module.path !== work.programs[0] &&
    module.interpreter !== undefined &&
    work.world.byPath.get(module.path) === module &&
    isLoader(module)
  );
}

function conclude(work: Work, sites: readonly CallSite[], executes: boolean, execRefused: boolean): Analysis {
  const unknown = sites.filter((site) => site.lost.length > 0);
  const isExecRefused = execRefused || !executes;
  const calls = callsOf(work, sites, isExecRefused);
  if (unknown.length > 0) {
    for (const site of unknown) {
      work.notices.push(
        `the number of a call is not known at ${labelOf(site.module, site.address)}: ${site.lost.map((one) => `${one.why} at ${labelOf(one.module, one.address)}`)[0]}; ${WIDE} is permitted`,
      );
    }
  }
  for (const { name, by } of work.world.missing) work.notices.push(`${name}, needed by ${by}, is not found`);
  if (sites.some((site) => site.isForeign && work.programs.includes(site.module.path))) {
    work.notices.push('it contains calls through another ABI (int 0x80), which the filter refuses');
  }
  loaders(work, sites);
  const disbelieved = sites.filter(
    (site) => site.names.some((name) => name.startsWith('execve')) && isOnlyLoader(work, site.module),
  );
  const label = (site: CallSite) => labelOf(site.module, site.address);
  work.notices.push(...assumptionsOf({ world: work.world, sites, disbelieved, label }));
  for (const module of work.world.modules) {
    const { code, path } = module;
    if (!code.knowsObjects && isCLibrary(module))
      work.notices.push(
        `where the objects of ${path} end is not known: with its debug symbols (Debian: libc6-dbg) fewer calls are permitted`,
      );
  }
  work.question.progress?.(`asking for arguments of ${calls.size} calls`);
  const wide = unknown.length > 0 ? WIDE : undefined;
  const caller = work.world.modules.find(callsByName);
  if (caller !== undefined)
    work.notices.push(
      `${short(caller.path)} calls functions by names that are data: any argument is permitted`,
    );
  const isNamesOnly = work.question.namesOnly === true || caller !== undefined;
  return {
    reach: work.reach,
    sites,
    programs: work.programs,
    calls,
    arguments: isNamesOnly ? new Map() : argumentsOfCalls(work.reach, sites, calls.keys(), wide, abi),
    main: mainPhase(work, sites, isExecRefused),
    unknown,
    notices: [...new Set(work.notices)],
    executes,
    usesWords: executes || work.usesWords,
    execRefused,
    files: [...new Set([...work.files, ...work.world.looked])],
    texts: [...work.texts],
  };
}

/** The calls of some places by name, in the order of names. */
function callsOf(
  work: Work,
  sites: readonly CallSite[],
  isExecRefused: boolean,
): ReadonlyMap<string, CallSite | undefined> {
  const calls = new Map<string, CallSite | undefined>();
  for (const site of sites) {
    for (const name of site.isSetId ? [...site.names, ...identityChanges(site, sites, abi)] : site.names) {
      if (name.startsWith('execve') && !executing(work, site)) continue;
      if (!calls.has(name)) calls.set(name, site);
    }
  }
  // The kernel itself restarts interrupted sleeps through this number (restart_syscall(2)).
  if (!calls.has('restart_syscall')) calls.set('restart_syscall', undefined);
  // A plug-in is looked at as a whole; that it could start a program is not believed of a program that cannot.
  if (isExecRefused) for (const name of ['execve', 'execveat']) calls.delete(name);
  if (sites.some((site) => site.lost.length > 0)) {
    for (const name of groupMembers(WIDE) ?? [])
      if (syscallNumber(abi, name) !== undefined && !calls.has(name) && !name.startsWith('execve'))
        calls.set(name, undefined);
  }
  return new Map([...calls].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Programs that this one executes begin with start-up code of their own, under the same filter: then nothing is told apart. */
function mainPhase(work: Work, whole: readonly CallSite[], isExecRefused: boolean): MainPhase | undefined {
  if (!isExecRefused || work.question.wholeOnly === true) return undefined;
  const program = work.world.byPath.get(work.programs[0]!)!;
  const { reach, why } = laterReach(work.reach, program, work.starting);
  if (reach === undefined) {
    work.notices.push(`start-up is not told apart from what follows: ${why}`);
    return undefined;
  }
  // What holds for the whole process holds for a part of it.
  const known = new Map(whole.map((site) => [`${site.module.index} ${site.address}`, site]));
  const sites = callSites(reach, abi).map((site) => {
    const other = known.get(`${site.module.index} ${site.address}`);
    return site.lost.length > 0 && other?.lost.length === 0 ? other : site;
  });
  const calls = callsOf(work, sites, true);
  const wide = sites.some((site) => site.lost.length > 0) ? WIDE : undefined;
  const isNamesOnly = work.question.namesOnly === true || work.world.modules.some(callsByName);
  return {
    reach,
    sites,
    calls,
    arguments: isNamesOnly ? new Map() : argumentsOfCalls(reach, sites, calls.keys(), wide, abi),
  };
}

/** Whether a file looks up functions and calls them with arguments that are data, as Python's ctypes does through libffi. */
const callsByName = (module: Module) => imports(module, /^ffi_call$/) && imports(module, LOOKS_UP);

/** Says who can load libraries whose names are not known, and who looks up such functions. */
function loaders(work: Work, sites: readonly CallSite[]): void {
  const covered = new Set(
    [...families, PAM]
      .filter((one) => work.familiesDone.has(one.name))
      .map((one) => work.world.definitions.get(one.exported)?.[0]?.module),
  );
  const { functions, libraries } = unknownNames(work);
  const opened = libraries.filter((one) => !covered.has(one.module));
  if (opened.length > 0)
    work.notices.push(
      `libraries whose names are not known can be loaded while it runs (${placesOf(opened)}): give those that are not in known folders with --plugin PATH`,
    );
  if (functions.length > 0)
    work.notices.push(
      `functions are looked up by names that are not known (${placesOf(functions)}): those count whose names stand as wholes among the strings of the files`,
    );
  for (const { module, address } of functions.length > 0 ? sites.filter((one) => one.isOpen) : [])
    work.notices.push(
      `${labelOf(module, address)} makes calls whose number is a parameter, and its name stands among the strings of a file: it is taken not to be looked up and called so`,
    );
}

/** The first place of each file. */
function placesOf(lost: readonly Lost[]): string {
  const first = new Map<Module, Lost>();
  for (const one of lost) if (!first.has(one.module)) first.set(one.module, one);
  return [...first.values()].map((one) => `${one.why} at ${labelOf(one.module, one.address)}`).join('; ');
}

/** `libc.so.6 openat64+0x1f`, or the offset in the file where there is no name. */
export function labelOf(module: Module, address: number): string {
  const index = functionAt(module.code, address);
  const start = index < 0 ? address : module.code.functionStart[index]!;
  const symbol = module.code.dynamic?.symbols.find(
    (one) => one.defined && one.address === start && one.name !== '',
  );
  const offset = address - start;
  const region = module.code.regions[regionAt(module.code, address)];
  const where = symbol?.name ?? `0x${start.toString(16)}`;
  const what = region?.isCode === true || region === undefined ? where : `${region.name || 'data'}`;
  return `${short(module.path)} ${what}${region?.isCode === true && offset > 0 ? `+0x${offset.toString(16)}` : ''}`;
}
