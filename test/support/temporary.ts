// Folders for one test file, removed when its tests have ended.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];

afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A new empty folder under the system's temporary one; its path begins with `sandbox-run-NAME-`. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sandbox-run-${name}-`));
  made.push(folder);
  return folder;
}
