// A file that is there whole or not at all: a reader finds the old one or the new one.

import { closeSync, fchmodSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SandboxError } from './errors.ts';

/** Throws SandboxError, also for what is there and is no regular file: a device would be replaced by one. `mode` holds whatever the umask
 * is; without it new files are as the umask has them. */
export function writeWhole(file: string, content: string | Uint8Array, mode?: number): void {
  const draft = join(dirname(file), `.sandbox-run-${crypto.randomUUID()}`);
  let isThere = false;
  try {
    if (!isReplaceable(file)) throw new Error('it is no regular file');
    const fd = openSync(draft, 'wx', mode ?? 0o666);
    isThere = true;
    try {
      writeFileSync(fd, content);
      if (mode !== undefined) fchmodSync(fd, mode);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
  } catch (error) {
    if (isThere) rmSync(draft, { force: true });
    throw new SandboxError(`cannot write ${file}: ${(error as Error).message}`, {
      advice: 'name a file in a folder that exists and can be written to',
      cause: error,
    });
  }
}

/** Whether a file can take its place: nothing is there, or a file. */
export function isReplaceable(file: string): boolean {
  return file !== '' && statSync(file, { throwIfNoEntry: false })?.isFile() !== false;
}
