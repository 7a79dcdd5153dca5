// Libraries from users' own folders: what variables of the environment, virtual environments, scripts and Node's packages bring.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addonsFor } from '../../lib/analysis/files/addons.ts';
import { eachLibrary } from '../../lib/analysis/files/folders.ts';
import {
  foldersOf,
  isLibraryVariable,
  librariesBeside,
  librariesOf,
  libraryVariables,
  placed,
  withLibraries,
} from '../../lib/analysis/files/user-folders.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder('user-folders');

/** Makes a file, with its folders; its path. */
function file(path: string): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, '');
  return whole;
}

describe('variables that name folders of libraries', () => {
  test.each([
    'PYTHONPATH',
    'PERL5LIB',
    'RUBYLIB',
    'QT_PLUGIN_PATH',
    'GST_PLUGIN_PATH_1_0',
    'OPENSSL_MODULES',
    'GCONV_PATH',
    'R_LIBS_USER',
    'LUA_CPATH',
  ])('%s does', (name) => expect(isLibraryVariable(name)).toBe(true));
  test.each([
    'PATH',
    'MANPATH',
    'HOME',
    'TMPDIR',
    'XDG_RUNTIME_DIR',
    'LANG',
    'NVM_CACHE_DIR',
    'LD_LIBRARY_PATH',
  ])('%s does not', (name) => expect(isLibraryVariable(name)).toBe(false));

  test('those that are set to folders', () => {
    const set = {
      RUBYLIB: '/etc:/nowhere',
      PERL5LIB: '.',
      PYTHONPATH: 'none',
      QT_PLUGIN_PATH: undefined,
      LUA_CPATH: '/etc/?.so;;',
      GCONV_PATH: '/usr/lib',
    };
    expect(libraryVariables(set)).toEqual([
      ['LUA_CPATH', ['/etc']],
      ['PERL5LIB', [process.cwd()]],
      ['RUBYLIB', ['/etc']],
    ]);
  });

  test('all libraries in and below the folders, and in those of a pattern', () => {
    const found = [
      file('variable/a/one.so'),
      file('variable/a/deep/er/two.so.1'),
      file('variable/b/three.so'),
    ];
    file('variable/a/text.py');
    const seen = new Set<string>();
    const value = `${folder}/variable/a:relative:${folder}/nowhere;${folder}/variable/b/?.so`;
    expect([...librariesOf('X', value, seen, () => expect.fail())].sort()).toEqual(found.sort());
    expect(seen).toContain(join(folder, 'variable/a/deep'));
  });

  test('more than are taken are said', () => {
    for (let index = 0; index < 4001; index++)
      mkdirSync(join(folder, 'many', `${index}`), { recursive: true });
    const cut: string[] = [];
    librariesOf('X', join(folder, 'many'), new Set(), (what) => cut.push(what));
    expect(cut).toEqual([expect.stringMatching(/X: more than 4000 folders/)]);
  });
});

test('a folder, and a place where one may come to be, are among those that were looked at; a file is not', () => {
  const seen = new Set<string>();
  for (const path of [file('data/large.db'), join(folder, 'data/none'), join(folder, 'data')])
    eachLibrary(path, 1, seen, () => expect.fail());
  expect(seen).toEqual(new Set([join(folder, 'data/none'), join(folder, 'data')]));
});

test('patterns of families for the places of a start', () => {
  const places = { programs: ['/env/bin', '/usr/bin'], home: '/home/one' };
  expect(placed('@/../lib', places)).toEqual(['/env/bin/../lib', '/usr/bin/../lib']);
  expect(placed('~/lib', places)).toEqual(['/home/one/lib']);
  expect(placed('~/lib', { ...places, home: undefined })).toEqual([]);
  expect(placed('/usr/lib/~', places)).toEqual(['/usr/lib/~']);
});

test('what stands beside a script, links followed', () => {
  const script = file('script/run.py');
  const found = [file('script/one.so'), file('script/package/two.so')];
  file('script/package/deep/three.so');
  symlinkSync(script, join(folder, 'link.py'));
  const folders = foldersOf([join(folder, 'link.py'), '-c', 'import x', '/nowhere/at/all']);
  expect(folders).toEqual([join(folder, 'script')]);
  expect([...librariesBeside(folders[0]!, new Set())].sort()).toEqual(found.sort());
  expect(withLibraries(folders)).toEqual(folders);
  expect(withLibraries([join(folder, 'many', '0')])).toEqual([]);
  // The system's own libraries are beside nobody's script.
  expect(
    librariesBeside('/usr/lib', new Set()).filter((one) => dirname(one) === '/usr/lib/x86_64-linux-gnu'),
  ).toEqual([]);
});

test('Node’s addons, where packages have them', () => {
  const found = [
    'app/node_modules/gyp/build/Release/gyp.node',
    'app/node_modules/prebuilt/prebuilds/linux-x64/prebuilt.glibc.node',
    'app/node_modules/@scope/napi-linux-x64-gnu/napi.node',
    'app/node_modules/@img/sharp-linux-x64/lib/sharp.node',
    'app/node_modules/binding/lib/binding/napi-v8/binding.node',
    'app/node_modules/outer/node_modules/inner/build/Release/inner.node',
    'app/node_modules/.pnpm/x@1.0.0/node_modules/x/build/Release/x.node',
    'app/own.node',
    'node_modules/above/above.node',
  ].map(file);
  file('app/package.json');
  // As npm links the packages of a workspace.
  symlinkSync(join(folder, 'app'), join(folder, 'app/node_modules/itself'));
  file('app/node_modules/gyp/index.js');
  const seen = new Set<string>();
  expect([...addonsFor(join(folder, 'app', 'src'), seen)].sort()).toEqual(found.sort());
  for (const one of ['app/node_modules', 'app/node_modules/gyp', 'app/node_modules/gyp/build/Release'])
    expect(seen, one).toContain(join(folder, one));
  expect(withLibraries([join(folder, 'app', 'src')])).toEqual([join(folder, 'app', 'src')]);
});
