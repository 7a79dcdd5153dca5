// Before the package's tests: the tree packed twice, from two copies in folders of different names and depth, and a cache of npm's
// that holds the dependencies and nothing else, from which all installs are made offline.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    packed: {
      /** Both tarballs, made of the same tree. */
      readonly tarballs: readonly [string, string];
      /** npm's cache with the dependencies. */
      readonly cache: string;
      readonly registry: string;
    };
  }
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export default function setup({ provide }: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-packed-'));
  chmodSync(folder, 0o755);
  // Both copies first: somebody may be at work in the tree.
  const places = [join(folder, 'a'), join(folder, 'some', 'deeper', 'place')] as const;
  places.forEach(copyTo);
  const tarballs = [pack(places[0]), pack(places[1])] as const;
  const cache = join(folder, 'cache');
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, version] of Object.entries(dependencies))
    npm(root, 'cache', 'add', '--prefer-offline', `${name}@${version}`, '--cache', cache);
  const registry = npm(root, 'config', 'get', 'registry').trim();
  provide('packed', { tarballs, cache, registry });
  return () => rmSync(folder, { recursive: true, force: true });
}

/** Copies what git knows of the checkout. */
function copyTo(place: string): void {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  for (const name of listed.stdout.split('\0').filter((one) => one !== '')) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    try {
      copyFileSync(join(root, name), join(place, name));
    } catch (error) {
      // Removed in the tree and not yet in the index.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
}

/** Path of the tarball. */
function pack(place: string): string {
  npm(place, 'pack');
  const name = readdirSync(place).find((one) => one.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack left no tarball');
  return join(place, name);
}

function npm(cwd: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', [...words], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${words.join(' ')}: ${stderr}`);
  return stdout;
}
