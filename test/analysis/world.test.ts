// Libraries of a program: found where the loader finds them, by DT_RPATH of those that they are loaded for, too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addProgram, newWorld } from '../../lib/analysis/files/world.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder('world');
mkdirSync(join(folder, 'deep', 'er'), { recursive: true });

function compile(name: string, source: string, ...options: string[]): string {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-o', file, `${file}.c`, '-Wl,--no-as-needed', ...options]);
  return file;
}
const library = (name: string, ...options: string[]) =>
  compile(name, '', '-shared', '-fPIC', `-Wl,-soname,${name.slice(name.lastIndexOf('/') + 1)}`, ...options);

const last = library('deep/er/libsandboxlast.so');
const middle = library('deep/libsandboxmiddle.so', last);
const program = (name: string, ...options: string[]) =>
  compile(name, 'int main(void) { return 0; }', middle, `-Wl,-rpath-link,${folder}/deep/er`, ...options);
const rpath = '-Wl,-rpath,$ORIGIN/deep:$ORIGIN/deep/er';

test.each([
  ['DT_RPATH is its libraries’, too', [rpath, '-Wl,--disable-new-dtags']],
  ['DT_RUNPATH is its own', [rpath, '-Wl,--enable-new-dtags']],
])('%s', (_, options) => {
  const file = program('program', ...options);
  const said = execFileSync('ldd', [file], { encoding: 'utf8' });
  const loaded = [...said.matchAll(/(libsandbox\w+\.so) => (\/\S+)/g)].map(([, name]) => name!);
  const world = newWorld({});
  addProgram(world, file);
  const found = world.modules
    .map((one) => one.path.slice(one.path.lastIndexOf('/') + 1))
    .filter((name) => name.startsWith('libsandbox'));
  expect(found.sort()).toEqual(loaded.sort());
  expect(loaded.length + world.missing.length).toBe(2);
});

test('a library that only the program finds, and another one of its libraries needs, too', () => {
  const file = program('both', last, rpath, '-Wl,--enable-new-dtags');
  execFileSync(file);
  const world = newWorld({});
  addProgram(world, file);
  expect(world.missing).toEqual([]);
});

test('$ORIGIN in the name of a library, as builds of Python that can be moved have it', () => {
  const named = 'deep/libsandboxnamed.so';
  const path = compile(named, '', '-shared', '-fPIC', `-Wl,-soname,$ORIGIN/../${named}`);
  mkdirSync(join(folder, 'bin'));
  const file = compile('bin/named', 'int main(void) { return 0; }', path);
  execFileSync(file);
  const world = newWorld({});
  addProgram(world, file);
  expect(world.missing).toEqual([]);
  expect(world.modules.map((one) => one.path)).toContain(path);
});

test('a folder of LD_LIBRARY_PATH that is a file', () => {
  const world = newWorld({ LD_LIBRARY_PATH: '/etc/passwd' });
  addProgram(world, '/bin/true');
  expect(world.missing).toEqual([]);
});
