// The table of where objects end stands in for debug files: exactly, for the very files that it was made from, and not at all
// for any other. Tried with this machine's C library, whichever it is; test/suites/objects.config.ts tries all that the
// mirrors have. Debian: libc6-dbg.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { knownObjects as shipped } from '../../lib/analysis/code/data/known-objects.ts';
import { type KnownPackage, knownObjects, parseKnownObjects } from '../../lib/analysis/code/known-objects.ts';
import { readCode } from '../../lib/analysis/code/read.ts';
import { regionsOf } from '../../lib/analysis/code/regions.ts';
import { hash } from '../../lib/analysis/states.ts';
import { buildId, parseElf } from '../../lib/elf/file.ts';
import { addPackages, describe as describeFile, renderKnownObjects } from '../../scripts/known-objects.ts';
import { notTried } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { byDebugFile, byTable, pairsIn } from './pairs.ts';
import { analysisOf } from './programs.ts';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
const LIBC = join(LIBRARIES, 'libc.so.6');
const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = temporaryFolder('objects');

const table = parseKnownObjects(shipped);
const isKnown = (id: string | undefined, packages = table) =>
  packages.some(({ files }) => files.some((one) => one.buildId === id));
const libc = parseElf({ file: LIBC, bytes: readFileSync(LIBC) });

const pairs = pairsIn(LIBRARIES, '/usr/lib/debug');
const hasDebugFiles = pairs.some(({ elf }) => elf.file === LIBC);
if (!hasDebugFiles) notTried('the table of objects against debug files', 'Debian package libc6-dbg');
const isShipped = isKnown(buildId(libc));
const UNKNOWN = `the C library of this machine (build id ${buildId(libc)}) is newer than the table: npm run objects adds it`;
if (!isShipped) notTried('the table that is shipped, with the programs of this machine', UNKNOWN);

describe.skipIf(!hasDebugFiles)('pieces by the table are those by the debug file', () => {
  test('of each library here, by a table that is made of it now', () => {
    const files = pairs.flatMap(({ elf, debug }) => {
      const found = describeFile(elf, debug);
      return found === undefined ? [] : [{ ...found, name: 'x' }];
    });
    const made = renderKnownObjects(addPackages([], [{ title: 'here', files }]));
    const read = parseKnownObjects(made);
    expect(renderKnownObjects(read)).toBe(made);
    for (const pair of pairs)
      expect(
        byTable(pair.elf, () => read),
        pair.elf.file,
      ).toEqual(byDebugFile(pair));
    // The loader and the C library are among them, and gain by it.
    for (const name of ['libc.so.6', 'ld-linux-x86-64.so.2']) {
      const pair = pairs.find(({ elf }) => elf.file === join(LIBRARIES, name))!;
      expect(isKnown(buildId(pair.elf), read), name).toBe(true);
      expect(byTable(pair.elf, () => read).start.length).toBeGreaterThan(
        byTable(pair.elf, () => []).start.length + 20,
      );
    }
  });

  test('of each library here, by the table that is shipped', ({ skip }) => {
    skip(!isShipped, UNKNOWN);
    const known = pairs.filter(({ elf }) => isKnown(buildId(elf)));
    expect(known.length).toBeGreaterThan(2);
    for (const pair of known) expect(byTable(pair.elf), pair.elf.file).toEqual(byDebugFile(pair));
    // What its packages could not add to is complete without it.
    for (const pair of pairs.filter(({ elf }) => !isKnown(buildId(elf))))
      expect(byTable(pair.elf), pair.elf.file).toEqual(byDebugFile(pair));
  });

  test('an analysis without debug files is the same as with them', ({ skip }) => {
    skip(!isShipped, UNKNOWN);
    const ways = [[], ['--user', '--map-root-user']];
    const unshare = (words: readonly string[], ...more: string[]) =>
      spawnSync('unshare', [...words, '--mount', 'sh', '-c', HIDE, 'sh', ...more], {
        encoding: 'utf8',
        maxBuffer: 1e8,
      });
    const way = ways.find((words) => unshare(words, 'true').status === 0);
    if (way === undefined) notTried('an analysis without debug files', 'no mount namespace can be made here');
    skip(way === undefined, 'no mount namespace');
    expect(unshare(way!, 'ls', '/usr/lib/debug').stdout).toBe('');
    const words = [cli, 'analyze', '--json', '--', 'true'];
    const without = unshare(way!, process.execPath, ...words);
    const beside = spawnSync(process.execPath, words, { encoding: 'utf8' });
    expect(without.stderr).toBe(beside.stderr);
    expect(JSON.parse(without.stdout)).toEqual(JSON.parse(beside.stdout));
    expect(JSON.parse(without.stdout).calls.length).toBeGreaterThan(20);
  });
});

const HIDE = 'mount -t tmpfs none /usr/lib/debug && exec "$@"';

describe('a file that the table does not mean', () => {
  /** The C library with other bytes; nothing is beside it, and no debug file has its build id. */
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(libc.bytes);
    change(bytes);
    return parseElf({ file: join(folder, 'libc.so.6'), bytes });
  };
  const otherId = (bytes: Buffer) => {
    const id = Buffer.from(buildId(libc)!, 'hex');
    const at = bytes.indexOf(id);
    bytes[at] = bytes[at]! ^ 1;
  };
  /** A table of one entry, under the file's own build id: its data's section, with two objects. */
  const tableFor = (from: number, to: number): readonly KnownPackage[] => {
    const objects = [
      { start: from, end: from + 16 },
      { start: from + 32, end: from + 40 },
    ];
    const sections = [{ name: '.data.rel.ro', start: from, end: to, objects }];
    return [{ title: 'x', files: [{ buildId: buildId(libc)!, name: 'x', sections, marked: new Map() }] }];
  };

  test('another build id: nothing is known, pieces are as its own symbols say', () => {
    const other = changed(otherId);
    const code = readCode(other);
    expect(code.knowsObjects).toBe(false);
    expect(code.pieces).toEqual(byTable(other, () => []));
  });

  test('sections at other places: nothing is known', () => {
    const section = libc.sections.find((one) => one.name === '.data.rel.ro')!;
    const end = section.address + section.size;
    const ask = (from: number, to: number) => knownObjects(libc, regionsOf(libc), () => tableFor(from, to));
    expect(ask(section.address, end)?.objects).toHaveLength(2);
    expect(ask(section.address - 8, end)).toBeUndefined();
    expect(ask(section.address, end + 8)).toBeUndefined();
  });

  test('a build id that is too short for one: nothing is known', () => {
    const note = Buffer.from(libc.bytes);
    const at = note.indexOf(Buffer.from(buildId(libc)!, 'hex'));
    note.writeUInt32LE(0, at - 12);
    const elf = parseElf({ file: 'x', bytes: note });
    expect(buildId(elf)).toBe('');
    const nameless = [{ title: 'x', files: [{ buildId: '', name: 'x', sections: [], marked: new Map() }] }];
    expect(knownObjects(elf, [], () => nameless)).toBeUndefined();
  });

  test('a note says that more calls are permitted', () => {
    const library = join(folder, 'lib');
    mkdirSync(library);
    writeFileSync(join(library, 'libc.so.6'), changed(otherId).bytes);
    const source = join(folder, 'x.c');
    writeFileSync(source, 'int main(void) { return 0; }');
    const made = spawnSync(
      'gcc',
      ['-o', join(folder, 'x'), source, `-Wl,--disable-new-dtags,-rpath,${library}`],
      {
        encoding: 'utf8',
      },
    );
    expect(made.stderr).toBe('');
    const { notices, calls } = analysisOf(join(folder, 'x'), { namesOnly: true, wholeOnly: true });
    expect(notices.join('\n')).toContain(
      `where the objects of ${join(library, 'libc.so.6')} end is not known`,
    );
    const plain = analysisOf('/usr/bin/true', { namesOnly: true, wholeOnly: true });
    if (hasDebugFiles || isShipped) {
      expect(plain.notices.join('\n')).not.toContain('end is not known');
      expect(calls.size).toBeGreaterThan(plain.calls.size + 20);
    }
  });
});

describe('a damaged table is refused', () => {
  test('any byte of it is another', () => {
    const bytes = Buffer.from(shipped, 'latin1');
    for (let at = 0; at < bytes.length; at += 97) {
      const other = Buffer.from(bytes);
      other[at] = other[at]! ^ 1;
      expect(() => parseKnownObjects(other.toString('latin1')), `byte ${at}`).toThrow(
        /table of known objects is damaged/,
      );
    }
    for (const end of [0, 1, 60, bytes.length - 1, bytes.length >> 1])
      expect(() => parseKnownObjects(shipped.slice(0, end)), `cut at ${end}`).toThrow(/is damaged/);
  });

  const id = 'ab'.repeat(20);
  test.each([
    [`# x\n${id} a\n.data 10-40 2\n 10+8 18+8\n`, undefined],
    [`# x\n${id} a\n.data 10-40 3\n 10+8 18+8\n`, /2 objects and not 3/],
    [`# x\n${id} a\n.data 10-40 2\n 10+8 17+8\n`, /object at 17 of .data does not fit/],
    [`# x\n${id} a\n.data 10-40 2\n 18+8 10+8\n`, /object at 10 of .data does not fit/],
    [`# x\n${id} a\n.data 10-40 1\n 8+8\n`, /object at 8 of/],
    [`# x\n${id} a\n.data 10-40 1\n 38+9\n`, /object at 38 of/],
    [`# x\n${id} a\n.data 10-40 1\n 38+0\n`, /object at 38 of/],
    [`# x\n${id} a\n.data 10-40 1\n 38+g\n`, /the number g/],
    [`# x\n${id} a\n.data 10-40 1\n 38\n`, /the number /],
    [`# x\n${id} a\n 38+8\n`, /line " 38\+8"/],
    [`${id} a\n`, /line /],
    ['# x\nnone a\n', /line "none a"/],
  ] as const)('%j', (body, wrong) => {
    const text = `${body}${hash(body)}\n`;
    if (wrong === undefined) expect(parseKnownObjects(text)).toHaveLength(1);
    else expect(() => parseKnownObjects(text)).toThrow(wrong);
  });
});

test('what is known stays when packages are added, and one build id cannot mean two things', () => {
  expect(renderKnownObjects(addPackages(table, []))).toBe(shipped);
  expect(renderKnownObjects(addPackages(table, table))).toBe(shipped);
  expect(renderKnownObjects(addPackages([], [...table].reverse()))).toBe(shipped);
  const [{ title, files }] = table as [KnownPackage];
  const other = { ...files[0]!, sections: files[1]!.sections };
  expect(() => addPackages(table, [{ title, files: [other] }])).toThrow(/has the build id of/);
});
