// ELF files as the toolchain's own readers see them, and files that are cut short or lie.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ElfError } from '../../lib/elf/bytes.ts';
import { readDynamic } from '../../lib/elf/dynamic.ts';
import { buildId, parseElf, readElf } from '../../lib/elf/file.ts';
import { readRelocations } from '../../lib/elf/relocations.ts';
import { readShebang } from '../../lib/elf/script.ts';
import { findLibrary, parseLoaderCache } from '../../lib/elf/search.ts';
import { functionRanges, landingPads } from '../../lib/elf/unwind.ts';

const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
const files = [
  LIBC,
  '/lib64/ld-linux-x86-64.so.2',
  '/bin/ls',
  '/usr/lib/x86_64-linux-gnu/libstdc++.so.6',
  '/usr/bin/busybox',
];

/** Everything that an analysis reads of a file. */
function readAll(bytes: Buffer): void {
  const elf = parseElf({ file: 'x', bytes });
  const dynamic = readDynamic(elf);
  readRelocations(elf, dynamic);
  buildId(elf);
  const unwind = functionRanges(elf);
  for (const range of unwind.ranges.slice(0, 50)) {
    try {
      landingPads(elf, range);
    } catch (error) {
      if (!(error instanceof ElfError || error instanceof RangeError)) throw error;
    }
  }
}

describe('as readelf says (binutils)', () => {
  test.each(files)('%s', (file) => {
    const elf = readElf(file);
    const dynamic = readDynamic(elf);
    const said = execFileSync('readelf', ['-dW', file], { encoding: 'utf8' });
    expect(dynamic?.needed ?? []).toEqual(
      [...said.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]),
    );
    const relocations = execFileSync('readelf', ['-rW', file], { encoding: 'utf8', maxBuffer: 1e8 });
    expect(readRelocations(elf, dynamic).count).toBe(
      [...relocations.matchAll(/^[0-9a-f]{16} {2}/gm)].length + relrCount(relocations),
    );
    const notes = execFileSync('readelf', ['-nW', file], { encoding: 'utf8' });
    expect(buildId(elf)).toBe(/Build ID: (\w+)/.exec(notes)?.[1]);
    const symbols = execFileSync('readelf', ['-W', '--dyn-syms', file], { encoding: 'utf8', maxBuffer: 1e8 });
    expect(dynamic?.symbols.length ?? 0).toBe([...symbols.matchAll(/^ +\d+: /gm)].length);
  });

  const relrCount = (text: string) => Number(/contains \d+ entries?:\n *(\d+) offsets/.exec(text)?.[1] ?? 0);

  test('functions: every unwind entry of readelf, signal frames from their first instruction on', () => {
    // It reads debug files, too, and its status is 1 where it does not like one.
    const frames = spawnSync('readelf', ['-wF', LIBC], { encoding: 'utf8', maxBuffer: 1e9 }).stdout;
    const starts = new Set(
      [...frames.matchAll(/FDE cie=\w+ pc=([0-9a-f]+)\.\./g)].map((match) => Number.parseInt(match[1]!, 16)),
    );
    const ours = functionRanges(readElf(LIBC)).ranges.map((one) => one.start);
    expect(ours.length).toBeGreaterThan(3000);
    expect(ours.filter((start) => !starts.has(start) && !starts.has(start - 1))).toEqual([]);
    expect(ours.filter((start) => start % 16 === 0).length).toBeGreaterThan(2000);
  });
});

describe('files that are cut short or lie', () => {
  const small = readFileSync('/bin/true');

  test('every length', () => {
    for (let length = 0; length < small.length; length += 97) {
      try {
        readAll(small.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(ElfError);
      }
    }
  });

  test('bytes that are changed, above all in headers and tables', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(fc.integer({ min: 0, max: 1023 }), fc.integer({ min: 0, max: small.length - 1 })),
            fc.integer({ min: 0, max: 255 }),
          ),
          { minLength: 1, maxLength: 12 },
        ),
        (changes) => {
          const bytes = Buffer.from(small);
          for (const [at, value] of changes) bytes[at] = value;
          const before = performance.now();
          try {
            readAll(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ElfError);
          }
          expect(performance.now() - before).toBeLessThan(3000);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    ['an empty file', Buffer.alloc(0), /not an ELF file/],
    [
      'a 32-bit program',
      Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)]),
      /64-bit little-endian/,
    ],
    ['an object file', Buffer.from(small).fill(1, 16, 17), /neither a program nor a shared library/],
  ])('%s', (_, bytes, message) => {
    expect(() => parseElf({ file: 'x', bytes })).toThrow(message);
  });
});

describe('libraries and scripts', () => {
  const from = {
    file: '/tmp/app/bin/x',
    rpath: [],
    runpath: ['$ORIGIN/../lib'],
    loaders: [],
    machine: 62,
    interpreter: '/lib64/ld-linux-x86-64.so.2',
  };

  test('found as the loader finds them', () => {
    const said = execFileSync('ldd', ['/bin/ls'], { encoding: 'utf8' });
    for (const [, name, path] of said.matchAll(/(\S+) => (\S+) /g))
      expect(findLibrary(name!, from, undefined)).toContain(path);
    expect(findLibrary('libthereisnone.so.7', from, undefined)).toEqual([]);
  });

  test('a damaged cache is an error, not a guess', () => {
    const bytes = readFileSync('/etc/ld.so.cache');
    expect(parseLoaderCache({ file: 'cache', bytes }).size).toBeGreaterThan(10);
    expect(() => parseLoaderCache({ file: 'cache', bytes: bytes.subarray(0, 60) })).toThrow(ElfError);
  });

  test.each([
    ['#!/bin/sh\n', '/bin/sh', undefined],
    ['#! /usr/bin/env  python3 -E\nx', '/usr/bin/env', 'python3 -E'],
    ['#!\t/bin/sh -e \t\nx', '/bin/sh', '-e'],
    ['#!/bin/sh', '/bin/sh', undefined],
    ['#!/bin/sh\r\nx', '/bin/sh\r', undefined],
    ['#!/bin/sh\0-e\nx', '/bin/sh', undefined],
    ['#!/bin/sh -e\0x\nx', '/bin/sh', '-e'],
    [`#!/bin/sh ${'x'.repeat(300)}\n`, '/bin/sh', 'x'.repeat(245)],
    [`#!/${'x'.repeat(251)} \n`, `/${'x'.repeat(251)}`, undefined],
    ['#!/b\u00e9\n', '/b\u00e9', undefined],
    ['#!', '', undefined],
  ])('%j', (text, interpreter, argument) => {
    expect(readShebang(Buffer.from(text))).toEqual({ interpreter, argument });
  });

  test.each([
    '#!\n/bin/sh',
    '#! \t \nx',
    `#!/${'x'.repeat(300)}\n`,
    `#!${' '.repeat(300)}/bin/sh\n`,
    '# !/bin/sh\n',
  ])('no script to the kernel: %j', (text) => {
    expect(readShebang(Buffer.from(text))).toBeUndefined();
  });
});
