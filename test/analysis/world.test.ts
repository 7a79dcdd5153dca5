// Libraries of a program: found where the loader finds them, by DT_RPATH of those that they are loaded for, too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addProgram, newWorld } from '../../lib/analysis/files/world.ts';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

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

test('a library that LD_AUDIT names, with what the loader calls in it', () => {
  const call =
    'static long call(long n) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory"); return r; }';
  const auditor = compile(
    'auditor.so',
    `#define _GNU_SOURCE\n#include <link.h>\n${call} unsigned la_version(unsigned v) { call(110); return LAV_CURRENT; }
     unsigned la_objopen(struct link_map *m, Lmid_t n, uintptr_t *c) { call(111); return 0; } unsigned la_objclose(uintptr_t *c) { call(102); return 0; }`,
    '-shared',
    '-fPIC',
  );
  const file = compile('audited', 'int main(void) { return 0; }');
  const environment = { PATH: '/usr/bin:/bin', LD_AUDIT: auditor };
  const analysis = analysisOf(file, { environment });
  const { status, signal } = spawnSync(file, [], { sandbox: policyOfAnalysis(analysis), env: environment });
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  for (const name of ['getppid', 'getpgrp', 'getuid']) expect(analysis.calls.has(name), name).toBe(true);
  expect(analysisOf(file).calls.has('getpgrp')).toBe(false);
});
