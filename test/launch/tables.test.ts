// The tables of the faces without Node are those of lib/linux: written by a script, never by hand.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nativeTables, renderTable } from '../../scripts/native-tables.ts';

test.each(Object.entries(nativeTables))('native/core/tables/%s is up to date', (name, abi) => {
  const path = join(import.meta.dirname, '..', '..', 'native', 'core', 'tables', name);
  // Otherwise: npm run tables.
  expect(readFileSync(path, 'utf8')).toBe(renderTable(abi));
});
