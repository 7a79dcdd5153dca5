// A packed launcher as a file, for `pack` and `shim`.

import { readFileSync } from 'node:fs';
import { SandboxError } from '../errors.ts';
import { nativeFile } from '../native.ts';
import { writeWhole } from '../whole.ts';
import { packLauncher } from './pack.ts';
import type { Payload } from './payload.ts';

/** Writes it whole or not at all: a half-written launcher must not lie where somebody starts it. Throws SandboxError. */
export function writeLauncher(file: string, payload: Payload): void {
  writeWhole(file, packLauncher(emptyLauncher(), payload), 0o755);
}

function emptyLauncher(): Uint8Array {
  try {
    return readFileSync(nativeFile('sandbox-launch'));
  } catch (error) {
    throw new SandboxError((error as Error).message, { cause: error });
  }
}
