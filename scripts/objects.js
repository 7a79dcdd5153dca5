// Adds to lib/analysis/code/data/known-objects.ts what known-objects.ts finds in the C library's packages of every Debian release that the
// machine's mirror has: `npm run objects`. Of another distribution or library: unpack its package and the one of its debug files
// into one folder, and `npm run objects -- FOLDER 'DISTRIBUTION PACKAGE VERSION ARCHITECTURE'`. What the table has already
// stays, so that the same packages give the same table.

import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const table = join(root, 'lib', 'analysis', 'code', 'data', 'known-objects.ts');

// Bundled because Node 20 does not read TypeScript.
const bundle = join(root, 'dist', 'known-objects.mjs');
await build({
  stdin: {
    contents: `export * from './scripts/known-objects.ts'; export * from './scripts/debian-packages.ts';
export * from './lib/analysis/code/known-objects.ts';
export { knownObjects as text } from './lib/analysis/code/data/known-objects.ts';`,
    resolveDir: root,
  },
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'node',
  external: ['iced-x86'],
});
const { addPackages, describeFolder, fetchPackages, parseKnownObjects, renderModule, text } = await import(
  pathToFileURL(bundle).href
);
rmSync(bundle);

const [, , folder, title] = argv;
let known = parseKnownObjects(text);
const add = (place, name) => {
  const found = describeFolder(place, name);
  const before = known.flatMap((one) => one.files).length;
  known = addPackages(known, [found]);
  const added = known.flatMap((one) => one.files).length - before;
  console.log(`${found.title}: ${found.files.length} files, ${added} of them new`);
};
if (folder === undefined) fetchPackages('libc6', 'libc6-dbg', add);
else if (title === undefined) throw new Error("say what is in the folder: 'DISTRIBUTION PACKAGE VERSION'");
else add(folder, title);
writeFileSync(table, renderModule(known));
