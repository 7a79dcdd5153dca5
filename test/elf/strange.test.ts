// Files made by hand (strange.ts): read and analysed, each comes to the answer or the error that it has to, soon and within memory.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SandboxError } from '../../lib/errors.ts';
import { analysisOf } from '../analysis/programs.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { needing } from './made.ts';
import { strange } from './strange.ts';

const folder = temporaryFolder('strange');
/** Processor time, in ms: they are tiny, or large on purpose. */
const LIMIT = 5000;

function found(file: string): readonly string[] | string {
  try {
    const analysis = analysisOf(file);
    if (analysis.unknown.length > 0) return 'the number of a call is not known';
    return [...analysis.calls]
      .filter(([, site]) => site !== undefined && site.module.path !== '[vdso]')
      .map(([name]) => name);
  } catch (error) {
    if (!(error instanceof SandboxError) || error.advice === '') throw error;
    return error.message;
  }
}

test.each(strange)('$name', ({ name, bytes, expected }) => {
  const file = join(folder, String(strange.findIndex((one) => one.name === name)));
  writeFileSync(file, bytes, { mode: 0o755 });
  const before = process.cpuUsage();
  const answer = found(file);
  const { user, system } = process.cpuUsage(before);
  if (expected instanceof RegExp) expect(answer).toMatch(expected);
  else expect(answer).toEqual(expected);
  expect((user + system) / 1000).toBeLessThan(LIMIT);
});

test('libraries that need each other, themselves, and the program', () => {
  const file = join(folder, 'loop');
  writeFileSync(file, needing('libone.so', 'libtwo.so'), { mode: 0o755 });
  writeFileSync(join(folder, 'libone.so'), needing('libtwo.so', 'libone.so'));
  writeFileSync(join(folder, 'libtwo.so'), needing('libone.so', 'loop'));
  expect(found(file)).toEqual(['exit', 'getpid']);
});
