// The search in folders made for it. What the kernel then says to the file found is in test/kernel/start.test.ts.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LaunchError } from '../../lib/errors.ts';
import { findProgram } from '../../lib/launch/search.ts';

const place = mkdtempSync(join(tmpdir(), 'sandbox-run-search-'));
const before = process.cwd();

beforeAll(() => {
  for (const [folder, name, mode] of [
    ['first', 'plain', 0o644],
    ['second', 'plain', 0o755],
    ['second', 'only-second', 0o755],
    ['here', 'local', 0o755],
  ] as const) {
    mkdirSync(join(place, folder), { recursive: true });
    writeFileSync(join(place, folder, name), '#!/bin/sh\n');
    chmodSync(join(place, folder, name), mode);
  }
  mkdirSync(join(place, 'first', 'only-second'));
  symlinkSync('/nonexistent/target', join(place, 'first', 'dangling'));
  writeFileSync(Buffer.concat([Buffer.from(`${place}/second/`), Buffer.of(0x72, 0xff)]), '', { mode: 0o755 });
  process.chdir(join(place, 'here'));
});

afterAll(() => {
  process.chdir(before);
  rmSync(place, { recursive: true });
});

const find = (name: string | Buffer, ...folders: string[]) =>
  findProgram(Buffer.from(name as string), Buffer.from(folders.join(':'))).toString('latin1');
const [first, second] = [join(place, 'first'), join(place, 'second')];

describe('in PATH', () => {
  test('the first folder that has it', () => {
    expect(find('only-second', '/nonexistent', second, '/bin')).toBe(`${second}/only-second`);
  });

  test('one that may not be executed is passed over, a folder too', () => {
    expect(find('plain', first, second)).toBe(`${second}/plain`);
    expect(find('only-second', first, second)).toBe(`${second}/only-second`);
  });

  test('a folder of PATH that is a file is passed over', () => {
    expect(find('plain', `${second}/plain`, second)).toBe(`${second}/plain`);
  });

  test.each([
    [['', '/bin']],
    [['/bin', '']],
    [['/nonexistent', '', '/bin']],
  ])('an empty element is the current folder: %j', (folders) => {
    expect(find('local', ...folders)).toBe('./local');
  });

  test('a name with a slash is not looked for', () => {
    expect(find('./local', '/bin')).toBe('./local');
    expect(() => find('nowhere/local', '/bin')).toThrow(LaunchError);
  });

  test('a name that is no UTF-8', () => {
    expect(find(Buffer.of(0x72, 0xff), second)).toBe(`${second}/r\xff`);
  });
});

describe('errors', () => {
  const errorOf = (name: string, ...folders: string[]) => {
    try {
      find(name, ...folders);
    } catch (error) {
      if (error instanceof LaunchError) return `${error.exitStatus} ${error.message}; ${error.advice}`;
      throw error;
    }
    return 'no error';
  };

  test.each([
    ['no-such', [first], /^127 no-such: not found in PATH; check its name/],
    ['local', [first], /^127 local: not found in PATH; write \.\/local/],
    ['', [first], /^127 .*empty/],
    ['plain', [first], /^126 .*first\/plain: permission denied; .*chmod \+x/],
    ['only-second', [first], /^126 .*only-second: is a directory/],
    ['../first/dangling', [], /^127 .*dangling: is a symbolic link to \/nonexistent\/target/],
    ['./no-such', [first], /^127 .*no such file/],
    ['./local/more', [first], /^126 .*not a directory/],
    ['/', [first], /^126 .*is a directory/],
    [`./${'x'.repeat(300)}`, [first], /^126 .*too long/],
  ] as const)('%s', (name, folders, expected) => {
    expect(errorOf(name, ...folders)).toMatch(expected);
  });
});
