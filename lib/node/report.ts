// What a launcher reports: nothing, by closing its end at exec, or why there is no program (native/launcher.c, struct sr_report).

import { readSync } from 'node:fs';
import { LaunchError } from '../errors.ts';
import type { Addon } from '../native.ts';

/** Positive: why the program could not be executed, as execvp would have said it. A LaunchError: there is no filter, and so no program.
 * undefined: it runs. */
export type Outcome = number | LaunchError | undefined;

const HEAD = 8;

/** Waits until the launcher has become the program or has ended, as uv_spawn waits for exec; closes the descriptor. */
export function readReport(addon: Addon, descriptor: number): Outcome {
  const bytes = readAll(addon, descriptor);
  if (bytes.length < HEAD) return undefined;
  const error = bytes.readUInt32LE(4);
  if (error !== 0) return error;
  const [what = '', advice = ''] = bytes
    .subarray(HEAD)
    .toString()
    .replace(/^sandbox-run: /, '')
    .split('\n');
  return new LaunchError(what, 125, { advice: advice.trim() });
}

function readAll(addon: Addon, descriptor: number): Buffer {
  const pieces: Buffer[] = [];
  const room = Buffer.alloc(1024);
  try {
    for (;;) {
      const length = readSync(descriptor, room);
      if (length === 0) return Buffer.concat(pieces);
      pieces.push(Buffer.from(room.subarray(0, length)));
    }
  } finally {
    addon.closeDescriptor(descriptor);
  }
}
