// Programs that a user chooses, not the one who wrote the program: by a variable of the environment that is there for that (PAGER, EDITOR,
// SHELL …, environ(7)), and by the user's entry in the database of users, which says the shell (passwd(5)).

import { readFileSync } from 'node:fs';
import { CHOICE, programsIn } from './named.ts';
import { isExecutable } from './programs.ts';
import { imports, type Module } from './world.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Such variables that are set, with their values; in the order of names. */
export const choices = (environment: Environment): readonly (readonly [name: string, value: string])[] =>
  Object.entries(environment)
    .filter((one): one is [string, string] => CHOICE.test(one[0]) && (one[1] ?? '') !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** The programs of the variables that are `named`. */
export function chosenBy(
  environment: Environment,
  searchPath: string,
  isNamed: (name: string) => boolean,
): readonly string[] {
  return choices(environment)
    .filter(([name]) => isNamed(name))
    .flatMap(([, value]) => programsIn(value, searchPath));
}

/** The programs of the variables that a text names: a shell's `$EDITOR`, Perl's `$ENV{EDITOR}`, Python's `os.environ['EDITOR']`. */
export function chosenIn(text: string, environment: Environment, searchPath: string): readonly string[] {
  return chosenBy(environment, searchPath, (name) => new RegExp(`\\b${name}\\b`).test(text));
}

const USERS = '/etc/passwd';
/** Whoever asks for users, and takes on another's groups or opens a terminal for one (su, login, sshd, cron; tmux, screen). */
const ASKS = /^getpw(nam|uid)(_r)?$/;
const STARTS = /^(initgroups|setgroups|forkpty|openpty|login_tty|posix_openpt)$/;

/** The shells of all users, for a file that names the variable which tells them theirs (SHELL) and can start them. */
export function loginShells(module: Module, seen: Set<string>): readonly string[] {
  if (!imports(module, ASKS) || !imports(module, STARTS)) return [];
  seen.add(USERS);
  try {
    const shells = readFileSync(USERS, 'utf8')
      .split('\n')
      .map((line) => line.split(':')[6] ?? '');
    return [...new Set(shells)].filter((one) => one.startsWith('/') && isExecutable(one));
  } catch {
    return [];
  }
}
