// Programs that users choose: by variables of the environment, and as their shells.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { choices, chosenIn } from '../../lib/analysis/files/chosen.ts';
import { wordsThatMatter } from '../../lib/analysis/files/named.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const cli = join(import.meta.dirname, '..', '..', 'bin', 'sandbox-run.cjs');
const folder = temporaryFolder('chosen');

/** A C program in PATH. */
const program = (name: string, main: string) =>
  execFileSync('gcc', ['-O2', '-w', '-x', 'c', '-', '-o', join(folder, name)], {
    input: `#define _GNU_SOURCE\n#include <sched.h>\n#include <stdlib.h>\n#include <sys/personality.h>\n#include <sys/resource.h>\n#include <unistd.h>\nint main(int count, char **words) { ${main} }`,
  });

/** Bare, and under --auto; with other variables each. */
function both(variables: Record<string, string>, ...words: string[]) {
  const env = {
    PATH: `${folder}:/usr/bin:/bin`,
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    ...variables,
  };
  const run = (all: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(all[0]!, all.slice(1), {
      encoding: 'utf8',
      env,
      cwd: folder,
    });
    return { status, stdout, stderr };
  };
  return [run(words), run([process.execPath, cli, '--auto', '--', ...words])] as const;
}

test('a program that a variable names, another one the next time', () => {
  // No shell makes these calls.
  program('asks', 'return getpriority(PRIO_PROCESS, 0) < 0 ? 3 : puts("asked") < 0;');
  program('turns', 'return personality(0xffffffff) < 0 ? 3 : puts("turned") < 0;');
  program('edit', 'char *one = getenv("VISUAL"); if (!one) return 4; execlp(one, one, (char *)0); return 5;');
  for (const one of ['asks', 'turns', join(folder, 'asks')]) {
    const [bare, auto] = both({ VISUAL: one }, 'edit');
    expect(bare.status).toBe(0);
    expect(auto).toEqual(bare);
  }
  // Variables that are there for something else count for nothing.
  const variables = (VISUAL: string) =>
    analysisOf(join(folder, 'edit'), { environment: { PATH: `${folder}:/usr/bin`, VISUAL, HOME: 'turns' } });
  expect(variables('asks').programs).toContain(join(folder, 'asks'));
  expect(variables('asks').programs).not.toContain(join(folder, 'turns'));
});

test('a program that is executed by another file than the one which reads the variable, and one that comes to be there', () => {
  execFileSync('gcc', ['-O2', '-w', '-shared', '-fPIC', '-x', 'c', '-', '-o', join(folder, 'libstarts.so')], {
    input: 'int execlp(); int starts(char *one) { return execlp(one, one, (char *)0); }',
  });
  execFileSync(
    'gcc',
    [
      ...['-O2', '-w', '-x', 'c', '-', '-o', join(folder, 'reads')],
      `-L${folder}`,
      '-lstarts',
      `-Wl,-rpath,${folder}`,
    ],
    {
      input:
        'char *getenv(); int starts(); int main() { char *one = getenv("THEPAGER"); return one ? starts(one) : 4; }',
    },
  );
  const late = join(folder, 'late');
  for (const isThere of [false, true]) {
    if (isThere) program('late', 'return personality(0xffffffff) < 0 ? 3 : puts("late") < 0;');
    const [bare, auto] = both({ THEPAGER: late }, 'reads');
    expect(bare.status === 0).toBe(isThere);
    expect(auto).toEqual(bare);
  }
});

test('a variable that other languages than a shell’s name', () => {
  for (const text of ['exec $ENV{EDITOR}', "os.execlp(os.environ['EDITOR'], 'x')"]) {
    expect(chosenIn(text, { EDITOR: 'true' }, '/usr/bin')).toEqual(['/usr/bin/true']);
    expect(wordsThatMatter([text], '/none')).toEqual([text]);
  }
});

test('a command that a script, or a command line, has from a variable', () => {
  const script = join(folder, 'shows');
  writeFileSync(script, '#!/bin/sh\n: | $TEST_PAGER x\n', { mode: 0o755 });
  for (const TEST_PAGER of ['asks', 'turns -x']) {
    const [bare, auto] = both({ TEST_PAGER }, script);
    expect(bare.status).toBe(0);
    expect(auto).toEqual(bare);
    const [other, held] = both({ TEST_PAGER }, 'sh', '-c', '$TEST_PAGER');
    expect(other.status).toBe(0);
    expect(held).toEqual(other);
  }
});

test('variables that are there for programs', () => {
  // Names with other letters are none that a program could ask for so.
  expect(choices({ 'A(B_SHELL': 'x', 'BASH_FUNC_PAGER%%': 'x', '[EDITOR': 'x' })).toEqual([]);
  const environment = {
    EDITOR: 'a',
    GIT_SSH_COMMAND: 'b -x',
    TERM: 'screen',
    PAGER: '',
    HOME: '/root',
    X: 'y',
  };
  expect(choices(environment)).toEqual([
    ['EDITOR', 'a'],
    ['GIT_SSH_COMMAND', 'b -x'],
  ]);
  expect(chosenIn('$EDITOR_X x', { EDITOR: 'true' }, '/usr/bin')).toEqual([]);
  expect(chosenIn(`\${EDITOR:-x}`, { EDITOR: 'true' }, '/usr/bin')).toEqual(['/usr/bin/true']);
});

test('who starts users’ shells can start those that they have', () => {
  const [, shell] = /^root:.*:([^:\n]*)$/m.exec(readFileSync('/etc/passwd', 'utf8'))!;
  const { programs, files } = analysisOf('/usr/bin/su');
  expect(programs).toContain(realpathSync(shell!));
  expect(files).toContain('/etc/passwd');
  expect(analysisOf('/usr/bin/env').files).not.toContain('/etc/passwd');
});
