// Programs that a package has for itself, in a folder of its own (libexec of the GNU coding standards, /usr/lib/PACKAGE of others). Whoever
// executes them puts the folder and a name together while it runs (`%s/%s`, git's `git-remote-` and a protocol), so that in the code only
// the folder stands as a whole.

import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { EM_X86_64, isElf } from '../../elf/file.ts';
import { entriesOf } from './folders.ts';
import { headOf, isExecutable } from './programs.ts';

/** A folder that holds one package's own programs: `/usr/lib/git-core`, `/opt/x/libexec/y`. */
const OWN_FOLDER = /^(\/[\w.+-]+)*\/lib(exec|64)?(\/[\w.+-]+)+\/?$/;
/** Libraries of all packages. */
const SHARED_FOLDER = /\/(lib(exec|64)?|\w+-linux-\w+)\/?$/;
const DEPTH = 3;
/** A folder with more is none of one program. */
const MOST_HELPERS = 32;
const MOST_ENTRIES = 2000;

/** The x86-64 ELF programs in a folder of a package's own, and in those below: where a program that executes others names such a folder,
 * it makes the others' paths with it. Undefined: they are too many. What was looked at goes into `seen`. */
export function helpersIn(folder: string, seen: Set<string>): readonly string[] | undefined {
  if (!OWN_FOLDER.test(folder) || SHARED_FOLDER.test(folder)) return [];
  const found = new Set<string>();
  let entries = 0;
  const look = (at: string, depth: number): void => {
    if (found.size > MOST_HELPERS || entries > MOST_ENTRIES) return;
    for (const entry of entriesOf(at)) {
      entries++;
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (depth > 1) look(path, depth - 1);
      } else if (!/\.so(\.|$)/.test(entry.name) && isNative(path)) found.add(realpathSync(path));
    }
    seen.add(at);
  };
  look(folder, DEPTH);
  return found.size > MOST_HELPERS || entries > MOST_ENTRIES ? undefined : [...found];
}

function isNative(path: string): boolean {
  if (!isExecutable(path)) return false;
  try {
    const head = headOf(path);
    return head.length >= 20 && isElf(head) && head[4] === 2 && head.readUInt16LE(18) === EM_X86_64;
  } catch {
    // It cannot be read, and so cannot be analysed either.
    return false;
  }
}
