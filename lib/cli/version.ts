// The package's version, for --version and for what says who made it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../native.ts';

/** The package's version. */
export function version(): string {
  const file = join(packageRoot(), 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
