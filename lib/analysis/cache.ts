// Analyses that were made before. An entry answers one question (program, options, search paths), asked of one version of
// ours, and holds as long as every file that the analysis looked at has the same content (states.ts), those that were
// looked for and not there included. The folder is the user's own: what others could have written is not believed, and
// what is damaged counts as not there. Nothing here is ever an error: without the cache a start only takes longer.

import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { choices, chosenBy, chosenIn } from './files/chosen.ts';
import { configurationIn } from './files/configuration.ts';
import { preloadedIn, programsIn, wordsThatMatter } from './files/named.ts';
import { scriptText, searchPathOf } from './files/programs.ts';
import { foldersOf, libraryVariables, withLibraries } from './files/user-folders.ts';
import { hash, type KnownFile, knownFile, type Meaning, stillTheSame } from './states.ts';

/** In a notice that is a warning: what is to be executed is refused what it needs. */
export const LEFT_OUT = ' is to be executed and is left out: ';

/** Raised whenever entries are written in another form. */
const FORMAT = 3;

export interface Question {
  /** The program's path. */
  readonly program: string;
  /** Its arguments: programs among them, and commands in them, are taken to be meant where the program can execute others. */
  readonly words: readonly string[];
  /** Programs that may be executed (names or paths), and @shell-utils. */
  readonly also: readonly string[];
  /** Libraries that may be loaded while it runs. */
  readonly plugins: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Arguments are not asked for: each call is permitted whatever they are. */
  readonly namesOnly?: boolean;
  /** What holds from main on is not asked for. */
  readonly wholeOnly?: boolean;
}

export interface Answer {
  /** In the policy language. */
  readonly policy: string;
  readonly notices: readonly string[];
  /** Places whose number is not known. */
  readonly unknown: number;
  /** Whether the words of the command line were part of the question. */
  readonly usesWords: boolean;
}

interface Entry extends Answer {
  readonly files: readonly KnownFile[];
}

/** Bytes and entries that are kept; the ones that were used least recently go first. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 2000;
/** A single entry: thousands of plug-ins are less than this. */
const MAX_ENTRY = 8 * 1024 * 1024;
const HOUR = 3600 * 1000;

/** The folder, made if it is missing; undefined if it cannot be used, or if others could have written there. */
function folder(environment: Question['environment']): string | undefined {
  const { XDG_CACHE_HOME: base, HOME: home } = environment;
  const parent =
    base?.startsWith('/') === true ? base : home?.startsWith('/') === true ? join(home, '.cache') : undefined;
  if (parent === undefined) return undefined;
  const path = join(parent, 'sandbox-run');
  try {
    let stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      stat = statSync(path);
    }
    if (!stat.isDirectory() || stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0)
      return undefined;
    if ((stat.mode & 0o055) !== 0) chmodSync(path, 0o700);
    return path;
  } catch {
    return undefined;
  }
}

function keyOf(question: Question, version: string, withWords: boolean): string {
  const { program, words, also, plugins, environment } = question;
  const { LD_AUDIT, LD_LIBRARY_PATH, LD_PRELOAD, LD_PROFILE, PATH } = environment;
  const paths = [PATH, LD_AUDIT, LD_LIBRARY_PATH, LD_PRELOAD].flatMap((list) => list?.split(/[: ]/) ?? []);
  const isRelative = [program, ...also, ...plugins, ...paths].some((one) => !one.startsWith('/'));
  const parts = [
    FORMAT,
    version,
    // The vDSO is the kernel's.
    process.getBuiltinModule('node:os').release(),
    program,
    also,
    plugins,
    LD_LIBRARY_PATH ?? null,
    LD_PRELOAD ?? null,
    LD_AUDIT ?? null,
    LD_PROFILE !== undefined,
    PATH ?? null,
    environment.HOME ?? null,
    libraryVariables(environment),
    question.namesOnly === true,
    question.wholeOnly === true,
    // `git log` and `git status` are the same question.
    withWords
      ? [
          wordsThatMatter(words, searchPathOf(environment)),
          choices(environment),
          withLibraries(foldersOf(words)),
          // They may come to be there.
          chosenBy(environment, searchPathOf(environment), () => true),
        ]
      : null,
    withWords || isRelative ? process.cwd() : null,
  ];
  return hash(JSON.stringify(parts));
}

/** The answer to the same question about the same files, if it is kept. */
export function recall(question: Question, version: string): Answer | undefined {
  const where = folder(question.environment);
  if (where === undefined) return undefined;
  for (const withWords of [false, true]) {
    const path = join(where, keyOf(question, version, withWords));
    const entry = readEntry(path);
    const files = entry === undefined ? undefined : stillTheSame(entry.files, meaningFor(question));
    if (entry === undefined || files === undefined) continue;
    if (files !== entry.files) writeEntry(path, { ...entry, files });
    else markUsed(path);
    return entry;
  }
  return undefined;
}

/** undefined: none, damaged, or not the user's own. */
function readEntry(path: string): Entry | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() !== true || stat.uid !== process.geteuid?.()) return undefined;
    if ((stat.mode & 0o022) !== 0 || stat.size > MAX_ENTRY) return undefined;
    const text = readFileSync(path, 'utf8');
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    return text.slice(0, Math.max(end, 0)) === hash(body) ? (JSON.parse(body) as Entry) : undefined;
  } catch {
    return undefined;
  }
}

/** At once or not at all: under another name first. The first line is the hash of the rest. */
function writeEntry(path: string, entry: Entry): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    const body = JSON.stringify(entry);
    writeFileSync(draft, `${hash(body)}\n${body}`, { mode: 0o600, flag: 'wx' });
    renameSync(draft, path);
  } catch {
    rmSync(draft, { force: true });
  }
}

/** The time of an entry's last use is its file's, to the hour. */
function markUsed(path: string): void {
  try {
    const now = Date.now();
    if (now - statSync(path).mtimeMs > HOUR) utimesSync(path, now / 1000, now / 1000);
  } catch {
    // Another start removed it.
  }
}

/** What an answer rests on. */
export interface Grounds {
  /** When the analysis began, in ms since 1970. */
  readonly start: number;
  /** Files and folders that were looked at, or looked for. */
  readonly files: Iterable<string>;
  /** Words of the command line that are files, of which only the programs that they name matter. */
  readonly texts: Iterable<string>;
}

/** Keeps an answer, unless what it rests on changed since the analysis began. */
export function remember(question: Question, version: string, answer: Answer, grounds: Grounds): void {
  const where = folder(question.environment);
  if (where === undefined) return;
  const start = BigInt(grounds.start) * 1_000_000n;
  const absolute = (paths: Iterable<string>) => [...new Set([...paths].map((path) => resolve(path)))];
  const meaning = meaningFor(question);
  const files = [
    ...absolute(grounds.files).map((path) => knownFile(path, start)),
    ...absolute(grounds.texts).map((path) => knownFile(path, start, meaning)),
  ];
  if (!files.every((file) => file !== undefined)) return;
  writeEntry(join(where, keyOf(question, version, answer.usesWords)), { ...answer, files });
  prune(where);
}

/** The programs and libraries that a text names: all that the analysis takes from it. */
function meaningFor({ environment }: Question): Meaning {
  return (path) => {
    const text = scriptText(path) ?? '';
    const search = searchPathOf(environment);
    const programs = [...programsIn(text, search, path), ...chosenIn(text, environment, search)];
    return [programs, preloadedIn(text, path), [configurationIn(text)]]
      .map((some) => some.join('\0'))
      .join('\n');
  };
}

/** Removes what is too much, and drafts that a killed start left behind. */
function prune(where: string): void {
  try {
    const now = Date.now();
    const entries: { path: string; size: number; used: number }[] = [];
    for (const name of readdirSync(where)) {
      const path = join(where, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.isFile() !== true) continue;
      if (name.endsWith('.new') && now - stat.mtimeMs > HOUR) rmSync(path, { force: true });
      else entries.push({ path, size: stat.size, used: stat.mtimeMs });
    }
    entries.sort((a, b) => b.used - a.used);
    let bytes = 0;
    for (const [index, { path, size }] of entries.entries()) {
      bytes += size;
      if (bytes > MAX_BYTES || index >= MAX_ENTRIES) rmSync(path, { force: true });
    }
  } catch {
    // The folder went away, or another start prunes it, too.
  }
}
