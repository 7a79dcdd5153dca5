// Inherited descriptors arrive, whatever they are and wherever; those that Node opened for itself do not.

import { describe, expect, test } from 'vitest';
import { faces, run } from './face.ts';
import { allBut } from './policies.ts';
import { file, program } from './stage.ts';
import { users } from './users.ts';

const all = allBut();

/** What the caller has open besides 0, 1 and 2, as programs/carrier.c makes it. */
const layouts: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['a file at 3', 'file@3'],
  ['LISTEN_FDS: sockets from 3', 'socket@3 socket@4 socket@5'],
  ['a lock file behind a gap', 'file@9'],
  ['/dev/null behind a gap', 'null@9'],
  ['process substitution', 'file@63'],
  ['files among Node’s own', 'file@4 socket@6 file@8 file@10 file@12 file@15 file@16 file@17 file@18'],
  ['make’s jobserver: both ends of a pipe', 'pipe@3,4'],
  ['a jobserver behind a gap, where Node’s are', 'pipe@8,9'],
  ['a jobserver directly behind Node’s first', 'pipe@4,5'],
  ['two pipes and a file', 'pipe@5,6 pipe@7,10 file@12'],
  ['both ends of a pipe the other way round', 'pipe@9,8'],
  ['an event poll and an event descriptor below Node’s', 'epoll@3 eventfd@4'],
  ['what looks like a libuv loop below Node’s', 'epoll@3 pipe@4,5 pipe@6,7 eventfd@8'],
  ['an event descriptor behind a gap', 'eventfd@7'],
  ['an event poll behind a gap', 'epoll@7'],
  ['a high descriptor', 'file@700'],
];

/** Those that only the parent's table can tell apart, in some version of Node: if nobody else holds them, Node's look just
 * alike there. (Where io_uring is in use it takes the number behind each event poll.) */
const needParent = new Set(['pipe@4,5', 'pipe@5,6 pipe@7,10 file@12', 'eventfd@7', 'epoll@7']);

const numbers = (layout: string) =>
  ['0', '1', '2', ...(layout.match(/\d+/g) ?? [])]
    .map(Number)
    .sort((a, b) => a - b)
    .join(' ');

for (const face of faces) {
  describe.each(users)(`${face.name} as $name`, (user) => {
    describe.each(layouts)('%s', (_, layout) => {
      const carried = (words: readonly string[], ...before: string[]) =>
        run(face, {
          policy: all,
          user,
          command: [program('probe'), ...words],
          wrap: (command) => [program('carrier'), layout, ...before, ...command],
        });

      test('with a parent that holds them too', async () => {
        expect((await carried(['descriptors'])).stdout).toBe(`${numbers(layout)}\n`);
      });

      if (!face.hasNode || !needParent.has(layout))
        test('with a caller that became the launcher', async () => {
          expect((await carried(['descriptors'], 'exec')).stdout).toBe(`${numbers(layout)}\n`);
        });

      const pipe = /pipe@(\d+)/.exec(layout)?.[1];
      if (pipe !== undefined)
        test('the right pipe arrives, with what is in it', async () => {
          expect((await carried(['read-from', pipe!])).stdout).toBe('5 token\n');
        });
    });

    test('the environment of a socket-activated program is not touched', async () => {
      const ending = await run(face, {
        policy: all,
        user,
        command: [program('probe'), 'variable', 'LISTEN_FDS'],
        env: { LISTEN_FDS: '3' },
      });
      expect(ending.stdout).toBe('3\n');
    });

    test('bash’s process substitution can be read', async () => {
      const ending = await run(face, {
        policy: all,
        user,
        command: ['cat'],
        wrap: (words) => ['/bin/bash', '-c', '"$@" <(echo substituted)', 'bash', ...words],
      });
      expect(ending).toMatchObject({ status: 0, stdout: 'substituted\n' });
    });

    test('make’s jobserver works inside', async () => {
      const ending = await run(face, {
        policy: all,
        user,
        cwd: '/tmp',
        command: ['sh', '-c', 'echo "$MAKEFLAGS"; for i in /proc/self/fd/*; do readlink $i; done'],
        wrap: (words) => [
          'make',
          '--no-print-directory',
          '-j2',
          '-f',
          file(`all:\n\t+@${words.map(quoted).join(' ')}\n`),
        ],
      });
      const auth = /--jobserver-(?:auth|fds)=(\S+)/.exec(ending.stdout)?.[1];
      expect(auth, ending.stdout + ending.stderr).toBeDefined();
      // GNU make up to 4.3 hands on two descriptors of a pipe; 4.4 names a fifo.
      if (auth!.includes(',')) expect(ending.stdout.match(/^pipe:/gm)!.length).toBeGreaterThanOrEqual(2);
      else expect(auth).toMatch(/^fifo:/);
    });
  });
}

/** A word for a shell in a makefile's recipe. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''").replaceAll('$', '$$$$')}'`;
}
