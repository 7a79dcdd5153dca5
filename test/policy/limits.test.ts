// Reading is linear: what is large, deep, long or garbage is answered within two seconds and a few hundred megabytes.
// Each case runs in a process of its own, so that its memory is its own, and counts processor time, so that what else the
// machine does is not counted.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const SECONDS = 2;
const MEGABYTES = 400;
const MB = 1 << 20;

let directory: string;
let script: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'limits-'));
  script = join(directory, 'read.mjs');
  await build({
    stdin: {
      contents: `
        import { readFileSync } from 'node:fs';
        import { parsePolicy, parseCalls } from './lib/policy/language/parse.ts';
        import { printPolicy } from './lib/policy/language/print.ts';
        const text = readFileSync(process.argv[2], 'utf8');
        const start = process.cpuUsage();
        let outcome;
        try {
          const policy = process.argv[3] === 'calls' ? { statements: parseCalls(text, 'x') } : parsePolicy(text, { file: 'x' });
          outcome = policy.statements.length;
          if (process.argv[3] === 'print') printPolicy(policy);
        } catch (error) {
          if (error.name !== 'PolicyError') throw error;
          outcome = error.message.slice(0, 200);
        }
        const used = process.cpuUsage(start);
        const seconds = (used.user + used.system) / 1e6;
        console.log(JSON.stringify({ outcome, seconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
      `,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** The same garbage each time. */
function* garbage(characters: string): Generator<string> {
  let state = 12345;
  for (;;) {
    state = (state * 1103515245 + 12345) % 0x80000000;
    yield characters[state % characters.length]!;
  }
}
function garbageOf(characters: string, length: number): string {
  const source = garbage(characters);
  return Array.from({ length }, () => source.next().value).join('');
}

const everything = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
const texts: Readonly<Record<string, readonly [text: () => string, outcome: string | number, how?: string]>> =
  {
    'printable garbage': [() => garbageOf(everything, MB), 'expected'],
    'garbage with line ends': [() => garbageOf(`${everything}\n\n\n`, MB), 'expected'],
    'garbage of symbols in a statement': [
      () => `allow openat(${garbageOf('(){}!&|~,<>=:.#@- \n', MB)}`,
      'expected',
    ],
    'one long word': [() => `allow ${'x'.repeat(MB)}`, 'no system call'],
    'one long number': [() => `allow openat(flags == ${'1'.repeat(MB)})`, 'is too large'],
    'one long group': [() => `allow @${'x'.repeat(MB)}`, 'no group'],
    'one long comment': [() => `# ${'#'.repeat(MB)}`, 0],
    'only comments': [() => '#\n'.repeat(MB / 2), 0, 'print'],
    'comments within a list': [() => `allow read,\n${'#\n'.repeat(MB / 2)}write`, 1, 'print'],
    'comments behind directives': [() => 'default kill # x\n'.repeat(MB / 17), 0, 'print'],
    'one long include': [() => `include "${'x'.repeat(MB)}"`, 'include works only'],
    'only blanks': [() => ' '.repeat(MB), 0],
    'only line ends': [() => '\n'.repeat(MB), 0],
    'only continued lines': [() => '\\\n'.repeat(MB / 2), 0],
    'only carriage returns': [() => '\r'.repeat(MB), 0],
    '100,000 statements': [() => 'allow read, write\n'.repeat(100_000), 100_000, 'print'],
    '100,000 statements with conditions': [
      () => 'allow ioctl(cmd in {TCGETS, 0x5413} || cmd & 0xf0 == 0x20)\n'.repeat(100_000),
      100_000,
      'print',
    ],
    '100,000 wrong statements': [() => 'allow raed\n'.repeat(100_000), 'no system call'],
    'a line of 1 MB': [() => `allow ${'read, '.repeat(MB / 6)}write`, 1, 'print'],
    'a list of 1 MB': [() => `${'read:'.repeat(MB / 5)}write`, Math.floor(MB / 5) + 1, 'calls'],
    'a line of 1 MB with a mistake at its end': [
      () => `allow ${'read, '.repeat(MB / 6)}raed`,
      'no system call',
    ],
    'a condition of 1 MB': [() => `allow openat(${'flags == 1 || '.repeat(MB / 14)}flags == 2)`, 1, 'print'],
    'a value of 1 MB': [() => `allow openat(flags == ${'1|'.repeat(MB / 2)}2)`, 1, 'print'],
    'deep brackets': [() => `allow openat(${'('.repeat(MB)}`, 'nested deeper'],
    'deep negation': [() => `allow openat(${'!'.repeat(MB)}`, 'nested deeper'],
    'deep values': [() => `allow openat(flags == ${'~'.repeat(MB)}`, 'nested deeper'],
    'a wide value in many brackets': [
      () => `allow openat(flags == ${'('.repeat(190)}${'1|'.repeat(MB / 4)}1${'|1)'.repeat(190)})`,
      1,
    ],
  };

test.each(Object.entries(texts))('%s', (name, [text, outcome, how]) => {
  const file = join(directory, 'text');
  writeFileSync(file, text());
  const output = execFileSync(process.execPath, [script, file, how ?? ''], { encoding: 'utf8' });
  const result: { outcome: string | number; seconds: number; megabytes: number } = JSON.parse(output);
  if (typeof outcome === 'number') expect(result.outcome).toBe(outcome);
  else expect(result.outcome).toContain(outcome);
  expect(result.seconds, name).toBeLessThan(SECONDS);
  expect(result.megabytes, name).toBeLessThan(MEGABYTES);
});
