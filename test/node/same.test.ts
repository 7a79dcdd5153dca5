// Our functions do what Node's own do, in everything that can be seen, as long as nothing is refused: a table of starts, each made bare and
// inside a filter, and compared as a whole. The filters do refuse something, look at arguments, and forbid exec once the program runs.

import { expect, test } from 'vitest';
import { cases } from './cases.ts';
import { bare, inSandbox } from './observe.ts';

/** Nothing that these programs use. */
const policy = 'default allow\nerrno EPERM ptrace, socket(family == 200)';

test.concurrent.each(Object.entries(cases))('%s', async (_, run) => {
  const [expected, seen] = [await run(bare), await run(inSandbox(policy))];
  expect(seen).toEqual(expected);
});

test('the table is long', () => {
  expect(Object.keys(cases).length).toBeGreaterThanOrEqual(60);
});
