// The faces whose filter begins later than exec.

import type { Face } from './face.ts';
import { stagedCommand } from './stage.ts';

/** `more`: further options of the command. */
export const at = (place: 'exec' | 'entry' | 'main', ...more: string[]): Face => ({
  name: `sandbox-run --at ${place}`,
  hasNode: true,
  command: (policyFile, words) => [
    process.execPath,
    stagedCommand(),
    '--at',
    place,
    ...more,
    '--policy',
    policyFile,
    '--',
    ...words,
  ],
});
