// Writes native/core/tables/*.h; see native-tables.ts, which it bundles because Node 20 does not read TypeScript.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(root, 'dist', 'native-tables.mjs');
await build({
  entryPoints: [join(root, 'scripts', 'native-tables.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'node',
});
const { nativeTables, renderTable } = await import(pathToFileURL(bundle).href);
rmSync(bundle);
const folder = join(root, 'native', 'core', 'tables');
mkdirSync(folder, { recursive: true });
for (const [name, abi] of Object.entries(nativeTables)) writeFileSync(join(folder, name), renderTable(abi));
