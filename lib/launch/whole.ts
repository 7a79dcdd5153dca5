// A file that is there whole or not at all: a reader finds the old one or the new one.

import { chmodSync, closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { SandboxError } from '../errors.ts';

/** Throws SandboxError. `mode` holds whatever the umask is; without it new files are as the umask has them. */
export function writeWhole(file: string, content: string | Uint8Array, mode?: number): void {
  const partial = `${file}.${process.pid}`;
  let isOurs = false;
  try {
    closeSync(openSync(partial, 'wx', mode));
    isOurs = true;
    writeFileSync(partial, content);
    if (mode !== undefined) chmodSync(partial, mode);
    renameSync(partial, file);
  } catch (error) {
    if (isOurs) rmSync(partial, { force: true });
    throw new SandboxError(`cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}
