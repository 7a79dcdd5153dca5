// Scripts under --auto: the programs that they name, and the scripts among them, with theirs.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { programsIn } from '../../lib/analysis/programs.ts';
import { temporaryFolder } from '../support/temporary.ts';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = temporaryFolder('scripts');
const env = {
  HOME: folder,
  PATH: `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`,
  XDG_CACHE_HOME: join(folder, 'cache'),
};
const start = (program: string, ...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env, cwd: folder });
  return { status, stdout, stderr };
};
const held = (...words: string[]) => start(process.execPath, cli, '--auto', '--', ...words);
const script = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
};

test('a script that starts only another one of the same shell, which starts programs', () => {
  // As zfgrep starts zgrep.
  script('inner', '#!/bin/sh\necho inner; printf x | wc -c\n');
  const outer = script('outer', '#!/bin/sh\nexec inner "$@"\n');
  expect(start(outer)).toEqual({ status: 0, stdout: 'inner\n1\n', stderr: '' });
  expect(held(outer)).toEqual(start(outer));
});

test('a program in a folder that a variable holds', () => {
  const file = script(
    'variable',
    '#!/bin/sh\nbin=`echo /usr/bin`\nprintf x | "$bin/wc" -c\nprintf x | $bin/rev\n',
  );
  expect(start(file)).toEqual({ status: 0, stdout: '1\nx', stderr: '' });
  expect(held(file)).toEqual(start(file));
});

test('comments and pages of documentation name nothing', () => {
  const named = (text: string) => programsIn(text, '/usr/bin').map((path) => path.slice('/usr/bin/'.length));
  expect(named('#!/usr/bin/dash\n# rev this\n  # or xz\nwc -c < /dev/null # tac\n')).toEqual([
    'dash',
    'wc',
    'tac',
  ]);
  const pages =
    '\n=head1 NAME\n\nxz - cat\n\n=cut\n\nprint `wc -c`;\n\n=pod\n\nrev\n\n=cut\n\nsystem "tac"\n';
  expect(named(`#!/usr/bin/perl\n${pages}`)).toEqual(['perl', 'wc', 'tac']);
  // What only looks like a comment.
  expect(named('#!/usr/bin/node\nclass A {\n  #tool = "xz";\n}\n')).toContain('xz');
  expect(named('#!/usr/bin/ruby\nsystem <<~END\n  #{before} xz -9\nEND\n')).toContain('xz');
  // A shell script may print such a page.
  expect(named(`#!/usr/bin/dash\n${pages}`)).toContain('rev');
});
