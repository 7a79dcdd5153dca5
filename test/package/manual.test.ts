// The manual page in the package: what is in it, and that groff, man and mandoc find nothing to complain of.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, inject, test } from 'vitest';
import { hasCommand } from '../../bench/section.ts';
import { commands } from '../../lib/cli/commands/index.ts';
import { runTable } from '../../lib/cli/options.ts';
import { notTried } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const folder = join(temporaryFolder('manual'), 'package');
let page: string;
let language: string;
let shown: string;

beforeAll(() => {
  const [tarball] = inject('packed').tarballs;
  expect(spawnSync('tar', ['xzf', tarball, '-C', join(folder, '..')]).status).toBe(0);
  const { man } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  [page, language] = (man as string[]).map((name) => join(folder, name)) as [string, string];
  const env = { ...process.env, MANPAGER: 'cat', MANWIDTH: '200', LC_ALL: 'C.UTF-8' };
  if (hasCommand('man')) shown = spawnSync('man', ['-l', page], { encoding: 'utf8', env }).stdout;
});

test.for<readonly [string, string, ...string[]]>([
  ['man', 'man-db', '--warnings', '-l'],
  ['groff', 'groff', '-ww', '-man', '-Tutf8', '-z'],
  ['mandoc', 'mandoc', '-T', 'lint', '-W', 'warning'],
])('%s has no complaint', ([tool, debian, ...words], { skip }) => {
  if (!hasCommand(tool)) {
    notTried(`the manual page under ${tool}`, `it needs Debian package ${debian}`);
    skip();
  }
  const env = { ...process.env, MANPAGER: 'cat', LC_ALL: 'C.UTF-8' };
  for (const one of [page, language]) {
    const { status, stdout, stderr } = spawnSync(tool, [...words, one], { encoding: 'utf8', env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    if (tool === 'mandoc') expect(stdout).toBe('');
  }
});

test('every option, command and example is in it', ({ skip }) => {
  if (shown === undefined) skip();
  const squeezed = shown.replace(/[\u2010\u2011]\n\s*/g, '').replace(/\s+/g, ' ');
  expect(squeezed).toMatch(
    /^SANDBOX-RUN\(1\) User Commands SANDBOX-RUN\(1\) NAME sandbox-run - start a program/,
  );
  for (const { name } of runTable) expect(squeezed).toContain(` --${name} `);
  for (const { name, options, examples } of commands) {
    for (const option of options) expect(squeezed).toContain(` --${option.name} `);
    for (const [example] of examples)
      expect(squeezed).toContain(example.replaceAll('$0', 'sandbox-run').replace(/\s+/g, ' '));
    expect(squeezed).toContain(`sandbox-run ${name} `);
  }
});
