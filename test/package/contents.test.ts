// What is in the package: the same bytes every time, nothing that does not belong there, natives that load on old systems, and
// what publint and Are The Types Wrong find.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { hasCommand } from '../../bench/section.ts';
import { root } from '../kernel/stage.ts';
import { notTried } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const { tarballs } = inject('packed');
const folder = join(temporaryFolder('contents'), 'package');
const files: string[] = [];
const prebuilt = (name: string) => join(folder, 'prebuilds', `linux-${process.arch}`, name);

beforeAll(() => {
  const { status, stderr } = spawnSync('tar', ['xzf', tarballs[0], '-C', join(folder, '..')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (statSync(join(folder, name)).isFile()) files.push(name);
});

test('two packs of one tree, in two places, are the same bytes', () => {
  const [one, other] = tarballs.map((file) => readFileSync(file));
  expect(one!.equals(other!)).toBe(true);
});

test('holds what is needed and no more', () => {
  const tops = [...new Set(files.map((name) => name.split('/')[0]!))].sort();
  expect(tops).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'binding.gyp',
    'dist',
    'native',
    'package.json',
    'prebuilds',
    'presets',
    'scripts',
  ]);
  // V8's code is made where the package is installed; commands are in the bundles alone.
  expect(files.filter((name) => name.endsWith('.cache') || name.startsWith('dist/lib/cli'))).toEqual([]);
});

test('says nothing of the place where it was made', () => {
  const places = [root, join(tarballs[0], '..'), join(tarballs[1], '..')].map((place) => Buffer.from(place));
  const telling = files.filter((name) => {
    const bytes = readFileSync(join(folder, name));
    return places.some((place) => bytes.includes(place));
  });
  expect(telling).toEqual([]);
});

test('every package that its code asks for is a dependency, and each dependency is asked for', () => {
  const asked = new Set<string>();
  for (const name of files.filter((one) => /^(dist|scripts|bin)\/.*\.c?js$/.test(one))) {
    const text = readFileSync(join(folder, name), 'utf8');
    const calls = [/(?:\bfrom ?|\bimport ?|\bimport\(|\brequire\d*\()["'](@?[a-z][\w./:-]*)["']/g];
    // In bundles this is for the form as ES modules alone, which they are not.
    if (name.startsWith('dist/lib/')) calls.push(/createRequire\([^()]*\)\(["']([^"']+)["']\)/g);
    for (const call of calls)
      for (const [, found] of text.matchAll(call))
        if (!found!.startsWith('node:') && !builtinModules.includes(found!)) asked.add(found!);
  }
  // The build from source asks for it in binding.gyp.
  if (readFileSync(join(folder, 'binding.gyp'), 'utf8').includes("require('node-addon-api')"))
    asked.add('node-addon-api');
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  expect([...asked].sort()).toEqual(Object.keys(dependencies).sort());
});

test('the licences of bundled code are in it', () => {
  const text = readFileSync(join(folder, 'dist', 'LICENSES.txt'), 'utf8');
  for (const name of ['yargs', 'pino', 'lossless-json'])
    expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
});

describe('tools that look at packages', () => {
  const tool = (name: string, ...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', name), words, {
      encoding: 'utf8',
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    return { status, told: stdout + stderr };
  };

  test('publint', () => {
    expect(tool('publint', tarballs[0], '--strict')).toEqual({
      status: 0,
      told: expect.stringContaining('All good!'),
    });
  });

  test('Are The Types Wrong: nothing, as an ES module and for require() of one', () => {
    // Every Node that package.json names can require() an ES module (nodes.test.ts).
    const words = [tarballs[0], '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'];
    const { status, told } = tool('attw', ...words);
    expect(status, told).toBe(0);
    for (const how of ['from CJS', 'from ESM']) expect(told).toMatch(new RegExp(`${how}.*🟢 \\(ESM\\)`));
  });
});

describe('the prebuilt natives', () => {
  const hasBinutils = hasCommand('objdump');
  if (!hasBinutils) notTried('symbols of the prebuilt natives', 'it needs Debian package binutils');

  /** Undefined symbols of a file, each with its version. */
  const undefinedIn = (name: string): readonly (readonly [symbol: string, version: string])[] => {
    const { status, stdout } = spawnSync('objdump', ['-T', prebuilt(name)], { encoding: 'utf8' });
    expect(status).toBe(0);
    return stdout
      .split('\n')
      .filter((line) => line.includes('*UND*'))
      .map((line) => {
        const [, version = '', symbol = ''] =
          /\s[0-9a-f]{16}\s+(?:\(?([\w.]+)\)?\s+)?(\S+)$/.exec(line) ?? [];
        return [symbol, version] as const;
      });
  };
  const newerThan = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true }) > 0;

  // As old as what Node 20 itself needs: glibc 2.28 (Debian 10, RHEL 8) and the C++ library of gcc 5.
  test.runIf(hasBinutils)('the addon needs no newer libraries than Node', () => {
    const symbols = undefinedIn('sandbox_run.node');
    expect(symbols.length).toBeGreaterThan(20);
    const limits = { GLIBC_: '2.28', GLIBCXX_: '3.4.21', CXXABI_: '1.3.9' };
    for (const [symbol, version] of symbols)
      for (const [prefix, limit] of Object.entries(limits))
        if (version.startsWith(prefix))
          expect(newerThan(version.slice(prefix.length), limit), `${symbol} ${version}`).toBe(false);
  });

  test.runIf(hasBinutils)('the launcher and the library need no C library', () => {
    expect(
      undefinedIn('libsandbox.so')
        .map(([symbol]) => symbol)
        .sort(),
    ).toEqual(['dlsym', 'environ']);
    const { stdout } = spawnSync('objdump', ['-p', prebuilt('libsandbox.so')], { encoding: 'utf8' });
    expect(stdout).not.toContain('NEEDED');
    const launcher = spawnSync('objdump', ['-p', prebuilt('sandbox-launch')], { encoding: 'utf8' });
    expect(launcher.stdout).not.toMatch(/NEEDED|INTERP/);
  });

  const hasMusl = hasCommand('musl-gcc');
  if (!hasMusl) notTried('the addon under musl', 'it needs Debian package musl-tools');

  test.runIf(hasMusl && hasBinutils)(
    'musl’s loader takes the addon: what it wants of the C library is in musl',
    () => {
      // What Node and the C++ library bring is put in its place; all the rest has to come from musl.
      const others = undefinedIn('sandbox_run.node')
        .filter(([symbol, version]) => symbol.startsWith('napi_') || /^(GLIBCXX|CXXABI)_/.test(version))
        .map(([symbol]) => symbol);
      expect(others.length).toBeGreaterThan(20);
      const host = join(folder, '..', 'host.c');
      const library = join(folder, '..', 'libstdc++.so.6');
      const stubs = others.map((symbol) => `void ${symbol}(void) {}`).join('\n');
      const compile = (input: string, ...words: string[]) => {
        const made = spawnSync('musl-gcc', ['-x', 'c', '-w', '-', ...words], { encoding: 'utf8', input });
        expect(made).toMatchObject({ status: 0, stderr: '' });
      };
      compile(stubs, '-shared', '-fPIC', '-fno-builtin', '-o', library);
      compile(
        `#include <dlfcn.h>
#include <stdio.h>
int main(int n, char **words) {
  void *addon = dlopen(words[1], RTLD_NOW);
  if (!addon) return puts(dlerror()), 1;
  return dlsym(addon, "napi_register_module_v1") ? 0 : 2;
}`,
        '-o',
        host.replace(/\.c$/, ''),
      );
      const { status, stdout } = spawnSync(host.replace(/\.c$/, ''), [prebuilt('sandbox_run.node')], {
        encoding: 'utf8',
        env: { LD_LIBRARY_PATH: join(folder, '..') },
      });
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    },
  );
});
