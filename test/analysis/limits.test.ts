// What is left out because there is too much of it is said.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configuredLibraries } from '../../lib/analysis/files/configuration.ts';
import { familyFiles } from '../../lib/analysis/files/plugins.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = temporaryFolder('limits');
const made = (name: string, count: number, file: (index: number) => [name: string, text: string]) => {
  const path = join(folder, name);
  mkdirSync(path);
  for (let index = 0; index < count; index++) {
    const [name, text] = file(index);
    writeFileSync(join(path, name), text);
  }
  return path;
};

test.each([
  [5000, []],
  [5001, [/more than 5000 libraries/]],
])('a family of %d plug-ins', (count, said) => {
  const path = made(`plugins${count}`, count, (index) => [`${index}.so`, '']);
  const cut = new Set<string>();
  const files = familyFiles(`${path}/**`, '/', new Set(), (what) => cut.add(what));
  expect(files.length).toBe(5000);
  expect([...cut]).toEqual(said.map((one) => expect.stringMatching(one)));
});

test.each([
  [199, []],
  [200, [/more than 200 configuration files/]],
])('a configuration that includes %d files', (count, said) => {
  const path = made(`configuration${count}`, count, (index) => [`${index}.conf`, 'load none.so;\n']);
  const first = join(folder, `${count}.conf`);
  writeFileSync(first, `include ${path}/*.conf;\n`);
  const cut: string[] = [];
  configuredLibraries([first], [], new Set(), (what) => cut.push(what));
  expect(cut).toEqual(said.map((one) => expect.stringMatching(one)));
});

test('folders in folders are all looked into', () => {
  const path = join(folder, ...Array.from({ length: 30 }, (_, depth) => `d${depth}`));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'deep.so'), '');
  expect(familyFiles(`${join(folder, 'd0')}/**`, '/', new Set(), () => {})).toEqual([join(path, 'deep.so')]);
});
