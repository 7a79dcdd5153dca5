// Folders for one test file, gone when its process ends, however it ends but by a kill.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A new empty folder under the system's temporary one; its path begins with `sandbox-run-NAME-`. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sandbox-run-${name}-`));
  made.push(folder);
  return folder;
}
