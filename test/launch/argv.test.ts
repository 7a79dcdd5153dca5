// Raw words against made-up command lines: what Node shows and what the kernel has.

import { describe, expect, test } from 'vitest';
import { LaunchError } from '../../lib/errors.ts';
import { rawWords } from '../../lib/launch/argv.ts';

const line = (...words: (string | Buffer)[]) =>
  Buffer.concat(words.flatMap((word) => [Buffer.from(word as string), Buffer.of(0)]));
const raw = Buffer.of(0x61, 0xff, 0xe9);

describe('rawWords', () => {
  test('the last words, byte for byte', () => {
    const text = line('node', 'run.cjs', '--', 'ls', raw, '');
    expect(rawWords(['ls', raw.toString(), ''], text)).toEqual([Buffer.from('ls'), raw, Buffer.alloc(0)]);
  });

  test('empty words at the beginning and at the end are words', () => {
    expect(rawWords(['', 'a', ''], line('', 'a', ''))).toEqual([
      Buffer.alloc(0),
      Buffer.from('a'),
      Buffer.alloc(0),
    ]);
    expect(rawWords([''], line(''))).toEqual([Buffer.alloc(0)]);
  });

  test('none at all', () => {
    expect(rawWords([], line('node'))).toEqual([]);
  });

  test.each([
    ['other words', ['cat'], line('node', 'ls')],
    ['too few words', ['a', 'b'], line('b')],
    ['a title over it', ['ls'], Buffer.from('a title\0\0\0')],
    ['one without its end', ['ls'], Buffer.from('node\0ls')],
    ['an empty one', ['ls'], Buffer.alloc(0)],
  ])('%s is an error, never a guess', (_, words, text) => {
    expect(() => rawWords(words, text)).toThrow(LaunchError);
  });
});

describe('rawWords without /proc', () => {
  test('what Node could decode can be encoded again', () => {
    expect(lossy(['ls', 'é'])).toEqual([Buffer.from('ls'), Buffer.from('é')]);
  });

  test('what it could not is an error that says so', () => {
    expect(() => lossy(['a\ufffd'])).toThrow(/byte for byte: \/proc/);
  });

  // null stands for a command line that could not be read; undefined would mean the process's own.
  const lossy = (words: readonly string[]) => rawWords(words, null);
});
