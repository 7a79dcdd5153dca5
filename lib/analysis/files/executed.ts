// Which programs the one that is analysed executes: those that the user named, and what the command line, scripts and strings name.

import { realpathSync } from 'node:fs';
import { SandboxError } from '../../errors.ts';
import { isGo } from '../code/go.ts';
import { searched, short, type Work } from '../work.ts';
import { chosenBy, chosenIn, loginShells } from './chosen.ts';
import { helpersIn } from './helpers.ts';
import { settle, tryStart } from './loading.ts';
import { executedNames, pamServices } from './lookups.ts';
import { preloadedIn, programsIn, programsOf } from './named.ts';
import { pamPrograms } from './pam.ts';
import { PAM } from './plugins.ts';
import { inPath, isExecutable, scriptText, shellUtilities, startOf } from './programs.ts';
import { imports, type Module } from './world.ts';

const MAX_PROGRAMS = 200;

/** system(3), popen(3), and execvp(3) for files without a header start it. */
const SHELL = '/bin/sh';

/** To whoever executes it (proc_pid_exe(5)). */
const ITSELF = '/proc/self/exe';

/** Starts the programs that this one executes, and what those that are meant execute in turn: a script what its text names, and all what
 * stands as a path, or in a folder that stands so, where it is executed. Whether there are any. */
export function startExecuted(work: Work, path: string, startsByLibrary: boolean): boolean {
  searched(work, path);
  const { meant, guessed } = executed(work, path);
  // `sh -c 'gcc …'` executes what `gcc …` does.
  const asked: ReadonlySet<string> = new Set(meant);
  const folders = new Set<string>();
  for (const one of namedInCode(work, path, startsByLibrary, folders)) meant.add(one);
  const started = new Set<string>();
  startMeant(work, path, meant, asked, folders, started);
  const own = work.world.byPath.get(work.programs[0]!)!;
  for (const one of asked) {
    const module = programOf(work, one);
    if (module === undefined || module === own) continue;
    for (const name of believed(work, module, searchedNames(work, module, path))) guessed.add(name);
  }
  startGuessed(work, guessed, started);
  return started.size > 0;
}

/** The shell that the C library starts, what is handed to exec, what lies in folders that the program's own strings name, and what users
 * choose. */
function namedInCode(
  work: Work,
  path: string,
  startsByLibrary: boolean,
  folders: Set<string>,
): readonly string[] {
  const found = startsByLibrary && work.names.has(SHELL) ? [SHELL] : [];
  for (const name of executedNames(work)) {
    // It may come to be there.
    if (name.includes('/')) work.files.add(name);
    const program = inPath(name, path);
    if (program !== undefined) found.push(program);
  }
  const own = work.world.byPath.get(work.programs[0]!)!;
  for (const [text, modules] of work.names)
    if (modules.has(own)) found.push(...helpersNamed(work, text, folders));
  if (work.world.definitions.has(PAM.exported)) found.push(...pamPrograms(pamServices(work), work.files));
  return [...found, ...chosen(work, path)];
}

/** Starts programs with what they execute in turn, round by round. `asked`: those that the user names. */
function startMeant(
  work: Work,
  path: string,
  meant: Iterable<string>,
  asked: ReadonlySet<string>,
  folders: Set<string>,
  started: Set<string>,
): void {
  for (let round = meant; ; ) {
    const unknown = [...round].filter((one) => !started.has(one));
    const fresh = unknown.slice(0, MAX_PROGRAMS - started.size);
    if (fresh.length < unknown.length)
      work.notices.push(
        `more than ${MAX_PROGRAMS} programs are executed: left out are ${unknown.slice(fresh.length).map(short).join(', ')}; give those that it executes with --also PROGRAM`,
      );
    if (fresh.length === 0) return;
    const next = new Set<string>();
    for (const one of fresh) {
      started.add(one);
      for (const script of tryStart(work, one, asked.has(one)))
        for (const name of textPrograms(work, textOf(work, script), path, script)) next.add(name);
    }
    settle(work, false);
    for (const one of [...pathsNamed(work, folders), ...chosen(work, path)]) next.add(one);
    round = next;
  }
}

/** Starts programs most of which are there by chance: that is no reason to follow them further. */
function startGuessed(work: Work, guessed: Iterable<string>, started: Set<string>): void {
  for (const one of guessed) {
    if (started.has(one)) continue;
    if (started.size >= MAX_PROGRAMS) {
      work.notices.push(
        `more than ${MAX_PROGRAMS} programs are named: give those that it executes with --also PROGRAM`,
      );
      return;
    }
    started.add(one);
    tryStart(work, one);
  }
}

/** The file that a name's start loads, if it was. */
function programOf(work: Work, path: string): Module | undefined {
  try {
    return work.world.byPath.get(realpathSync(path));
  } catch {
    return undefined;
  }
}

/** Programs whose path, or whose folder's, stands in a file that executes some. `folders`: which were looked into. */
function pathsNamed(work: Work, folders: Set<string>): readonly string[] {
  const paths: string[] = [];
  for (const [text, modules] of work.names) {
    if (!text.startsWith('/') || ![...modules].some((one) => imports(one, EXECUTES))) continue;
    if (isExecutable(text)) paths.push(text);
    else paths.push(...helpersNamed(work, text, folders));
  }
  return paths;
}

function helpersNamed(work: Work, folder: string, folders: Set<string>): readonly string[] {
  if (folders.has(folder)) return [];
  folders.add(folder);
  const helpers = helpersIn(folder, work.files);
  if (helpers === undefined)
    work.notices.push(
      `${folder} is named and holds too many programs to include: give those that are executed with --also PROGRAM`,
    );
  return helpers ?? [];
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
  const add = (text: string, to: Set<string>, script?: string) => {
    for (const one of textPrograms(work, text, path, script)) to.add(one);
  };
  for (const name of question.also) for (const one of named(name, path)) meant.add(one);
  for (const word of question.words) {
    for (const one of programsOf(word, path)) meant.add(one);
    if (/[\s;|&$]/.test(word)) add(word, meant);
    else if (/[./]/.test(word)) {
      const text = textOf(work, word);
      add(text, text.startsWith('#!') ? meant : guessed, word);
    }
  }
  for (const script of startOf(question.program, path).scripts) add(textOf(work, script), meant, script);
  return { meant, guessed };
}

/** The programs that a text for a shell names, and those of variables that it uses. */
const textPrograms = ({ question }: Work, text: string, path: string, script?: string): readonly string[] => [
  ...programsIn(text, path, script),
  ...chosenIn(text, question.environment, path),
];

/** The programs of variables that any file names (man(1) has another one execute its pager, libpipeline), and the shells of users that one
 * starts. */
function chosen(work: Work, path: string): readonly string[] {
  const starters = [...(work.names.get('SHELL') ?? [])];
  return [
    ...chosenBy(work.question.environment, path, (name) => work.names.has(name)),
    ...starters.flatMap((module) => loginShells(module, work.files)),
  ];
}

/** What a script says. Libraries that it preloads are taken for plug-ins. */
function textOf(work: Work, script: string): string {
  work.texts.add(script);
  const text = scriptText(script) ?? '';
  const own = work.world.byPath.get(work.programs[0]!)!;
  if (text.startsWith('#!'))
    for (const name of preloadedIn(text, script)) work.wanted.push([name, own, `preloaded by ${script}`]);
  return text;
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

/** Of programs that the program's own strings name. Of more than these most are there by chance, and each brings its code. */
const MAX_NAMES = 64;

interface Name {
  readonly text: string;
  readonly program: string;
}

/** Paths of programs that a program's own strings name, and names in PATH where it asks the C library to search there. */
function constantPrograms(work: Work, own: Module, path: string): readonly string[] {
  // Go's strings have no ends.
  const paths = isGo(own.code) && own.code.elf.bytes.includes(ITSELF) ? [own.path] : [];
  for (const [text, modules] of work.names) {
    if (!modules.has(own)) continue;
    if (text === ITSELF) paths.push(own.path);
    else if (text.startsWith('/') && isExecutable(text)) paths.push(text);
  }
  const names = [...searchedNames(work, own, path)];
  // system(3) and popen(3): the first word of each command, behind assignments.
  if (imports(own, /^(system|popen)$/)) {
    for (const part of [...work.commands].flatMap(commandsIn)) {
      const [, word] = /^(?:\w+=\S*\s+)*([\w.+/-]{2,})(?:\s|$)/.exec(part) ?? [];
      const program = word === undefined ? undefined : inPath(word, path);
      if (program !== undefined) names.push({ text: word!, program });
    }
  }
  return [...paths, ...believed(work, own, names)];
}

/** The commands of what may be a line for a shell. Lines of help texts are indented, and labels end with a colon. */
const commandsIn = (text: string): readonly string[] =>
  /^\s|:\s*$/.test(text) ? [] : text.split(/[|;&]+/).map((part) => part.trimStart());

/** Names of programs in PATH that a program's own strings are, if it has them searched there. */
function searchedNames(work: Work, own: Module, path: string): readonly Name[] {
  if (!imports(own, /^(execl?vpe?|execlp|posix_spawnp)$/)) return [];
  const names: Name[] = [];
  for (const [text, modules] of work.names) {
    if (!modules.has(own) || text.length < 2 || text.includes('/')) continue;
    const program = inPath(text, path);
    if (program !== undefined) names.push({ text, program });
  }
  return names;
}

function believed(work: Work, own: Module, names: readonly Name[]): readonly string[] {
  const programs = (some: readonly Name[]) => [...new Set(some.map((one) => one.program))];
  if (names.length <= MAX_NAMES) return programs(names);
  work.notices.push(
    `${short(own.path)} names ${names.length} programs that it could search for, too many to include but usual utilities: give others that it executes with --also PROGRAM`,
  );
  return programs(names.filter(({ text }) => shellUtilities.some((one) => one === text)));
}
