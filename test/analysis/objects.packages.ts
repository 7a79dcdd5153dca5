// The shipped table of objects against the packages that it came from, as this machine's mirrors have them now: each release's
// C library with its debug files, and the analysis of a program that is linked to it, without and with them.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownHandle } from '../../lib/analysis/code/crtstuff.ts';
import { knownObjects } from '../../lib/analysis/code/data/known-objects.ts';
import { parseKnownObjects } from '../../lib/analysis/code/known-objects.ts';
import { readCode } from '../../lib/analysis/code/read.ts';
import { buildId } from '../../lib/elf/file.ts';
import { fetchPackages } from '../../scripts/debian-packages.ts';
import { addPackages, describeFolder, renderKnownObjects } from '../../scripts/known-objects.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { byDebugFile, type Pair, pairsIn } from './pairs.ts';
import { analysisOf } from './programs.ts';

const table = parseKnownObjects(knownObjects);
const ids = new Set(table.flatMap((one) => one.files).map((one) => one.buildId));
const work = temporaryFolder('releases');

test('every C library of the mirrors that the table knows', () => {
  const tried: string[] = [];
  const newer: string[] = [];
  fetchPackages('libc6', 'libc6-dbg', (folder, title) => {
    const debugFolder = join(folder, 'usr/lib/debug');
    const pairs = pairsIn(folder, debugFolder);
    const found = describeFolder(folder, title);
    if (!found.files.every((one) => ids.has(one.buildId))) {
      newer.push(title);
      return;
    }
    tried.push(title);
    // It says just what a table would that is made of them now.
    expect(renderKnownObjects(addPackages(table, [found])), title).toBe(knownObjects);
    // Its debug files are not where they are looked for: the pieces come from the table, or would be the same without.
    for (const pair of pairs) {
      const code = readCode(pair.elf);
      // Older compilers give the handle no size.
      expect(code.pieces, pair.elf.file).toEqual(byDebugFile(pair, ownHandle(code)));
    }
    expect(pairs.filter(({ elf }) => ids.has(buildId(elf) ?? '')).length, title).toBe(found.files.length);
    compareAnalyses(title, pairs, debugFolder);
  });
  for (const title of newer) console.warn(`${title} is newer than the table: npm run objects adds it`);
  console.log(`tried: ${tried.join('; ')}`);
  // Mirrors keep older releases for years. None of them left means that the table is of no use any more.
  expect(tried.length, `of ${newer.join(', ')} none is in the table: npm run objects`).toBeGreaterThan(0);
});

/** A program that uses a release's own C library and loader, analysed without their debug files and with them beside. (A release
 * whose debug files are installed on this machine has them both times; known-objects.test.ts hides those.) */
function compareAnalyses(title: string, pairs: readonly Pair[], debugFolder: string): void {
  const folder = join(work, title.replaceAll(' ', '-'));
  mkdirSync(join(folder, '.debug'), { recursive: true });
  const names = { libc: 'libc.so.6', loader: 'ld-linux-x86-64.so.2' };
  const own = {
    libc: pairs.find(({ elf }) => /\/libc[-.]/.test(elf.file))!,
    loader: pairs.find(({ elf }) => /\/ld-/.test(elf.file))!,
  };
  for (const key of ['libc', 'loader'] as const) copyFileSync(own[key].elf.file, join(folder, names[key]));
  const program = join(folder, 'x');
  writeFileSync(
    `${program}.c`,
    'int puts(const char *); void exit(int); void _start(void) { puts("x"); exit(0); }',
  );
  execFileSync('gcc', [
    ...['-nostdlib', '-o', program, `${program}.c`],
    `-Wl,-rpath,${folder},--dynamic-linker=${join(folder, names.loader)}`,
    ...[join(folder, names.libc), join(folder, names.loader)],
  ]);
  const ask = () => {
    const { calls, notices } = analysisOf(program);
    expect(notices.join('\n')).not.toContain('end is not known');
    return [...calls.keys()].sort();
  };
  const without = ask();
  for (const { elf } of Object.values(own)) {
    const id = buildId(elf)!;
    const name = `${id.slice(2)}.debug`;
    copyFileSync(join(debugFolder, '.build-id', id.slice(0, 2), name), join(folder, '.debug', name));
  }
  expect(ask(), title).toEqual(without);
  expect(without.length, title).toBeGreaterThan(20);
  console.log(`${title}: ${without.length} calls`);
}
