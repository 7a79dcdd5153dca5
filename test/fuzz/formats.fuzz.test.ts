// Whatever the text, each reader ends soon, in a policy or in an error of ours; what it accepts can be printed in our language and is
// read there again. Detection never fails. Texts are those of corpus/formats, cut up and put together again.
//
// FUZZ_SECONDS sets how long (30), FUZZ_SEED what is tried, FUZZ_FORMAT which reader (all).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PolicyError, SandboxError } from '../../lib/errors.ts';
import type { Files } from '../../lib/formats/format.ts';
import { detectFormat, formats } from '../../lib/formats/index.ts';
import { abis } from '../../lib/linux/abi.ts';
import { syscallNames, syscallNumber } from '../../lib/linux/syscalls.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { meaningOf } from '../../lib/policy/meaning.ts';
import { randomFrom } from '../support/random.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 30);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 0x7fffffff);
/** Processor time for one text of at most some 8 KB, in microseconds. */
const LIMIT = 700_000;

const directory = join(import.meta.dirname, 'corpus', 'formats');
const corpus = new Map(
  readdirSync(directory)
    .filter((name) => (process.env.FUZZ_FORMAT ?? name) === name)
    .map((name) => {
      const files = readdirSync(join(directory, name));
      return [name, files.map((file) => readFileSync(join(directory, name, file), 'utf8'))] as const;
    }),
);

const odd = [
  ...[
    '\n',
    '\\\n',
    '\t',
    '\0',
    '\r',
    '\u2028',
    '\ud800',
    '😀',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '~',
    '!',
    '&&',
    '||',
    '#',
    '//',
    '/*',
  ],
  ...[
    '-1',
    '0x',
    '18446744073709551616',
    '1e309',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    '@',
    '@default',
    'null',
    '*x',
    '&x',
  ],
  ...[
    'read',
    'clone',
    'arg0',
    'arg9',
    'fd',
    '0777',
    '99999999999999999999999999999999999',
    ': ',
    '- ',
    '---\n',
    '=',
    '~@',
  ],
];

/** What is printed must be read; an error here is no answer to a text. */
function reread(printed: string): void {
  try {
    parsePolicy(printed, { file: 'printed' });
  } catch (cause) {
    throw new Error(`printed, but not read again: ${(cause as Error).message}\n${printed.slice(0, 2000)}`, {
      cause,
    });
  }
}

test(`no text crashes a reader or keeps it busy (seed ${SEED})`, () => {
  const random = randomFrom(SEED);
  const end = performance.now() + SECONDS * 1000;
  const tally = new Map<string, { accepted: number; refused: number }>();
  const names = [...corpus.keys()];
  const files: Files = {
    text: (path) => {
      if (path.length % 3 === 0) throw new PolicyError('not there');
      return random.pick(corpus.get(random.pick(names))!);
    },
    list: (folder) => (folder.length % 2 === 0 ? [] : [join(folder, 'x.conf')]),
  };
  while (performance.now() < end) {
    const name = random.pick(names);
    const format = formats.find((one) => one.name === name)!;
    let text = random.pick(corpus.get(name)!);
    const words = text.match(/[\w@$.-]+|[^\w\s]+|\s+/g) ?? [];
    for (let round = random.below(7); round >= 0; round--) {
      const from = random.below(text.length + 1);
      const to = Math.min(text.length, from + random.below(16));
      const replacement = random.pick([
        '',
        random.pick(odd),
        random.pick(odd).repeat(random.below(200)),
        random.pick(words),
        text.slice(from, from + random.below(80)).repeat(2),
        String.fromCharCode(random.below(0x10000)),
      ]);
      text = text.slice(0, from) + replacement + text.slice(to);
    }
    text = text.slice(0, 8192);
    const start = process.cpuUsage();
    const count = tally.get(name) ?? { accepted: 0, refused: 0 };
    tally.set(name, count);
    const options = {
      file: 'dir/fuzz',
      abi: abis.x86_64,
      files,
      kernel: '6.1',
      exact: random.chance(0.5),
      as: random.chance(0.3) ? ('runc' as const) : undefined,
    };
    try {
      detectFormat(Buffer.from(text), text, 'fuzz');
      const { policy } = format.read!(text, options);
      for (const call of syscallNames(abis.x86_64))
        meaningOf(policy, abis.x86_64, syscallNumber(abis.x86_64, call)!);
      count.accepted++;
      reread(printPolicy(policy));
    } catch (error) {
      if (!(error instanceof SandboxError))
        throw new Error(`${name}: ${JSON.stringify(text)}`, { cause: error });
      count.refused++;
    }
    const used = process.cpuUsage(start);
    expect(used.user + used.system, `${name}: ${JSON.stringify(text)}`).toBeLessThan(LIMIT);
  }
  for (const [name, { accepted, refused }] of tally) {
    console.log(`${name}: ${accepted} accepted, ${refused} refused`);
    // A run in which one of them never happens has shown little.
    if (SECONDS >= 10) expect(Math.min(accepted, refused), name).toBeGreaterThan(0);
  }
});
