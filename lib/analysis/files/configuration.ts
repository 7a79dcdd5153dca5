// Plug-ins that are named outside of the code: folders that a program's strings name and that hold libraries, and libraries
// that configuration files name. Both hold for any program; families (plugins.ts) are for what neither tells.

import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isFile } from '../../elf/search.ts';
import { type Cut, eachLibrary, isGeneral } from './folders.ts';
import { scriptText } from './programs.ts';

const MAX_LIBRARIES = 1000;
const MAX_FILES = 200;
const DEPTH = 2;

/** The libraries in a folder that a string names, and in its folders; none if it is no folder of plug-ins. What was looked at
 * goes into `seen`. */
export function librariesIn(path: string, seen: Set<string>, cut: Cut): readonly string[] {
  const folder = resolve(path);
  const isPlain =
    !folder.startsWith('/') || /^\/(proc|sys|dev|tmp|run|home|root|var\/tmp)(\/|$)/.test(folder);
  if (isPlain || isGeneral(folder) || folder.split('/').length < 4) return [];
  const found: string[] = [];
  eachLibrary(folder, DEPTH, seen, (path) => {
    if (found.length < MAX_LIBRARIES) found.push(path);
    else cut(`${folder}: more than ${MAX_LIBRARIES} libraries`);
  });
  return found;
}

/** Libraries that configuration files name, relative names from the folders that servers take them from: `roots` (of the
 * program's own strings) and the file's own. Files behind `include`, with `*` in the last part, are followed, and go into
 * `seen`. */
export function configuredLibraries(
  files: readonly string[],
  roots: readonly string[],
  seen: Set<string>,
  cut: Cut,
): readonly string[] {
  const found = new Set<string>();
  const queue = [...files];
  const done = new Set<string>();
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    if (done.has(file)) continue;
    if (done.size === MAX_FILES) {
      cut(`more than ${MAX_FILES} configuration files`);
      break;
    }
    done.add(file);
    const text = scriptText(file);
    if (text === undefined) continue;
    const bases = [dirname(resolve(file)), ...roots];
    for (const [name] of text.replace(/^\s*#.*/gm, '').matchAll(/[\w.+/-]+\.so\b/g)) {
      for (const path of name.startsWith('/') ? [name] : bases.map((base) => join(base, name))) {
        if (isFile(path)) found.add(path);
      }
    }
    for (const [, pattern] of text.matchAll(/^\s*include\s+["']?([^\s"';]+)/gm)) {
      for (const base of pattern!.startsWith('/') ? ['/'] : bases)
        queue.push(...matching(join(base, pattern!), seen));
    }
  }
  for (const file of done) if (!files.includes(file)) seen.add(file);
  return [...found];
}

/** Libraries that a word of the command line names, itself or within (`-fplugin=./x.so`, a line of a script): as paths, or as names that are
 * looked for. */
export const librariesNamed = (word: string): readonly string[] =>
  [...word.matchAll(/[\w.+/-]+\.so(\.\w+)*/g)].map(([name]) => (name.includes('/') ? resolve(name) : name));

/** What matters in such a text: what it names. */
export function configurationIn(text: string): string {
  return (text.match(/[\w.+/-]+\.so\b|^\s*include\s.*/gm) ?? []).join('\0');
}

/** Files that a pattern with `*` in its last part names. */
function matching(pattern: string, seen: Set<string>): readonly string[] {
  const last = basename(pattern);
  if (!last.includes('*')) return [pattern];
  const folder = dirname(pattern);
  const matcher = new RegExp(`^${last.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')}$`);
  seen.add(folder);
  try {
    return readdirSync(folder)
      .filter((name) => matcher.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
