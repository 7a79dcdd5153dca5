// Folders with libraries in them.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Is told what is left out because there is too much of it. */
export type Cut = (what: string) => void;

/** What is in a folder; nothing if it is none, or cannot be read. It goes into `seen`, and so does a place where there is nothing yet:
 * only a file there is no folder. */
export function entriesOf(
  folder: string,
  seen?: Set<string>,
): readonly { name: string; isDirectory(): boolean }[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    seen?.add(folder);
    return entries;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') seen?.add(folder);
    return [];
  }
}

const general = new Set(
  ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib', '/usr/local', '/usr', '/opt', '/'].flatMap(
    (folder) => [folder, `${folder}/x86_64-linux-gnu`, `${folder}/lib`],
  ),
);

/** Whether it holds libraries that programs are linked with. That such a folder is named says nothing. */
export const isGeneral = (folder: string): boolean => general.has(folder);

/** By its name: `x.so`, `x.so.1.2`. */
export const isLibrary = (name: string): boolean => /\.so(\.[\d.]+)?$/.test(name);

/** Calls `found` for each library in a folder and, that deep, in the folders below. What was looked at goes into `seen`. */
export function eachLibrary(
  folder: string,
  depth: number,
  seen: Set<string>,
  found: (path: string) => void,
): void {
  for (const entry of entriesOf(folder, seen)) {
    const path = join(folder, entry.name);
    if (isLibrary(entry.name)) found(path);
    else if (depth > 0 && entry.isDirectory()) eachLibrary(path, depth - 1, seen, found);
  }
}
