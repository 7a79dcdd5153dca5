// Policies from disk: includes, and everything that is not a text.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import { loadPolicy, MAX_BYTES } from '../../lib/policy/language/load.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'policy-'));
  mkdirSync(join(directory, 'sub'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const path = (name: string) => join(directory, name);
function write(name: string, content: string | Uint8Array): string {
  writeFileSync(path(name), content);
  return path(name);
}

function errorOf(file: string): PolicyError {
  try {
    loadPolicy(file);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('includes', () => {
  test('are relative to the file that includes them, and add up', () => {
    write('sub/base.policy', 'default errno EPERM\nallow read\ninclude ../common.policy\n');
    write('common.policy', 'errno ENOSYS clone3');
    const main = write(
      'main.policy',
      'allow write\ninclude sub/base.policy  # the base\ndefault kill\nallow brk',
    );
    const policy = loadPolicy(main);
    expect(printPolicy(policy)).toBe(`# the base
default kill

allow write
allow read

errno ENOSYS clone3

allow brk
`);
    expect(policy.statements.map((one) => one.origin?.place?.file)).toEqual([
      main,
      path('sub/base.policy'),
      path('common.policy'),
      main,
    ]);
  });

  test('may have blanks and # in their names, in quotes', () => {
    write('sub/a b#c.policy', 'allow read');
    expect(loadPolicy(write('quoted.policy', 'include "sub/a b#c.policy"')).statements).toHaveLength(1);
    expect(errorOf(write('unquoted.policy', 'include sub/a b')).message).toMatch(
      /expected the end of the line/,
    );
    expect(errorOf(write('open.policy', 'include "sub/a b')).message).toMatch(/quote is not closed/);
  });

  test('report a circle as the chain that it is', () => {
    const one = write('one.policy', 'allow read\ninclude two.policy');
    write('two.policy', '\n  include ./three.policy');
    write('three.policy', 'include two.policy');
    const error = errorOf(one);
    expect(error.message).toContain(
      `${path('two.policy')} -> ${path('three.policy')} -> ${path('two.policy')}`,
    );
    expect(error.place).toMatchObject({ file: path('three.policy'), line: 1, column: 9 });
    expect(errorOf(write('self.policy', 'include self.policy')).message).toMatch(/circle/);
  });

  test('through a link that never comes to the same name end at the depth limit', () => {
    write('loop.policy', 'include sub2/loop.policy');
    symlinkSync('.', path('sub2'));
    expect(errorOf(path('loop.policy')).message).toMatch(/deeper than 32 files/);
  });

  test('of the same file from two sides count once, however many there are', () => {
    // 2^30 readings if each were followed.
    for (let level = 0; level < 30; level++) {
      write(`d${level}.policy`, `include d${level + 1}.policy\n`.repeat(2));
    }
    write('d30.policy', 'allow read');
    expect(loadPolicy(path('d0.policy')).statements).toHaveLength(1);
  });

  test('that cannot be read are named with the place of the include', () => {
    const error = errorOf(write('missing.policy', 'allow read\ninclude ./nowhere.policy'));
    expect(error.message).toBe(`cannot read ${path('nowhere.policy')}: it does not exist`);
    expect(error.place).toMatchObject({ line: 2, column: 9, text: 'include ./nowhere.policy' });
  });

  test('show errors in the file that has them', () => {
    write('bad.policy', 'allow read\nallow raed');
    const error = errorOf(write('includes-bad.policy', 'include bad.policy'));
    expect(error.place).toMatchObject({ file: path('bad.policy'), line: 2, column: 7 });
  });
});

describe('what is no policy', () => {
  test('a missing file, a directory, a device, a pipe', () => {
    expect(errorOf(path('nothing')).message).toMatch(/cannot read .*nothing: it does not exist/);
    expect(errorOf(directory).message).toMatch(/is a directory/);
    expect(errorOf('/dev/zero').message).toMatch(/not a regular file/);
    execFileSync('mkfifo', [path('fifo')]);
    expect(errorOf(path('fifo')).message).toMatch(/not a regular file/);
    expect(errorOf(join(write('file', ''), 'x')).message).toMatch(/not a directory/);
  });

  test('a program', () => {
    const error = errorOf(process.execPath);
    expect(error.message).toMatch(/not a text|too large/);
    expect(errorOf(write('elf', '\x7fELF\x02\x01\x01\0')).place).toMatchObject({ line: 1, column: 8 });
  });

  test('bytes that are not UTF-8, with their place', () => {
    const bytes = Buffer.concat([
      Buffer.from('# ü \ufffd fine\nallow r'),
      Buffer.from([0xe4]),
      Buffer.from('d\n'),
    ]);
    const error = errorOf(write('latin1.policy', bytes));
    expect(error.message).toBe('this is not UTF-8');
    expect(error.place).toMatchObject({ line: 2, column: 8 });
    expect(loadPolicy(write('utf8.policy', '# ü \ufffd fine\nallow read')).statements).toHaveLength(1);
  });

  test('more bytes than a policy has, in one file or in several', () => {
    const half = `# ${'x'.repeat(MAX_BYTES / 2)}\n`;
    write('half1', half);
    write('half2', half);
    expect(loadPolicy(path('half1')).statements).toHaveLength(0);
    expect(errorOf(write('both.policy', 'include half1\ninclude half2')).message).toMatch(
      /half2 is too large/,
    );
  });
});
