// A packed launcher as a file, for `pack` and `shim`.

import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { SandboxError } from '../errors.ts';
import { nativeFile } from '../native.ts';
import { packLauncher } from './pack.ts';
import type { Payload } from './payload.ts';

/** Writes it whole or not at all: a half-written launcher must not lie where somebody starts it. Throws SandboxError. */
export function writeLauncher(file: string, payload: Payload): void {
  const bytes = packLauncher(emptyLauncher(), payload);
  const partial = `${file}.${process.pid}`;
  try {
    writeFileSync(partial, bytes, { mode: 0o755, flag: 'wx' });
    chmodSync(partial, 0o755);
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw new SandboxError(`cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function emptyLauncher(): Uint8Array {
  try {
    return readFileSync(nativeFile('sandbox-launch'));
  } catch (error) {
    throw new SandboxError((error as Error).message, { cause: error });
  }
}
