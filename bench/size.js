// `npm run size`: how large the package is, packed and installed, and what it brings along. The dependencies come from npm's cache,
// or from the registry. Prints a table for the README.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-size-'));
try {
  npm(root, 'pack', '--silent', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`);
  const modules = join(folder, 'node_modules');
  const names = Object.keys(
    JSON.parse(npm(folder, 'ls', '--all', '--json')).dependencies['sandbox-run'].dependencies,
  );
  const all = npm(folder, 'ls', '--all', '--parseable').trim().split('\n').length - 2;
  const rows = [
    ['tarball', statSync(join(folder, tarball)).size],
    [
      'installed, without dependencies',
      bytes(join(modules, 'sandbox-run'), (name) => !name.endsWith('.cache')),
    ],
    [
      "V8's code, made for the Node that installs",
      bytes(join(modules, 'sandbox-run'), (name) => name.endsWith('.cache')),
    ],
    ...names.map((name) => [name, bytes(join(modules, name))]),
    ['all of node_modules', bytes(modules)],
  ];
  console.log('| what | bytes |\n| --- | --: |');
  for (const [what, size] of rows) console.log(`| ${what} | ${size.toLocaleString('en')} |`);
  console.log(`\n${names.length} dependencies, ${all - names.length} of their own`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Of all files below a folder that the names are right of. */
function bytes(place, isMeant = () => true) {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && isMeant(one.name))
    .reduce((sum, one) => sum + statSync(join(one.parentPath ?? one.path, one.name)).size, 0);
}

function npm(cwd, ...words) {
  const { status, stdout, stderr } = spawnSync('npm', words, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${words.join(' ')}: ${stderr}`);
  return stdout;
}
