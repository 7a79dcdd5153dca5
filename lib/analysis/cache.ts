// Analyses that were made before. An entry holds for exactly the files that it was made from: each is known by its content,
// and by what the file system says of it (device, inode, size, times to the nanosecond), which changes whenever the content
// does, so that a start need not read them. The folder is the user's own; what others could have written is not believed.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Raised whenever an analysis could come out differently. */
const FORMAT = 1;

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
  readonly files: readonly (readonly [path: string, state: string])[];
}

/** What the file system says of a file; '' for one that is not there. */
function stateOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
}

/** The folder, made if it is missing; undefined if it cannot be used: then nothing is kept. */
function folder(environment: Question['environment']): string | undefined {
  const { XDG_CACHE_HOME: base, HOME: home } = environment;
  const parent =
    base?.startsWith('/') === true ? base : home?.startsWith('/') === true ? join(home, '.cache') : undefined;
  if (parent === undefined) return undefined;
  const path = join(parent, 'sandbox-run');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = statSync(path);
    if (stat.uid !== process.geteuid?.()) return undefined;
    if ((stat.mode & 0o022) !== 0) chmodSync(path, 0o700);
    return path;
  } catch {
    return undefined;
  }
}

function keyOf(question: Question, version: string, withWords: boolean): string {
  const { program, words, also, plugins, environment } = question;
  const { LD_LIBRARY_PATH, LD_PRELOAD, PATH } = environment;
  const parts = [
    FORMAT,
    version,
    program,
    also,
    plugins,
    LD_LIBRARY_PATH ?? null,
    LD_PRELOAD ?? null,
    PATH ?? null,
    withWords ? words : null,
    withWords ? process.cwd() : null,
  ];
  // Loaded only for --auto: a plain run must not pay for it.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The answer to the same question about the same files, if it is kept. */
export function recall(question: Question, version: string): Answer | undefined {
  const where = folder(question.environment);
  if (where === undefined) return undefined;
  for (const withWords of [false, true]) {
    const entry = readEntry(join(where, keyOf(question, version, withWords)));
    if (entry?.files.every(([path, state]) => stateOf(path) === state) === true) return entry;
  }
  return undefined;
}

function readEntry(path: string): Entry | undefined {
  try {
    const stat = statSync(path);
    if (stat.uid !== process.geteuid?.() || (stat.mode & 0o022) !== 0) return undefined;
    return JSON.parse(readFileSync(path, 'utf8')) as Entry;
  } catch {
    return undefined;
  }
}

/** Keeps an answer. That it cannot be kept is no error. */
export function remember(
  question: Question,
  version: string,
  answer: Answer,
  files: readonly string[],
): void {
  const where = folder(question.environment);
  if (where === undefined) return;
  const entry: Entry = { ...answer, files: [...new Set(files)].map((path) => [path, stateOf(path)]) };
  const path = join(where, keyOf(question, version, answer.usesWords));
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(entry), { mode: 0o600 });
    renameSync(draft, path);
  } catch {
    rmSync(draft, { force: true });
  }
}
