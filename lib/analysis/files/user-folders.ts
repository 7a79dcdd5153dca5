// Where the user of a program, not its package, keeps libraries that it loads while it runs: folders that variables of the environment name
// (PYTHONPATH, PERL5LIB, QT_PLUGIN_PATH …), a virtual environment, the home, and the folder of a script. Families (plugins.ts) say which
// of the last three are theirs; a variable counts once code that loads libraries names it.

import { realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from './chosen.ts';
import { type Cut, eachLibrary, entriesOf, isGeneral, isLibrary } from './folders.ts';
import { headOf } from './programs.ts';

/** Variables that name folders of libraries; the second: those that never do. */
const NAMES = /(PATH|LIBS?|MODULES|ENGINES|PLUGINS?|DIR)(_1_0)?$|^(PERL5LIB|R_LIBS\w*)$/;
const OTHERS =
  /^(PATH|MANPATH|INFOPATH|CDPATH|FPATH|CLASSPATH|GOPATH|LD_LIBRARY_PATH|LS_?COLORS|TMPDIR|XDG_\w+|\w*(LOG|DATA|CACHE|TEMP|TMP|RUN|RUNTIME|STATE|CONFIG|CONF|DOC|MAN|INFO|WORK|HOME)_?(PATH|DIR))$/;

export const isLibraryVariable = (name: string): boolean => NAMES.test(name) && !OTHERS.test(name);

/** The folders that a variable's value names and that are there. `?` stands for a name (Lua's patterns). */
export function foldersIn(value: string): readonly string[] {
  return value
    .split(/[:;\s]+/)
    .map((one) => (one.includes('?') ? dirname(one.slice(0, one.indexOf('?') + 1)) : one))
    .filter((one) => one !== '')
    .map((one) => resolve(one))
    .filter((one) => !isGeneral(one) && statSync(one, { throwIfNoEntry: false })?.isDirectory() === true);
}

/** The variables that are set to such folders, with these; in the order of names. */
export const libraryVariables = (
  environment: Environment,
): readonly (readonly [name: string, folders: readonly string[]])[] =>
  Object.entries(environment)
    .filter(([name]) => isLibraryVariable(name))
    .map(([name, value]) => [name, foldersIn(value ?? '')] as const)
    .filter(([, folders]) => folders.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** More than a folder of libraries has; a home or a whole disk has more. */
const MAX_FOLDERS = 4000;
const MAX_LIBRARIES = 5000;

/** The libraries in the folders that a variable names, and below them. What was looked at goes into `seen`; `cut` is told where there is
 * more than is taken. */
export function librariesOf(name: string, value: string, seen: Set<string>, cut: Cut): readonly string[] {
  const queue = [...foldersIn(value)];
  const found: string[] = [];
  const done = new Set<string>();
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    if (done.has(folder)) continue;
    if (done.size === MAX_FOLDERS || found.length >= MAX_LIBRARIES) {
      cut(`${name}: more than ${MAX_FOLDERS} folders or ${MAX_LIBRARIES} libraries`);
      break;
    }
    done.add(folder);
    seen.add(folder);
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (isLibrary(entry.name)) found.push(path);
      else if (entry.isDirectory()) queue.push(path);
    }
  }
  return found;
}

/** Whom a start has to do with: what stands for what in the folders of families. */
export interface Places {
  /** Folders of the programs as they were named: a virtual environment has links to them. */
  readonly programs: readonly string[];
  readonly home: string | undefined;
}

/** A pattern for each place that its first sign stands for: `@` a program's folder, `~` the home. */
export function placed(pattern: string, { programs, home }: Places): readonly string[] {
  const rest = pattern.slice(1);
  if (pattern.startsWith('@')) return programs.map((one) => one + rest);
  if (pattern.startsWith('~')) return home?.startsWith('/') === true ? [home + rest] : [];
  return [pattern];
}

/** The folders of words that are scripts, links followed, and words that are folders (`python3 app`, `node .`). */
export function foldersOf(words: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const word of words) {
    try {
      if (word === '') continue;
      const stat = statSync(word, { throwIfNoEntry: false });
      if (stat?.isDirectory() === true) found.add(realpathSync(word));
      else if (stat !== undefined && (SCRIPT.test(word) || headOf(word).toString('latin1', 0, 2) === '#!'))
        found.add(dirname(realpathSync(word)));
    } catch {
      // A word that is no path, or no file.
    }
  }
  return [...found];
}

const SCRIPT = /\.(py[cwz]?|[cm]?[jt]s)$/;

/** The libraries that a script in a folder can load as its own: beside it, and one folder below. What was looked at goes into `seen`. */
export function librariesBeside(folder: string, seen: Set<string>): readonly string[] {
  const found: string[] = [];
  const below = entriesOf(folder).filter((one) => one.isDirectory());
  const folders = [folder, ...below.slice(0, MAX_BELOW).map(({ name }) => join(folder, name))];
  for (const one of folders) if (!isGeneral(one)) eachLibrary(one, 0, seen, (path) => found.push(path));
  return found;
}

/** A folder with more in it is no package. */
const MAX_BELOW = 50;

/** The folders among those in which a script finds libraries that others do not: its own, or packages of Node. */
export const withLibraries = (folders: readonly string[]): readonly string[] =>
  folders.filter((folder) => librariesBeside(folder, new Set()).length > 0 || hasPackages(folder));

function hasPackages(folder: string): boolean {
  if (statSync(join(folder, 'node_modules'), { throwIfNoEntry: false }) !== undefined) return true;
  return folder !== dirname(folder) && hasPackages(dirname(folder));
}
