// The reader of pages itself: what it runs, what it finds missing, and what counts as the same output.

import { describe, expect, test } from 'vitest';
import { matches, readPage } from './page.ts';

const block = (info: string, ...lines: string[]): string => [`\`\`\`${info}`, ...lines, '```', ''].join('\n');

describe('readPage', () => {
  test('commands with their output, and files, in order', () => {
    const page = readPage(
      block('policy file=a.policy', 'allow read') +
        block('console', '$ one \\', '> two', 'out', '', '$ three'),
    );
    expect(page.steps).toEqual([
      { kind: 'file', line: 1, name: 'a.policy', text: 'allow read\n' },
      { kind: 'command', line: 5, text: 'one \\\ntwo', output: ['out', ''] },
      { kind: 'command', line: 9, text: 'three', output: [] },
    ]);
  });

  test('blocks of another suite are left to it', () => {
    const text = block('console in=containers', '$ podman ps') + block('console', '$ true');
    expect(readPage(text).steps).toMatchObject([{ text: 'true' }]);
    expect(readPage(text, 'containers').steps).toMatchObject([{ text: 'podman ps' }]);
  });

  test('commands that nothing runs are found', () => {
    const page = readPage(`${block('sh', '# only a comment', 'rm x')}    sandbox-run --allow read -- ls\n`);
    expect(page.notRun.map(({ line, text }) => [line, text])).toEqual([
      [3, 'rm x'],
      [5, 'sandbox-run --allow read -- ls'],
    ]);
  });

  test('mistakes in a page are errors', () => {
    expect(() => readPage('```console\n$ x')).toThrow('line 1: this block is never closed');
    expect(() => readPage(block('console', 'x'))).toThrow('line 2: output before any command');
  });
});

describe('matches', () => {
  test.each([
    [['a'], ['a'], true],
    [['a'], ['a', ''], true],
    [['a'], ['b'], false],
    [[], ['a'], false],
    [['a'], [], false],
    [['a … (c)'], ['a x y (c)'], true],
    [['a … (c)'], ['a x', 'y (c)'], false],
    [['…', 'z'], ['a', 'b', 'z'], true],
    [['…', 'z'], ['z'], true],
    [['a', '…'], ['a'], true],
    [['a', '…', 'c'], ['a', 'b'], false],
  ])('%j shown, %j printed: %s', (shown, printed, same) => {
    expect(matches(shown, printed)).toBe(same);
  });
});
