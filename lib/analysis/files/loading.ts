// Which files come to an analysis: programs with what they need, and what they load while they run, by names in the code, families of
// plug-ins that are known, and configuration files. Code is followed in between, until nothing new is found.

import { dirname } from 'node:path';
import { EM_X86_64, isElf, readSource } from '../../elf/file.ts';
import { findLibrary } from '../../elf/search.ts';
import { SandboxError } from '../../errors.ts';
import { LEFT_OUT } from '../cache.ts';
import { addEntry, addExports, addModuleRoots, addSurface } from '../reach/beginnings.ts';
import { release, run } from '../reach/follow.ts';
import { isImportReached, type Reach } from '../reach/reach.ts';
import type { Work } from '../work.ts';
import { ADDONS, addonsFor } from './addons.ts';
import { configuredLibraries, librariesIn, librariesNamed } from './configuration.ts';
import type { Cut } from './folders.ts';
import { lookUp } from './guesses.ts';
import { families, familyFiles, nameServices, PAM, PAM_MODULES, PYTHON } from './plugins.ts';
import { searchPathOf, startOf } from './programs.ts';
import { mentions } from './strings.ts';
import {
  foldersOf,
  isLibraryVariable,
  librariesBeside,
  librariesOf,
  type Places,
  placed,
} from './user-folders.ts';
import { addOffered, addUnseenLookups, isForNamesake, isNamesakeReached, isOffered, VDSO } from './vdso.ts';
import {
  addPlugin,
  addProgram,
  imports,
  isAuditor,
  isCLibrary,
  isLoader,
  isStatic,
  type Module,
  requester,
  type World,
} from './world.ts';

const LIBRARY_NAME = /^[\w.+/-]*\.so(\.[\w.]+)*$/;

/** Follows code, then adds what is loaded by name, until nothing changes. */
export function settle(work: Work, withPlugins: boolean): void {
  const { world, reach } = work;
  for (;;) {
    for (; work.rooted < world.modules.length; work.rooted++) {
      const module = world.modules[work.rooted]!;
      if (module.path !== VDSO) addModuleRoots(reach, module, true);
      if (isAuditor(module)) addExports(reach, module, 'the loader’s auditor');
      addUnseenLookups(reach, module);
      if (module.isSurface) {
        addSurface(reach, module, 'plug-in');
        releaseUnseen(reach, module);
      }
    }
    for (const module of world.started) {
      if (work.entered.has(module)) continue;
      work.entered.add(module);
      addEntry(reach, module);
    }
    run(reach);
    for (const text of work.offered)
      if (isNamesakeReached(reach, text) && work.offered.delete(text)) addOffered(reach, text);
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
    if (withPlugins) loadFamilies(work);
    if (
      modules === world.modules.length &&
      reached === reach.queue.length &&
      work.rooted === modules &&
      work.entered.size === world.started.size
    )
      return;
  }
}

function loadFamilies(work: Work): void {
  const { world, reach, question } = work;
  const places: Places = { programs: [...work.named], home: question.environment.HOME };
  const named = foldersOf([...work.scripts, ...question.words]);
  const scripts = named.length > 0 ? named : [process.cwd()];
  const load = (name: string, exported: string, folders: readonly string[], filesIn: FilesIn) => {
    const by = world.definitions.get(exported)?.[0]?.module;
    const left = folders.filter((one) => !work.foldersDone.has(`${name} ${one}`));
    if (by === undefined || left.length === 0 || !canLoad(reach, by)) return;
    if (!work.familiesDone.has(name)) question.progress?.(name);
    work.familiesDone.add(name);
    for (const folder of left) work.foldersDone.add(`${name} ${folder}`);
    for (const file of new Set(left.flatMap((one) => filesIn(one, by.path)))) tryPlugin(work, file, by, name);
  };
  for (const { name, exported, folders } of families)
    load(
      name,
      exported,
      folders.flatMap((one) => placed(one, places)),
      (folder, origin) => familyFiles(folder, origin, work.files, cutOf(work)),
    );
  load('Node addons', ADDONS, scripts, (folder) => addonsFor(folder, work.files));
  load('Python modules', PYTHON, scripts, (folder) =>
    librariesBeside(folder, work.files).filter((path) => readSource(path).bytes.includes('PyInit_')),
  );
}

type FilesIn = (folder: string, origin: string) => readonly string[];

/** A file whose code is not looked into, and which asks the C library for functions of name services, does so by names that it holds. */
function releaseUnseen(reach: Reach, module: Module): void {
  if (!imports(module, /^__nss_/)) return;
  const names = reach.world.modules.flatMap(({ code }) => [...code.services.values()].flat());
  for (const name of names)
    if (module.code.elf.bytes.includes(`${name}\0`, 0, 'latin1')) release(reach, name);
}

export const cutOf =
  ({ notices }: Work): Cut =>
  (what) =>
    notices.push(`${what}: the others are left out; give those that it loads with --plugin PATH`);

/** A string that reached code names: a library, or a function that is looked up by name. */
function mention(work: Work, text: string, module: Module): void {
  const known = work.names.get(text);
  if (known?.has(module) === true) return;
  if (known === undefined) work.names.set(text, new Set([module]));
  else known.add(module);
  if (text.endsWith('nsswitch.conf')) {
    for (const name of nameServices()) work.wanted.push([name, module, 'name service']);
  }
  if (isLoader(module) && isForNamesake(text)) {
    work.offered.add(text);
    return;
  }
  addOffered(work.reach, text);
  release(work.reach, text);
  if (LIBRARY_NAME.test(text)) work.wanted.push([text, module, 'named in the code']);
  const isPams =
    text.startsWith(PAM_MODULES) &&
    work.world.definitions.get(PAM.exported)?.some((one) => one.module === module) === true;
  if (text.startsWith('/') && !isPams && (isFirst(work, module) || opensLibraries(module))) {
    for (const path of librariesIn(text, work.files, cutOf(work)))
      work.wanted.push([path, module, `in ${text}`]);
    if (isFirst(work, module)) {
      if (/^\/usr\/(local\/)?(lib|share|libexec)\/[\w.+/-]+$/.test(text)) work.roots.add(text);
      if (/^\/etc\/[\w.+/-]+\.(conf|cfg)$/.test(text)) work.configurations.add(text);
    }
  }
  const value = isLibraryVariable(text) ? work.question.environment[text] : undefined;
  if (value !== undefined && (isFirst(work, module) || opensLibraries(module)))
    for (const path of librariesOf(text, value, work.files, cutOf(work)))
      work.wanted.push([path, module, `in ${text}`]);
  lookUp(work, text, module);
}

const isFirst = (work: Work, module: Module) => module.path === work.programs[0];

const LOADS = /^(dlopen|dlmopen|lt_dlopen(ext|advise)?|g_module_open(_full)?|apr_dso_load|uv_dlopen)$/;

const opensLibraries = (module: Module) => imports(module, LOADS);

/** Whether reached code of a file can load libraries: by a function that it names or looks up, or, where it names none, by means
 * of its own. */
export const canLoad = (reach: Reach, module: Module) =>
  !opensLibraries(module) || isImportReached(reach, module, LOADS) || looksUpLoading(reach, module);

const looksUpLoading = ({ given }: Reach, module: Module) =>
  given.some(
    ({ spot, by }) =>
      by === module &&
      spot.module.code.dynamic?.symbols.some(
        (one) => one.address === spot.address && LOADS.test(one.name),
      ) === true,
  );

/** Libraries that words of the command line name, and that configuration files name: those on the command line, and those that the
 * program's own strings name. */
function loadConfigured(work: Work): void {
  const own = work.world.byPath.get(work.programs[0] ?? '');
  if (own === undefined || !opensLibraries(own)) return;
  work.usesWords = true;
  for (const word of work.question.words)
    for (const name of librariesNamed(word)) work.wanted.push([name, own, 'named on the command line']);
  const words = work.question.words.filter((word) => /[./]/.test(word) && !word.startsWith('-'));
  for (const word of words) work.texts.add(word);
  for (const file of work.configurations) work.files.add(file);
  for (const path of configuredLibraries(
    [...words, ...work.configurations],
    [...work.roots],
    work.files,
    cutOf(work),
  ))
    work.wanted.push([path, own, 'named in a configuration file']);
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

export function tryPlugin(work: Work, path: string, by: Module, why: string): void {
  work.files.add(path);
  try {
    // Packages bring their libraries for other machines, too.
    const { bytes } = readSource(path);
    if (bytes.length < 20 || !isElf(bytes) || bytes.readUInt16LE(18) !== EM_X86_64) return;
    const added = addPlugin(work.world, path, by.interpreter ?? interpreterOf(work.world), by);
    // A static program loads the C library for its plug-ins, and the loader for what it loads: these name what they call.
    if (!((isStatic(by) || isLoader(by)) && isCLibrary(added[0]))) addPlugged(work, added, why);
  } catch (error) {
    work.notices.push(`${path} is left out: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The first of them is the plug-in, whose exports its loader asks for; the others are what it needs. */
export function addPlugged(work: Work, modules: readonly Module[], why: string): void {
  const [plugin] = modules;
  if (plugin !== undefined && !plugin.isSurface) addExports(work.reach, plugin, why);
}

export function interpreterOf(world: World): string | undefined {
  return world.modules[0]?.code.elf.interpreter;
}

/** The scripts on the way to it. */
export function addStart(work: Work, path: string, isFirst: boolean): readonly string[] {
  const { program, named, scripts, through } = startOf(path, searchPathOf(work.question.environment));
  for (const one of [path, named, ...scripts, ...through]) work.files.add(one);
  work.named.add(dirname(named));
  for (const one of scripts) work.scripts.add(one);
  if (work.programs.includes(program)) return scripts;
  const elf = readSource(program).bytes;
  if (isFirst && elf.length >= 20 && isElf(elf) && elf.readUInt16LE(18) !== EM_X86_64) {
    throw new SandboxError(`${program}: only x86-64 programs can be analysed so far`, {
      advice: 'write a policy, or record one',
    });
  }
  work.programs.push(program);
  addProgram(work.world, program);
  for (const one of through) addStart(work, one, false);
  return scripts;
}

/** A program that may be executed: what cannot be read is said, and left out; of one that is `meant` to be, as a warning. The scripts on the
 * way to it. */
export function tryStart(work: Work, path: string, isMeant = false): readonly string[] {
  try {
    return addStart(work, path, false);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    work.notices.push(isMeant ? `${path}${LEFT_OUT}${why}` : `${path} is left out: ${why}`);
    return [];
  }
}
