// Writes the manual pages in dist/man (lib/cli/manual): sandbox-run.1 from the option table and the commands, sandbox-run-policy.5
// from docs/policy-language.md. Their date is that of the version in the changelog, so that the same tree gives the same pages.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} folder where man/ comes to be @returns {Promise<void>} */
export async function writeManual(folder) {
  const bundle = join(folder, 'manual.mjs');
  await build({
    stdin: {
      contents: `export { manualPage } from './manual/command.ts'; export { languagePage } from './manual/language.ts';
export { commands } from './commands/index.ts';`,
      resolveDir: join(root, 'lib', 'cli'),
    },
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
  });
  const { commands, languagePage, manualPage } = await import(pathToFileURL(bundle).href);
  rmSync(bundle);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const changes = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  const heading = new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - (\\d{4}-\\d\\d-\\d\\d)$`, 'm');
  const date = heading.exec(changes)?.[1];
  if (date === undefined) throw new Error(`CHANGELOG.md has no date for version ${version}`);
  mkdirSync(join(folder, 'man'), { recursive: true });
  writeFileSync(join(folder, 'man', 'sandbox-run.1'), manualPage(commands, { version, date }));
  const language = readFileSync(join(root, 'docs', 'policy-language.md'), 'utf8');
  writeFileSync(join(folder, 'man', 'sandbox-run-policy.5'), languagePage(language, { version, date }));
}
