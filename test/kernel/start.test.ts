// How a start ends where there is nothing to refuse: exit statuses, signals of death, and the words, variables and
// files that reach the program.

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faces, inPlace, run } from './face.ts';
import { allBut, minimal } from './policies.ts';
import { file, program, stage } from './stage.ts';
import { users } from './users.ts';

const all = allBut();

// Files that cannot be started, each in its own way.
const notExecutable = file('#!/bin/sh\n', 'files/not-executable', 0o644);
const noInterpreter = file('#!/nonexistent/interpreter\n', 'files/no-interpreter', 0o755);
const noFormat = file('echo hello\n', 'files/no-format', 0o755);
const script = file('#!/bin/sh\necho "script $1"\n', 'files/a-script', 0o755);
const folder = join(stage, 'files', 'folder');
mkdirSync(folder, { recursive: true });
const dangling = join(stage, 'files', 'dangling');
symlinkSync('/nonexistent/target', dangling);
const lowerStack = file(
  "require('child_process').execFileSync('prlimit', ['--pid', process.pid, '--stack=4194304:'])",
  'files/lower-stack.cjs',
);
const path = { PATH: `${join(stage, 'files')}:/usr/bin:/bin` };

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    const start = (command: readonly string[], more: object = {}) =>
      run(face, { policy: all, command, user, ...more });

    test.each([0, 1, 42, 125, 126, 127, 255])('exit status %d is the program’s own', async (status) => {
      expect(await start([program('probe'), 'exit', String(status)])).toMatchObject({
        status,
        signal: null,
        stderr: '',
      });
    });

    test.each([
      ['SIGTERM', 15],
      ['SIGKILL', 9],
      ['SIGPIPE', 13],
      ['SIGUSR1', 10],
      ['SIGABRT', 6],
    ])('death by %s is real', async (signal, number) => {
      expect(await start([program('probe'), 'die', String(number)])).toMatchObject({ status: null, signal });
    });

    test.each([
      ['a name that is nowhere in PATH', ['no-such-program'], 127, /no-such-program: not found in PATH/],
      ['a path that does not exist', ['/nonexistent/program'], 127, /\/nonexistent\/program: no such file/],
      ['an empty name', [''], 127, /name of the program is empty/],
      ['a dangling link', [dangling], 127, /symbolic link to \/nonexistent\/target, which does not exist/],
      ['a script whose interpreter is missing', [noInterpreter], 127, /interpreter or loader does not exist/],
      ['a folder', [folder], 126, /is a directory/],
      ['a folder in PATH', ['folder'], 126, /is a directory/],
      ['a file without execute permission', [notExecutable], 126, /permission denied[\s\S]*chmod \+x/],
      ['one without execute permission in PATH', ['not-executable'], 126, /permission denied/],
      ['a path through a file', [`${script}/x`], 126, /not a directory/],
      ['a file that is no program', [noFormat], 126, /neither a program for this machine nor a script/],
      ['a device', ['/dev/null'], 126, /not a regular file/],
    ] as const)('%s', async (_, command, status, message) => {
      const ending = await start(command, { env: path });
      expect(ending).toMatchObject({ status, signal: null, stdout: '' });
      expect(ending.stderr).toMatch(/^sandbox-run: /);
      expect(ending.stderr).toMatch(message);
      // What was wrong, and below it what to do; no more.
      expect(ending.stderr).toMatch(/^[^\n]+\n {2}[^\n]+\n$/);
    });

    test('a failed exec is reported although write and exit_group are refused', async () => {
      // The policy lets nothing through: reason and status pass by the cookie alone.
      for (const [command, status] of [
        [noFormat, 126],
        [noInterpreter, 127],
      ] as const) {
        const ending = await start([command], { policy: 'default kill\n' });
        expect(ending).toMatchObject({ status, signal: null });
        expect(ending.stderr).toMatch(/^sandbox-run: .+\n {2}.+\n$/);
      }
    });

    // A launcher without Node starts with the words that the program gets, or more; so they fit.
    const tooLong = async () => {
      // What Node itself was started with always fits, unless the limit, a quarter of the stack's, sinks meanwhile.
      const words = Array.from({ length: 12 }, () => 'x'.repeat(100_000));
      const env = { NODE_OPTIONS: `--require=${lowerStack}` };
      expect(await start([program('probe'), 'exit', '3', ...words])).toMatchObject({ status: 3 });
      const ending = await start([program('probe'), 'exit', '3', ...words], { env });
      expect(ending).toMatchObject({ status: 126, stdout: '' });
      expect(ending.stderr).toMatch(/too long \(E2BIG\)/);
    };
    if (face.hasNode) test('an argument list that is too long', tooLong);

    test('a script runs, and names without a slash are found in PATH', async () => {
      expect(await start([script, 'one'])).toMatchObject({ status: 0, stdout: 'script one\n' });
      expect(await start(['a-script', 'two'], { env: path })).toMatchObject({
        status: 0,
        stdout: 'script two\n',
      });
      const here = { cwd: join(stage, 'files') };
      expect(await start(['./a-script', 'three'], here)).toMatchObject({ stdout: 'script three\n' });
      expect(await start(['a-script', 'four'], { ...here, env: { PATH: ':/bin' } })).toMatchObject({
        stdout: 'script four\n',
      });
      const outside = await start(['a-script'], here);
      expect(outside).toMatchObject({ status: 127 });
      expect(outside.stderr).toContain('./a-script');
    });

    test('an unset PATH means the system’s default', async () => {
      const ending = await start(['true'], {
        wrap: (all: readonly string[]) => ['/usr/bin/env', '-u', 'PATH', ...all],
      });
      expect(ending).toMatchObject({ status: 0, stderr: '' });
    });

    test('argv arrives byte for byte', async () => {
      // Bytes that are no UTF-8 cannot go through Node's spawn: a shell's printf makes them.
      const ending = await start([program('probe'), 'arguments', '', 'a b', 'é'], {
        wrap: (all: readonly string[]) => [
          '/bin/sh',
          '-c',
          'exec "$@" "$(printf \'\\377\\376x\')" ""',
          'sh',
          ...all,
        ],
      });
      const hex = (text: string) => Buffer.from(text).toString('hex');
      const words = ['arguments', '', 'a b', 'é'].map(hex);
      expect(ending.stdout.split('\n').slice(1, -1)).toEqual(
        [...words, 'fffe78', ''].map((one) => `[${one}]`),
      );
    });

    test('a program whose name is no UTF-8', async () => {
      const ending = await start([], {
        cwd: join(stage, 'files'),
        wrap: (all: readonly string[]) => [
          '/bin/sh',
          '-c',
          'd=$(mktemp -d) && cp a-script "$d/$(printf \'s\\351\')" && "$@" "$d/$(printf \'s\\351\')" raw; rm -r "$d"',
          'sh',
          ...all,
        ],
      });
      expect(ending).toMatchObject({ stdout: 'script raw\n', stderr: '' });
    });

    test('a large environment arrives whole, and none of our own variables', async () => {
      const variables = Object.fromEntries(
        Array.from({ length: 1000 }, (_, index) => [`VARIABLE_${index}`, 'v'.repeat(100)]),
      );
      const command = [program('probe'), 'environment'];
      const bare = await run(face, { command, env: variables, user });
      expect(Number(/bytes (\d+)/.exec(bare.stdout)?.[1])).toBeGreaterThan(100_000);
      const inside = await start(command, { env: variables });
      expect(inside.stdout).toBe(bare.stdout);
    });

    test('a variable that is no UTF-8 arrives byte for byte', async () => {
      const ending = await start([program('probe'), 'variable', 'RAW'], {
        wrap: (all: readonly string[]) => [
          '/bin/sh',
          '-c',
          'RAW=$(printf \'\\377y\') exec "$@"',
          'sh',
          ...all,
        ],
      });
      expect(ending.stdout).toBe('\xffy\n');
    });
  });
}

test('no exit handler and no timer of the launcher runs', async () => {
  const command = [program('probe'), 'say', 'only this'];
  const ending = await run(inPlace, { policy: minimal, command, env: { TELL_EXIT: '1' } });
  expect(ending).toMatchObject({ status: 0, stdout: 'only this\n', stderr: '' });
  // They would have spoken: where the launch fails before the filter, the handler does.
  const failed = await run(inPlace, { policy: minimal, command: ['/nonexistent'], env: { TELL_EXIT: '1' } });
  expect(failed.stderr).toContain('an exit handler ran');
});
