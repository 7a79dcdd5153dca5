// Native addons of Node's packages (`*.node`): from the folders node_modules beside a script and above it, in the places of a package where
// node-gyp, cmake-js, prebuildify, node-pre-gyp and napi-rs put them.

import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entriesOf } from './folders.ts';

/** Who exports this loads them. */
export const ADDONS = 'napi_module_register';

/** Where a package has them, beside its own folder; a `*` at the end is any folder. */
const PLACES = [
  'build/Release',
  'build/Debug',
  'build',
  'prebuilds/*',
  'lib',
  'lib/binding',
  'lib/*',
  'lib/binding/*',
  'native',
  'dist',
];
/** A package that has one of these can come to have an addon. */
const BUILT = ['binding.gyp', 'CMakeLists.txt', 'Cargo.toml', 'build', 'prebuilds'];
const MAX_PACKAGES = 20_000;

/** The addons of all packages that a script in a folder can require, and of its own. What was looked at goes into `seen`. */
export function addonsFor(folder: string, seen: Set<string>): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  let packages = 0;

  // Packages of one workspace are linked to each other.
  const isDone = (path: string): boolean => {
    const real = realOf(path);
    const isKnown = real === undefined || done.has(real);
    if (real !== undefined) done.add(real);
    return isKnown;
  };
  const addons = (path: string): void => {
    for (const { name } of entriesOf(path)) {
      if (!name.endsWith('.node')) continue;
      seen.add(path);
      found.push(join(path, name));
    }
  };
  const packageAt = (path: string, names: ReadonlySet<string>): void => {
    if (isDone(path)) return;
    if (BUILT.some((name) => names.has(name))) seen.add(path);
    addons(path);
    for (const place of PLACES) {
      if (!names.has(place.split('/')[0]!)) continue;
      if (!place.endsWith('/*')) addons(join(path, place));
      else
        for (const { name } of entriesOf(join(path, place.slice(0, -2))))
          addons(join(path, place.slice(0, -1), name));
    }
  };
  const modulesAt = (path: string): void => {
    seen.add(path);
    if (isDone(path)) return;
    for (const { name } of entriesOf(path)) {
      if (packages++ >= MAX_PACKAGES) return;
      const inside = join(path, name);
      if (name.startsWith('@')) modulesAt(inside);
      // pnpm keeps each version of a package so, with links to them.
      else if (name === '.pnpm')
        for (const one of entriesOf(inside)) modulesAt(join(inside, one.name, 'node_modules'));
      else if (!name.startsWith('.')) {
        const names = namesIn(inside);
        packageAt(inside, names);
        if (names.has('node_modules')) modulesAt(join(inside, 'node_modules'));
      }
    }
  };

  for (let at = folder; ; at = dirname(at)) {
    const names = namesIn(at);
    if (names.has('package.json')) packageAt(at, names);
    if (names.has('node_modules')) modulesAt(join(at, 'node_modules'));
    else seen.add(at);
    if (at === dirname(at)) return found;
  }
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

const namesIn = (folder: string): ReadonlySet<string> => new Set(entriesOf(folder).map(({ name }) => name));
