// Whatever the text, reading it ends soon, in a policy or in a PolicyError with a place. What is accepted can be printed, and
// what was printed is read as the same. Texts are those of corpus/policy, cut up and put together again.
//
// FUZZ_SECONDS sets how long (30), FUZZ_SEED what is tried (the seed of a failed run repeats it).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PolicyError } from '../../lib/errors.ts';
import { parseInvocation } from '../../lib/policy/language/invocation.ts';
import { parseAction, parseCalls, parsePolicy, parseStatement } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 30);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 0x7fffffff);
/** Processor time for one text of at most some 4 KB, in microseconds. */
const LIMIT = 500_000;

const directory = join(import.meta.dirname, 'corpus', 'policy');
const corpus = readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8'));
const words = [
  ...new Set(corpus.flatMap((text) => text.match(/[A-Za-z_@#][\w-]*|\d\w*|[^\w\s]+/g) ?? [])),
  ...[
    '\n',
    '\\\n',
    ' ',
    '\t',
    '\0',
    '\r',
    '\u2028',
    '\ud800',
    '😀',
    '"',
    '#0',
    '..',
    '0x',
    '~-',
    '!!',
    '({[',
    'arg9',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '@__proto__',
    'kernel 0.0',
    '@',
    '-1',
    '0777',
    '1e9',
  ],
];

/** xorshift32: the same texts for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutated(random: (below: number) => number): string {
  let text = corpus[random(corpus.length)]!;
  for (let round = random(8); round >= 0; round--) {
    const from = random(text.length + 1);
    const to = Math.min(text.length, from + random(12));
    const other = corpus[random(corpus.length)]!;
    const start = random(other.length);
    const word = words[random(words.length)]!;
    const replacement = [
      '',
      word,
      ` ${word} `,
      word.repeat(random(40)),
      other.slice(start, start + random(60)),
      text.slice(from, from + random(30)).repeat(2),
      String.fromCharCode(random(0x10000)),
    ][random(7)]!;
    text = text.slice(0, from) + replacement + text.slice(to);
  }
  // Single lines, too, for the faces that take one.
  if (random(2) === 0) return text.slice(0, 4096);
  const lines = text.split('\n');
  return lines[random(lines.length)]!;
}

const include = (path: string) => ({
  file: path,
  text: path.length % 2 === 0 ? 'allow read' : 'include nowhere',
});
const faces: Readonly<Record<string, (text: string) => unknown>> = {
  parsePolicy: (text) => {
    const printed = printPolicy(parsePolicy(text, { file: 'fuzz', include }));
    const again = printPolicy(parsePolicy(printed, { file: 'printed' }));
    expect(again).toBe(printed);
  },
  parseCalls: (text) => parseCalls(text, 'fuzz'),
  parseAction: (text) => parseAction(text, 'fuzz'),
  parseStatement: (text) => parseStatement(text, 'fuzz'),
  parseInvocation: (text) => parseInvocation(text, 'fuzz'),
};

test(`no text crashes the parser or keeps it busy (seed ${SEED})`, () => {
  const random = randomFrom(SEED);
  const end = performance.now() + SECONDS * 1000;
  const tally = { accepted: 0, refused: 0 };
  while (performance.now() < end) {
    const text = mutated(random);
    for (const [name, read] of Object.entries(faces)) {
      const start = process.cpuUsage();
      let isRead = true;
      try {
        read(text);
      } catch (error) {
        isRead = false;
        const isExpected =
          error instanceof PolicyError && error.place?.text !== undefined && error.place.file !== 'printed';
        if (!isExpected) throw new Error(`${name}(${JSON.stringify(text)})`, { cause: error });
      }
      const used = process.cpuUsage(start);
      expect(used.user + used.system, `${name}(${JSON.stringify(text)})`).toBeLessThan(LIMIT);
      if (isRead) tally.accepted++;
      else tally.refused++;
    }
  }
  console.log(`${tally.accepted} accepted, ${tally.refused} refused`);
  // A run in which one of them never happens has shown little.
  expect(Math.min(tally.accepted, tally.refused)).toBeGreaterThan(SECONDS);
});
