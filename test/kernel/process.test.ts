// The program stands where the launcher stood: same process, same terminal, signals, and limits, nobody beside or above it.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Face, faces, run, type Start, whenReady } from './face.ts';
import { allBut } from './policies.ts';
import { file, program, stage } from './stage.ts';
import { users } from './users.ts';

const all = allBut();

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    const start = (words: readonly string[], more: Partial<Start> = {}) =>
      run(face, { policy: all, command: [program('probe'), ...words], user, ...more });

    test('the process is the one that was started', async () => {
      const ending = await start(['pid']);
      expect(ending.stdout).toBe(`${ending.pid}\n`);
    });

    test('it has no child', async () => {
      expect((await start(['child'])).stdout).toBe('-1 ECHILD\n');
    });

    test('it has one thread, no tracer, and no_new_privs', async () => {
      expect((await start(['status', 'TracerPid'])).stdout).toBe('TracerPid:\t0\n');
      expect((await start(['status', 'Threads'])).stdout).toBe('Threads:\t1\n');
      expect((await start(['status', 'NoNewPrivs'])).stdout).toBe('NoNewPrivs:\t1\n');
      expect((await start(['status', 'Seccomp'])).stdout).toBe('Seccomp:\t2\n');
    });

    test.each([
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'SIGUSR1',
      'SIGUSR2',
      'SIGALRM',
    ] as const)('%s reaches it', async (signal) => {
      const ending = await run(face, { policy: all, command: [program('probe'), 'wait'], user }, (child) =>
        whenReady(child, () => child.kill(signal)),
      );
      expect(ending).toMatchObject({ status: null, signal, stdout: 'ready\n' });
    });

    test('signals are as a program expects them: all default, none blocked', async () => {
      expect((await start(['signals'])).stdout).toBe('not default: blocked: 0\n');
    });

    test('a closed pipe ends it as it ends others', async () => {
      const wrap = (words: readonly string[]) => [
        '/bin/bash',
        '-c',
        '"$@" | true; echo $PIPESTATUS',
        'bash',
        ...words,
      ];
      const ending = await run(face, { policy: all, command: ['yes'], user, wrap });
      expect(ending.stdout).toBe('141\n');
    });

    test('a signal that comes at any moment of the start ends it, with its own status', async () => {
      for (let delay = 0; delay < 40; delay += 2) {
        const ending = await run(
          face,
          { policy: allBut('kill rt_sigreturn, futex'), command: ['sleep', '5'], user },
          (child) => {
            setTimeout(() => child.kill('SIGTERM'), delay);
          },
        );
        expect(ending).toMatchObject({ status: null, signal: 'SIGTERM', stderr: '' });
      }
    });

    test('^C on its terminal, and the terminal stays one', async () => {
      const onTerminal = (keys: string, words: readonly string[]) =>
        start(words, { wrap: (command) => [program('pty'), keys, ...command] });
      expect((await onTerminal('\x03', ['wait'])).stdout).toMatch(/ready[\s\S]*signal 2\n$/);
      expect((await onTerminal('\x1c', ['wait'])).stdout).toMatch(/ready[\s\S]*signal 3\n$/);
      expect((await onTerminal('', ['tty'])).stdout).toBe('1 1 1\r\nexit 0\n');
      expect((await onTerminal('', ['blocking'])).stdout).toBe('111\r\nexit 0\n');
      expect((await onTerminal('', ['call', '99999'])).stdout).toMatch(/exit 0\n$/);
    });

    test('its terminal keeps its settings', async () => {
      const wrap = (words: readonly string[]) => [
        program('pty'),
        '',
        '/bin/sh',
        '-c',
        'stty -echo -icanon min 1; stty -a >&2; "$@"; stty -a',
        'sh',
        ...words,
      ];
      const settings = (text: string) => /-icanon/.test(text) && /-echo /.test(text);
      expect(settings((await start(['exit', '0'], { wrap })).stdout)).toBe(true);
    });

    test('standard streams as pipes', async () => {
      const wrap = (words: readonly string[]) => [
        '/bin/sh',
        '-c',
        'printf "from a pipe" | "$@" | cat',
        'sh',
        ...words,
      ];
      expect((await start(['input'], { wrap })).stdout).toBe('from a pipe');
      expect((await start(['blocking'], { wrap })).stdout).toBe('111\n');
    });

    test('standard streams as files', async () => {
      const input = file('from a file', 'input');
      const output = join(stage, `output-${user.name.replaceAll(' ', '-')}`);
      const stdio = [openSync(input, 'r'), openSync(output, 'w'), 'pipe'] as const;
      const ending = await start(['input'], { stdio: [...stdio] });
      closeSync(stdio[0]);
      closeSync(stdio[1]);
      expect(ending).toMatchObject({ status: 0, stderr: '' });
      expect(readFileSync(output, 'utf8')).toBe('from a file');
    });

    test('the limit of open files is the caller’s', async () => {
      const limit = async (shell: string, how: Face | undefined) =>
        (
          await run(face, {
            ...(how === undefined ? {} : { policy: all }),
            command: [program('probe'), 'limit'],
            user,
            wrap: (words) => ['/bin/sh', '-c', `${shell}; "$@"; :`, 'sh', ...words],
          })
        ).stdout;
      for (const shell of [':', 'ulimit -S -n 100', 'ulimit -n 200']) {
        const bare = await limit(shell, undefined);
        expect(bare).toMatch(/^\d+ \d+\n$/);
        expect(await limit(shell, face)).toBe(bare);
      }
      // Two different limits, or the test above shows nothing.
      expect(await limit('ulimit -S -n 100', face)).toMatch(/^100 /);
    });

    test('working directory, umask and niceness stay', async () => {
      const ending = await run(face, {
        policy: all,
        user,
        command: ['/bin/sh', '-c', 'pwd; umask; nice'],
        wrap: (words) => ['/bin/sh', '-c', 'cd /usr && umask 027 && exec nice -n 5 "$@"', 'sh', ...words],
      });
      // The tests may themselves run with a niceness.
      expect(ending.stdout).toBe(`/usr\n0027\n${Math.min(getPriority() + 5, 19)}\n`);
    });
  });
}
