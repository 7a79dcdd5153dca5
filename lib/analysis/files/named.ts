// The programs that a text names: a script for a shell, Perl, Python …, a command, a configuration. What is found may be executed, not has
// to be, so that it only adds.

import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inPath, isExecutable, scriptText } from './programs.ts';

/** Variables that hold a program, or a command (environ(7), git(1), less(1), man(1), rsync(1), ssh(1), xdg-open(1)). */
const ENDS =
  'SHELL|PAGER|EDITOR|FCEDIT|VISUAL|BROWSER|ASKPASS|RSH|SSH|COMMAND|CONNECT_PROG|EXTERNAL_DIFF|LESSOPEN|LESSCLOSE|TERMINAL';
export const CHOICE = new RegExp(`^\\w*(${ENDS})$`);
const NAMES_CHOICE = new RegExp(`\\b\\w*(${ENDS})\\b`);

/** The programs that a text for a shell, Perl, Python … names: every word that is one, the last part of `$folder/name`, what stands for a
 * variable that is not set (`${PAGER:-less}`), and words in which variables stand that the text sets to words (`gs$version`). `script`: the
 * file that it is, which is `$0`; its folder counts as one more of PATH, since `$(dirname "$0")/name` is a usual way to name what stands
 * beside it, and for `$root/folder/name` that folder, and the two above it, are tried. Words that are not commands only add. Left out are
 * lines that are comments (not `#name = …` of JavaScript, and `#{…}` of Ruby), and Perl's pages of documentation. */
export function programsIn(text: string, searchPath: string, script?: string): readonly string[] {
  const isPerl = /^#!.*perl/.test(text);
  const code = (
    isPerl ? text.replace(/^=(head\d|pod|over|item|begin|for|encoding)\b.*?^=cut\b[^\n]*/gms, '') : text
  ).replace(/^[ \t]*#(?![!{]|\w+\s*[=(;:]).*/gm, '');
  // In a file that is no script, such as /etc/passwd or a Makefile, fields between colons, and what stands before one, are no commands.
  const isList = script !== undefined && !text.startsWith('#!');
  const words = new Set<string>();
  for (const { 0: word, index } of code.matchAll(/[\w.+/[-]+/g)) {
    const isField = code[index - 1] === ':' || code[index + word.length] === ':';
    if (!isList || !isField || word.includes('/')) words.add(word);
  }
  for (const [, name] of code.matchAll(/\$\{?\w+\}?\/([\w.+[-]+)/g)) words.add(name!);
  for (const [, name] of code.matchAll(/\$\{\w+:?[-=]["']?([\w./[][\w.+/[-]*)/g)) words.add(name!);
  for (const word of expanded(code, script)) words.add(word);
  const roots = script === undefined ? [] : foldersAbove(script);
  for (const [, rest] of code.matchAll(/\$\{?\w+\}?((?:\/[\w.+[-]+){2,})/g))
    for (const root of roots) words.add(join(root, rest!));
  const beside = (word: string) => {
    if (script === undefined || word.length > MOST_LETTERS) return undefined;
    const path = join(dirname(script), word);
    return isExecutable(path) ? path : undefined;
  };
  return [...words]
    .map((word) => inPath(word, searchPath) ?? beside(word))
    .filter((path) => path !== undefined);
}

/** The folder that a script lies in, where links lead to it, and two above: packages that can be moved find their files so. */
function foldersAbove(script: string): readonly string[] {
  try {
    const folder = dirname(realpathSync(script));
    return [folder, dirname(folder), dirname(dirname(folder))];
  } catch {
    return [];
  }
}

/** Libraries that a script has loaded before all others of what it starts (LD_PRELOAD and LD_AUDIT, ld.so(8)): all that it names, in the
 * folders that it names; by their name alone those that are in none. */
export function preloadedIn(text: string, script: string): readonly string[] {
  if (!/\bLD_(PRELOAD|AUDIT)\b/.test(text)) return [];
  const words = new Set(text.match(/[\w.+/-]+/g) ?? []);
  for (const word of expanded(text, script)) words.add(word);
  const folders = [...words].filter((word) => word.startsWith('/') && statOf(word)?.isDirectory() === true);
  const found = [...words]
    .filter((word) => /\.so(\.\d+)*$/.test(word) && word.length <= MOST_LETTERS)
    .flatMap((name) => {
      const inside = folders
        .map((folder) => join(folder, name))
        .filter((path) => statOf(path)?.isFile() === true);
      return name.startsWith('/') || inside.length === 0 ? [name] : inside;
    });
  return [...new Set(found)];
}

const VARIABLE = /\$(?:(\w+)|\{(\w+)\})/;
/** Of values of one variable, and of words that one word with variables can be. */
const MOST = 16;
const MOST_LETTERS = 200;

/** Words with variables in them, as a shell and Perl have them, for each word that the text sets these to. */
function* expanded(code: string, script: string | undefined): Generator<string> {
  const words = new Set(
    (code.match(/[\w.+/[${}-]+/g) ?? []).filter((word) => word.length <= MOST_LETTERS && VARIABLE.test(word)),
  );
  if (words.size === 0) return;
  const values = new Map<string, Set<string>>(script === undefined ? [] : [['0', new Set([script])]]);
  const set = (name: string, value: string) => {
    const known = values.get(name);
    if (known === undefined) values.set(name, new Set([value]));
    else if (known.size < MOST) known.add(value);
  };
  for (const [, name, , value] of code.matchAll(/(?<!\w)(\w+)[ \t]*=[ \t]*(["']?)([\w.+/-]+)\2/g))
    set(name!, value!);
  for (const [, name, list] of code.matchAll(/\bfor[ \t]+(\w+)[ \t]+in[ \t]([^;\n]+)/g))
    for (const value of list!.match(/[\w.+/-]+/g) ?? []) set(name!, value);
  for (const word of words) {
    let found = [word];
    while (found.some((one) => VARIABLE.test(one)))
      found = found
        .flatMap((one) => {
          const [, plain, braced] = VARIABLE.exec(one) ?? [];
          const name = plain ?? braced;
          if (name === undefined) return [one];
          return [...(values.get(name) ?? [])].map((value) => one.replace(VARIABLE, () => value));
        })
        .slice(0, MOST);
    yield* found;
  }
}

/** The programs that a word of a command line names: as a whole, or in a part of it (`--pager=less`, socat's `EXEC:cat`). */
export function programsOf(word: string, searchPath: string): readonly string[] {
  return [...new Set([word, ...word.split(/[=:,]/)])]
    .map((part) => inPath(part, searchPath))
    .filter((path) => path !== undefined);
}

/** The words of a command line that can mean something to an analysis (analyze.ts): programs, commands and texts that name programs.
 * Others are none now, and would be found here once they are. */
export function wordsThatMatter(words: readonly string[], searchPath: string): readonly string[] {
  return words.filter(
    (word) =>
      programsOf(word, searchPath).length > 0 ||
      (/[\s;|&$]/.test(word) &&
        (/\$/.test(word) || NAMES_CHOICE.test(word) || programsIn(word, searchPath).length > 0)) ||
      (/[./]/.test(word) && (isLarge(word) || namesAny(scriptText(word) ?? '', searchPath, word))),
  );
}

/** Whether a text names programs, perhaps by a variable (chosen.ts), or libraries (configuration.ts). */
function namesAny(text: string, searchPath: string, script: string): boolean {
  return (
    /\.so|include|\$/.test(text) || NAMES_CHOICE.test(text) || programsIn(text, searchPath, script).length > 0
  );
}

/** Too large to be looked through at each start. */
function isLarge(path: string): boolean {
  const stat = statOf(path);
  return stat?.isFile() === true && stat.size > 16 * 1024;
}

/** Nothing where there is no file, whatever the reason. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
