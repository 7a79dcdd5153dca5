// Kept answers: given again for the same question about the same files, and for nothing else. Real files in real folders;
// what is damaged, what others could have written, and what changed in the meantime is asked anew.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Question, recall, remember } from '../../lib/analysis/cache.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = temporaryFolder('cache');
const VERSION = 'one';
const answer: Answer = { policy: 'allow read\n', notices: ['a note'], unknown: 0, usesWords: false };
let count = 0;
let folder = '';
let kept = '';
let question: Question;

beforeEach(() => {
  folder = join(root, String(count++));
  kept = join(folder, 'cache', 'sandbox-run');
  mkdirSync(join(folder, 'lib'), { recursive: true });
  put('program', 'a program');
  put('lib/libx.so', 'a library');
  question = {
    program: join(folder, 'program'),
    words: [],
    also: [],
    plugins: [],
    environment: { XDG_CACHE_HOME: join(folder, 'cache'), PATH: '/usr/bin:/bin' },
  };
});

const at = (name: string) => join(folder, name);
const put = (name: string, text: string) => writeFileSync(at(name), text);
/** As if the analysis began after all that stands here was long done. */
const later = () => Date.now() + 60_000;
function keep(files: readonly string[] = ['program', 'lib/libx.so'], start = later()): void {
  remember(question, VERSION, answer, { start, files: files.map(at), texts: [] });
}
const recalled = (version = VERSION) => recall(question, version);
const entries = () => readdirSync(kept);
const entry = () => join(kept, entries()[0]!);

describe('the same question', () => {
  test('is answered as before, from a folder of the user’s own', () => {
    expect(recalled()).toBeUndefined();
    keep();
    expect(recalled()).toMatchObject(answer);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    expect(statSync(entry()).mode & 0o777).toBe(0o600);
  });

  test('is another one for other words, options, search paths, and versions of ours', () => {
    keep();
    expect(recalled('two')).toBeUndefined();
    for (const change of [
      { also: ['ls'] },
      { plugins: ['/x.so'] },
      { environment: { ...question.environment, LD_LIBRARY_PATH: '/x' } },
      ...[
        { PATH: '/bin' },
        { HOME: '/home/other' },
        { LD_AUDIT: '/x.so' },
        { LD_PROFILE: 'libc.so.6' },
        { PYTHONPATH: '/etc' },
      ].map((set) => ({ environment: { ...question.environment, ...set } })),
    ])
      expect(recall({ ...question, ...change }, VERSION)).toBeUndefined();
    expect(recall({ ...question, words: ['x'] }, VERSION)).toMatchObject(answer);
    remember(question, VERSION, { ...answer, usesWords: true }, { start: later(), files: [], texts: [] });
    expect(recall({ ...question, words: ['x'] }, VERSION)?.usesWords).toBe(false);
    rmSync(kept, { recursive: true });
    remember(question, VERSION, { ...answer, usesWords: true }, { start: later(), files: [], texts: [] });
    expect(recall({ ...question, words: ['cat'] }, VERSION)).toBeUndefined();
    expect(recalled()?.usesWords).toBe(true);
  });

  test('words that name no program and no text make no other question', () => {
    remember(question, VERSION, { ...answer, usesWords: true }, { start: later(), files: [], texts: [] });
    const asked = (...words: string[]) => recall({ ...question, words }, VERSION)?.usesWords;
    mkdirSync(at('empty'));
    for (const word of ['--version', 'status', 'no such;program', at('absent.txt'), at('empty')])
      expect(asked(word), word).toBe(true);
    put('data.txt', 'some text');
    expect(asked(at('data.txt'))).toBe(true);
    put('script.txt', 'some text, and cat');
    for (const word of ['cat', 'x;cat', '/bin/cat', at('script.txt')])
      expect(asked(word), word).toBeUndefined();
    // A script there can load them.
    put('script.py', '');
    for (const word of [at('lib'), at('script.py')]) expect(asked(word), word).toBeUndefined();
  });
});

describe('files that the answer rests on', () => {
  test('a change of content, though size and date are put back', () => {
    keep();
    const { atime, mtime } = statSync(at('lib/libx.so'));
    put('lib/libx.so', 'a LIBRARY');
    utimesSync(at('lib/libx.so'), atime, mtime);
    expect(recalled()).toBeUndefined();
  });

  test('touched, and replaced by a copy: the same content is the same file, which is then known without reading', async () => {
    keep();
    utimesSync(at('program'), 1, 1);
    copyFileSync(at('lib/libx.so'), at('lib/new'));
    renameSync(at('lib/new'), at('lib/libx.so'));
    // Until nothing can change it within the same tick of the clock.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = readFileSync(entry(), 'utf8');
    expect(recalled()).toMatchObject(answer);
    const after = readFileSync(entry(), 'utf8');
    expect(after).not.toBe(before);
    expect(recalled()).toMatchObject(answer);
    expect(readFileSync(entry(), 'utf8')).toBe(after);
  });

  test('one that goes, one that comes where it was looked for, a link that points elsewhere', () => {
    keep(['program', 'lib/first.so', 'lib/libx.so']);
    expect(recalled()).toMatchObject(answer);
    put('lib/first.so', '');
    expect(recalled()).toBeUndefined();
    rmSync(at('lib/first.so'));
    expect(recalled()).toMatchObject(answer);
    rmSync(at('lib/libx.so'));
    expect(recalled()).toBeUndefined();
    put('other', 'another library');
    put('lib/libx.so', 'a library');
    renameSync(at('lib/libx.so'), at('lib/libx.so.1'));
    symlinkSync('libx.so.1', at('lib/libx.so'));
    expect(recalled()).toMatchObject(answer);
    rmSync(at('lib/libx.so'));
    symlinkSync('../other', at('lib/libx.so'));
    expect(recalled()).toBeUndefined();
  });

  test('a pipe in a file’s place is not waited for', () => {
    keep();
    rmSync(at('program'));
    expect(spawnSync('mkfifo', [at('program')]).status).toBe(0);
    expect(recalled()).toBeUndefined();
  });

  test('a folder, by its names; what Python writes beside its modules is none', () => {
    keep(['program', 'lib']);
    mkdirSync(at('lib/__pycache__'));
    expect(recalled()).toMatchObject(answer);
    put('lib/liby.so', '');
    expect(recalled()).toBeUndefined();
  });

  test('of a word that is a file only the programs that it names', () => {
    put('data', 'some text');
    remember(question, VERSION, answer, { start: later(), files: [], texts: [at('data'), at('absent')] });
    put('data', 'some other text');
    put('absent', 'words');
    expect(recalled()).toMatchObject(answer);
    put('data', 'now with ls in it');
    expect(recalled()).toBeUndefined();
  });

  test('what changed after the analysis began, or just before, is not kept', () => {
    keep(undefined, Date.now() - 1000);
    keep(undefined, Math.floor(statSync(at('program')).ctimeMs));
    expect(recalled()).toBeUndefined();
    expect(entries()).toEqual([]);
  });
});

describe('what is not believed', () => {
  test.each([
    ['cut short', (path: string) => truncateSync(path, statSync(path).size - 3)],
    ['empty', (path: string) => truncateSync(path, 0)],
    ['changed in one byte', (path: string) => change(path, 'allow read', 'allow bead')],
    ['nonsense', (path: string) => writeFileSync(path, 'nonsense\n{}')],
    ['writable by others', (path: string) => chmodSync(path, 0o666)],
  ])('an entry that is %s: it is made anew', (_, damage) => {
    keep();
    damage(entry());
    expect(recalled()).toBeUndefined();
    keep();
    expect(recalled()).toMatchObject(answer);
    expect(entries()).toHaveLength(1);
  });

  test('a folder that others can write to: nothing is read, nothing written', () => {
    keep();
    chmodSync(kept, 0o770);
    expect(recalled()).toBeUndefined();
    const before = readFileSync(entry());
    remember(
      question,
      VERSION,
      { ...answer, policy: 'allow write\n' },
      { start: later(), files: [], texts: [] },
    );
    expect(readFileSync(entry())).toEqual(before);
    expect(statSync(kept).mode & 0o777).toBe(0o770);
  });

  test('a folder that others can only read is closed', () => {
    keep();
    chmodSync(kept, 0o755);
    expect(recalled()).toMatchObject(answer);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
  });

  test.runIf(process.geteuid?.() === 0)('an entry or a folder of another user', () => {
    keep();
    chownSync(entry(), 65534, 65534);
    expect(recalled()).toBeUndefined();
    keep();
    expect(recalled()).toMatchObject(answer);
    chownSync(kept, 65534, 65534);
    expect(recalled()).toBeUndefined();
  });

  test('no folder at all is no error', () => {
    put('cache', 'a file');
    keep();
    expect(recalled()).toBeUndefined();
    question = { ...question, environment: {} };
    keep();
    expect(recalled()).toBeUndefined();
  });
});

function change(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

describe('how much is kept', () => {
  test('the ones that were used least recently go first, and old drafts', () => {
    keep();
    const own = entries()[0]!;
    const stale = Date.now() / 1000 - 7200;
    const fill = (name: string, size: number, time: number) => {
      writeFileSync(join(kept, name), '');
      truncateSync(join(kept, name), size);
      utimesSync(join(kept, name), time, time);
    };
    fill('old', 40 * 1024 * 1024, stale);
    fill('older', 40 * 1024 * 1024, stale - 1);
    fill('x.1.new', 10, stale);
    keep();
    expect(entries().sort()).toEqual(['old', own].sort());
  });

  test('a use is remembered', () => {
    keep();
    utimesSync(entry(), 1, 1);
    expect(recalled()).toMatchObject(answer);
    expect(Date.now() - statSync(entry()).mtimeMs).toBeLessThan(60_000);
  });
});
