// From a program to all that it could ask of the kernel: files are added until nothing new is needed (libraries, plug-ins,
// programs that are executed), code is followed until nothing new is reached, then every reached system call is asked for
// its number. What cannot be known is said, and widened.

import { EM_X86_64, isElf, readSource } from '../elf/file.ts';
import { findLibrary } from '../elf/search.ts';
import { SandboxError } from '../errors.ts';
import { abis } from '../linux/abi.ts';
import { groupMembers } from '../linux/groups.ts';
import { syscallNumber } from '../linux/syscalls.ts';
import { argumentsOfCalls, type CallArguments } from './arguments.ts';
import { assumptionsOf } from './assumptions.ts';
import type { Question } from './cache.ts';
import { functionAt, regionAt } from './code.ts';
import { configuredLibraries, librariesIn } from './configuration.ts';
import { type CallSite, callSites, identityChanges } from './numbers.ts';
import { laterReach } from './phases.ts';
import { families, familyFiles, nameServices } from './plugins.ts';
import {
  inPath,
  isExecutable,
  programsIn,
  scriptText,
  searchPathOf,
  shellUtilities,
  startOf,
} from './programs.ts';
import {
  addEntry,
  addExports,
  addLookup,
  addModuleRoots,
  addSurface,
  newReach,
  type Reach,
  run,
} from './reach.ts';
import { mentions } from './strings.ts';
import { addOffered, addUnseenLookups, addVdso, isOffered, VDSO } from './vdso.ts';
import { addPlugin, addProgram, type Module, newWorld, requester, type World } from './world.ts';

/** A question with an ear for its progress. */
export interface Asked extends Question {
  /** Tells what is being done, for a terminal. */
  readonly progress?: (text: string) => void;
}

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
const LIBRARY_NAME = /^[\w.+/-]*\.so(\.[\w.]+)*$/;
const MAX_PROGRAMS = 200;
/** system(3), popen(3), and execvp(3) for files without a header start it. */
const SHELL = '/bin/sh';
/** To whoever executes it (proc_pid_exe(5)). */
const ITSELF = '/proc/self/exe';
/** In place of a program's name: it is to start none. */
const NOTHING = '@none';

interface Work {
  readonly question: Asked;
  readonly world: World;
  readonly reach: Reach;
  readonly files: Set<string>;
  readonly texts: Set<string>;
  readonly notices: string[];
  readonly programs: string[];
  /** Strings that reached code names, by the file. */
  readonly names: Map<string, Set<Module>>;
  rooted: number;
  readonly entered: Set<Module>;
  /** The files that are loaded before the program's main. */
  starting: ReadonlySet<Module>;
  mentioned: number;
  /** Libraries that reached code names, still to be loaded. */
  readonly wanted: [name: string, by: Module, why: string][];
  readonly familiesDone: Set<string>;
  readonly librariesDone: Set<string>;
  /** Folders of its own that the program names, and configuration files. */
  readonly roots: Set<string>;
  readonly configurations: Set<string>;
  /** Strings of the program with blanks in them: among them are commands for a shell. */
  readonly commands: Set<string>;
  usesWords: boolean;
}

/** Throws SandboxError (ElfError among them) and errors of the file system. */
export function analyze(question: Asked): Analysis {
  const world = newWorld(question.environment);
  const work: Work = {
    question,
    world,
    reach: newReach(world),
    files: new Set([question.program, '/etc/nsswitch.conf']),
    texts: new Set(),
    notices: [],
    programs: [],
    names: new Map(),
    rooted: 0,
    entered: new Set(),
    starting: new Set(),
    mentioned: 0,
    wanted: [],
    familiesDone: new Set(),
    librariesDone: new Set(),
    roots: new Set(),
    configurations: new Set(),
    commands: new Set(),
    usesWords: false,
  };
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

const short = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** Starts the programs that this one executes, and what those that are meant execute in turn: a script what its text names, and all what
 * stands as a path where it is executed. Whether there are any. */
function startExecuted(work: Work, path: string, startsByLibrary: boolean): boolean {
  searched(work, path);
  const { meant, guessed } = executed(work, path);
  if (startsByLibrary && work.names.has(SHELL)) meant.add(SHELL);
  const all = new Set<string>();
  let round: Iterable<string> = meant;
  for (;;) {
    const fresh = [...round].filter((one) => !all.has(one)).slice(0, MAX_PROGRAMS - all.size);
    if (fresh.length === 0) break;
    const next = new Set<string>();
    for (const one of fresh) {
      all.add(one);
      for (const script of tryStart(work, one))
        for (const name of programsIn(textOf(work, script), path)) next.add(name);
    }
    settle(work, false);
    for (const one of pathsNamed(work)) next.add(one);
    round = next;
  }
  // Most of these are there by chance: that is no reason to follow them further.
  for (const one of guessed) {
    if (all.has(one) || all.size >= MAX_PROGRAMS) continue;
    all.add(one);
    tryStart(work, one);
  }
  return all.size > 0;
}

/** Programs whose path stands in a file that executes some. */
function pathsNamed(work: Work): readonly string[] {
  return [...work.names]
    .filter(
      ([text, modules]) =>
        text.startsWith('/') && [...modules].some((one) => imports(one, EXECUTES)) && isExecutable(text),
    )
    .map(([text]) => text);
}

const EXECUTES =
  /^(execl|execlp|execle|execv|execvp|execve|execvpe|execveat|fexecve|posix_spawnp?|system|popen|wordexp)$/;

interface Executed {
  readonly meant: Set<string>;
  readonly guessed: Set<string>;
}

/** The programs that are meant where this one executes others: those that the user named, the command line, or a script. And
 * those that its own strings name, or a text on the command line. */
function executed(work: Work, path: string): Executed {
  const { question } = work;
  const own = work.world.byPath.get(work.programs[0]!)!;
  const meant = new Set<string>();
  const guessed = new Set(constantPrograms(work, own, path));
  const add = (text: string, to: Set<string>) => {
    for (const one of programsIn(text, path)) to.add(one);
  };
  for (const name of question.also) for (const one of named(name, path)) meant.add(one);
  for (const word of question.words) {
    const found = inPath(word, path);
    if (found !== undefined) meant.add(found);
    if (/[\s;|&]/.test(word)) add(word, meant);
    else if (/[./]/.test(word)) {
      const text = textOf(work, word);
      add(text, text.startsWith('#!') ? meant : guessed);
    }
  }
  for (const script of startOf(question.program, path).scripts) add(textOf(work, script), meant);
  return { meant, guessed };
}

function textOf(work: Work, script: string): string {
  work.texts.add(script);
  return scriptText(script) ?? '';
}

function searched(work: Work, path: string): void {
  for (const folder of path.split(':')) work.files.add(folder === '' ? '.' : folder);
}

function interpreterOf(world: World): string | undefined {
  return world.modules[0]?.code.elf.interpreter;
}

/** The loader's own execve serves only a loader that is itself started as a command (ld.so(8)), and we know how this program
 * is started. */
function executing(work: Work, site: CallSite): boolean {
  if (!site.names.includes('execve') && !site.names.includes('execveat')) return false;
  return !isLoader(work, site.module);
}

function isLoader(work: Work, module: Module): boolean {
  return (
    module.path !== work.programs[0] &&
    module.interpreter !== undefined &&
    work.world.byPath.get(module.path) === module &&
    module.code.dynamic?.soname?.startsWith('ld-') === true
  );
}

function named(name: string, path: string): readonly string[] {
  if (name === '@shell-utils')
    return shellUtilities.map((one) => inPath(one, path)).filter((one) => one !== undefined);
  const found = inPath(name, path);
  if (found === undefined)
    throw new SandboxError(`--also ${name}: there is no such program`, {
      advice: 'give a name in PATH, a path, or @shell-utils',
    });
  return [found];
}

/** The scripts on the way to it. */
function addStart(work: Work, path: string, isFirst: boolean): readonly string[] {
  const { program, named, scripts } = startOf(path, searchPathOf(work.question.environment));
  for (const one of [path, named, ...scripts]) work.files.add(one);
  if (work.programs.includes(program)) return scripts;
  const elf = readSource(program).bytes;
  if (isFirst && elf.length >= 20 && isElf(elf) && elf.readUInt16LE(18) !== EM_X86_64) {
    throw new SandboxError(`${program}: only x86-64 programs can be analysed so far`, {
      advice: 'write a policy, or record one',
    });
  }
  work.programs.push(program);
  addProgram(work.world, program);
  return scripts;
}

/** A program that may be executed: what cannot be read is said, and left out. The scripts on the way to it. */
function tryStart(work: Work, path: string): readonly string[] {
  try {
    return addStart(work, path, false);
  } catch (error) {
    work.notices.push(`${path} is left out: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** Follows code, then adds what is loaded by name, until nothing changes. */
function settle(work: Work, withPlugins: boolean): void {
  const { world, reach } = work;
  for (;;) {
    for (; work.rooted < world.modules.length; work.rooted++) {
      const module = world.modules[work.rooted]!;
      if (module.path !== VDSO) addModuleRoots(reach, module, true);
      addUnseenLookups(reach, module);
      if (module.isSurface) addSurface(reach, module, 'plug-in');
    }
    for (const module of world.started) {
      if (work.entered.has(module)) continue;
      work.entered.add(module);
      addEntry(reach, module);
    }
    run(reach);
    const modules = world.modules.length;
    const reached = reach.queue.length;
    for (const { text, module, isChoosing, isOption } of mentions(reach, work.mentioned)) {
      if (isChoosing && isOffered(world, text)) continue;
      if (isOption) lookUp(work, text, module);
      else if (/^[\w.+/[-]+$/.test(text)) mention(work, text, module);
      else if (text.includes(' ') && isFirst(work, module)) work.commands.add(text);
    }
    if (withPlugins) {
      loadConfigured(work);
      for (const [name, module, why] of work.wanted.splice(0)) loadByName(work, name, module, why);
    }
    work.mentioned = reached;
    for (const family of withPlugins ? families : []) {
      if (work.familiesDone.has(family.name)) continue;
      const by = world.definitions.get(family.exported)?.[0]?.module;
      if (by === undefined) continue;
      work.familiesDone.add(family.name);
      work.question.progress?.(`${family.name}`);
      for (const file of familyFiles(family, by.path, work.files)) tryPlugin(work, file, by, family.name);
    }
    if (
      modules === world.modules.length &&
      reached === reach.queue.length &&
      work.rooted === modules &&
      work.entered.size === world.started.size
    )
      return;
  }
}

/** A string that reached code names: a library, or a function that is looked up by name. */
function mention(work: Work, text: string, module: Module): void {
  const known = work.names.get(text);
  if (known?.has(module) === true) return;
  if (known === undefined) work.names.set(text, new Set([module]));
  else known.add(module);
  if (text.endsWith('nsswitch.conf')) {
    for (const name of nameServices()) work.wanted.push([name, module, 'name service']);
  }
  addOffered(work.reach, text);
  if (LIBRARY_NAME.test(text)) work.wanted.push([text, module, 'named in the code']);
  if (text.startsWith('/') && (isFirst(work, module) || opensLibraries(module))) {
    for (const path of librariesIn(text, work.files)) work.wanted.push([path, module, `in ${text}`]);
    if (isFirst(work, module)) {
      if (/^\/usr\/(local\/)?(lib|share|libexec)\/[\w.+/-]+$/.test(text)) work.roots.add(text);
      if (/^\/etc\/[\w.+/-]+\.(conf|cfg)$/.test(text)) work.configurations.add(text);
    }
  }
  lookUp(work, text, module);
}

/** The functions that a file can mean by a name, if it looks up any. */
function lookUp({ world, reach }: Work, text: string, module: Module): void {
  const isLooking =
    module.code.dynamic?.soname?.startsWith('ld-') === true || isStatic(module) || importsLookup(module);
  if (!isLooking) return;
  for (const definition of world.definitions.get(text) ?? []) {
    addLookup(reach, { module: definition.module, address: definition.symbol.address }, module);
  }
}

/** It holds the C library's code itself, and with it what looks up names. */
const isStatic = (module: Module) =>
  module.code.elf.interpreter === undefined && module.code.dynamic?.soname === undefined;
const isCLibrary = (module: Module | undefined) =>
  module?.code.dynamic?.soname?.startsWith('libc.so') === true;

const isFirst = (work: Work, module: Module) => module.path === work.programs[0];

const LOADS = /^(dlopen|dlmopen|lt_dlopen(ext|advise)?|g_module_open(_full)?|apr_dso_load|uv_dlopen)$/;
const opensLibraries = (module: Module) => imports(module, LOADS);

/** Libraries that configuration files name: those on the command line, and those that the program's own strings name. */
function loadConfigured(work: Work): void {
  const own = work.world.byPath.get(work.programs[0] ?? '');
  if (own === undefined || !opensLibraries(own)) return;
  const words = work.question.words.filter((word) => /[./]/.test(word) && !word.startsWith('-'));
  work.usesWords = true;
  for (const word of words) work.texts.add(word);
  for (const file of work.configurations) work.files.add(file);
  for (const path of configuredLibraries([...words, ...work.configurations], [...work.roots], work.files))
    work.wanted.push([path, own, 'named in a configuration file']);
}

const lookups = new WeakMap<Module, boolean>();

function importsLookup(module: Module): boolean {
  let known = lookups.get(module);
  if (known === undefined) {
    known =
      module.code.dynamic?.symbols.some(
        (one) => !one.defined && (one.name === 'dlsym' || one.name === 'dlvsym'),
      ) === true;
    lookups.set(module, known);
  }
  return known;
}

function loadByName(work: Work, name: string, module: Module, why: string): void {
  const key = `${name} ${name.includes('/') ? '' : module.path}`;
  if (work.librariesDone.has(key)) return;
  work.librariesDone.add(key);
  const interpreter = module.interpreter ?? interpreterOf(work.world);
  for (const path of findLibrary(
    name,
    requester(work.world, module, interpreter),
    work.world.libraryPath,
    work.world.looked,
  ))
    tryPlugin(work, path, module, why);
}

function tryPlugin(work: Work, path: string, by: Module, why: string): void {
  work.files.add(path);
  try {
    if (!isElf(readSource(path).bytes)) return;
    const added = addPlugin(work.world, path, by.interpreter ?? interpreterOf(work.world), by);
    // A static program loads the C library for its plug-ins, which name what they call.
    if (!(isStatic(by) && isCLibrary(added[0]))) addPlugged(work, added, why);
  } catch (error) {
    work.notices.push(`${path} is left out: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The first of them is the plug-in, whose exports its loader asks for; the others are what it needs. */
function addPlugged(work: Work, modules: readonly Module[], why: string): void {
  const [plugin] = modules;
  if (plugin !== undefined && !plugin.isSurface) addExports(work.reach, plugin, why);
}

/** Of programs that the program's own strings name. Of more than these most are there by chance, and each brings its code. */
const MAX_NAMES = 64;

function imports(module: Module | undefined, name: RegExp): boolean {
  return module?.code.dynamic?.symbols.some((one) => !one.defined && name.test(one.name)) === true;
}

/** Paths of programs that a program's own strings name, and names in PATH where it asks the C library to search there. */
function constantPrograms(work: Work, own: Module, path: string): readonly string[] {
  const isSearching = imports(own, /^(execl?vpe?|execlp|posix_spawnp)$/);
  const paths: string[] = [];
  const names: { text: string; program: string }[] = [];
  for (const [text, modules] of work.names) {
    if (!modules.has(own) || text.length < 2) continue;
    if (text === ITSELF) paths.push(own.path);
    else if (text.startsWith('/')) {
      if (isExecutable(text)) paths.push(text);
    } else if (isSearching && !text.includes('/')) {
      const program = inPath(text, path);
      if (program !== undefined) names.push({ text, program });
    }
  }
  // system(3) and popen(3): the first word of each command, behind assignments.
  if (imports(own, /^(system|popen)$/)) {
    for (const part of [...work.commands].flatMap((text) => text.split(/[|;&]+/))) {
      const [, word] = /^\s*(?:\w+=\S*\s+)*([\w.+/-]{2,})(?:\s|$)/.exec(part) ?? [];
      const program = word === undefined ? undefined : inPath(word, path);
      if (program !== undefined) names.push({ text: word!, program });
    }
  }
  if (names.length <= MAX_NAMES) return [...paths, ...new Set(names.map((one) => one.program))];
  // The usual ones are believed to be meant.
  const usual = names.filter(({ text }) => shellUtilities.some((one) => one === text));
  work.notices.push(
    `${short(own.path)} names ${names.length} programs that it could search for, too many to include but usual utilities: give others that it executes with --also PROGRAM`,
  );
  return [...paths, ...usual.map((one) => one.program)];
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
  for (const site of sites) {
    if (site.isThroughPointer)
      work.notices.push(
        `${labelOf(site.module, site.address)} is called through pointers, too: the numbers are the constants at such calls${site.names.length === 0 ? ', and there are none' : ''}`,
      );
  }
  for (const { name, by } of work.world.missing) work.notices.push(`${name}, needed by ${by}, is not found`);
  if (sites.some((site) => site.isForeign && work.programs.includes(site.module.path))) {
    work.notices.push('it contains calls through another ABI (int 0x80), which the filter refuses');
  }
  loaders(work);
  const disbelieved = sites.filter(
    (site) => site.names.some((name) => name.startsWith('execve')) && isLoader(work, site.module),
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
function callsByName({ code }: Module): boolean {
  const imports = (name: string) =>
    code.dynamic?.symbols.some((one) => !one.defined && one.name === name) === true;
  return imports('ffi_call') && (imports('dlsym') || imports('dlvsym'));
}

/** Says who can load libraries whose names are not known. */
function loaders(work: Work): void {
  const covered = new Set(
    families
      .filter((one) => work.familiesDone.has(one.name))
      .map((one) => work.world.definitions.get(one.exported)?.[0]?.module),
  );
  const names = work.world.modules
    .filter(
      (one) =>
        !covered.has(one) &&
        !one.isSurface &&
        one.code.dynamic?.symbols.some((symbol) => !symbol.defined && symbol.name === 'dlopen') === true,
    )
    .filter((one) => !one.path.includes('/gconv/'))
    .map((one) => short(one.path));
  if (names.length > 0)
    work.notices.push(
      `libraries can be loaded while it runs, by ${names.join(', ')}: give those that are not in known folders with --plugin PATH`,
    );
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
