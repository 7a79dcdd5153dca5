// Recording and explaining change nothing that a program could see: output and status are those of a bare run, for programs that are
// sensitive to signals, stops, timing and process trees. `npm run test:transparency` does each ten times.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { file, program, wholeCommand } from '../kernel/stage.ts';
import { notTried, users } from '../kernel/users.ts';
import { temporaryFolder } from '../support/temporary.ts';

const ROUNDS = Number(process.env.TRANSPARENCY_ROUNDS ?? 1);

const shell = (text: string) => ['/bin/dash', file(`${text}\n`)];

/** What it needs beside the tests' own, and the Debian package that brings it. */
type Case = readonly [
  name: string,
  command: () => readonly string[],
  needs?: readonly [path: string, debian: string],
];

const cases: readonly Case[] = [
  ['exit status', () => ['/bin/sh', '-c', 'exit 42']],
  ['death by a signal', () => ['/bin/sh', '-c', 'kill -USR1 $$']],
  ['death by abort', () => ['/bin/sh', '-c', 'ulimit -c 0; kill -ABRT $$']],
  [
    'dash with 1500 background jobs',
    () =>
      shell(
        'i=0; while [ $i -lt 1500 ]; do (exit $((i % 7))) & i=$((i+1)); done; wait; echo "$i"; echo a | cat | tr a b',
      ),
  ],
  [
    'dash with pipelines',
    () =>
      shell('i=0; while [ $i -lt 100 ]; do echo "$i" | cat | grep -c . ; i=$((i+1)); done | sort | uniq -c'),
  ],
  ['signals without SA_RESTART', () => [program('supervise/programs/storm')]],
  [
    'job control: stopped, seen as stopped, continued',
    () => [
      '/bin/bash',
      '--norc',
      '-c',
      'set -m; sleep 0.4 & kill -STOP %1; sleep 0.1; jobs -s | grep -c Stopped; kill -CONT %1; wait %1; echo $?',
    ],
  ],
  [
    'children: killed, waited for, given up',
    () => [
      '/bin/bash',
      '--norc',
      '-c',
      'sleep 10 & kill -TERM $!; wait $!; echo $?; (sleep 0.1 & exit 0); echo $?; exec 3< <(echo in); cat <&3',
    ],
  ],
  ['exec in threads and scripts', () => ['/bin/sh', '-c', 'exec /bin/sh -c "exec /bin/echo $$ | wc -l"']],
  ['timers', () => ['/usr/bin/timeout', '0.2', 'sleep', '5']],
  [
    'make -j',
    () => {
      const folder = temporaryFolder('make');
      writeFileSync(
        join(folder, 'Makefile'),
        `all: ${Array.from({ length: 30 }, (_, i) => `t${i}`).join(' ')}\n\t@echo all\n%:\n\t@sleep 0.01; true\n`,
      );
      spawnSync('chmod', ['-R', 'a+rX', folder]);
      return ['/usr/bin/make', '-s', '-j4', '-C', folder];
    },
    ['/usr/bin/make', 'make'],
  ],
  [
    'python’s multiprocessing',
    () => [
      '/usr/bin/python3',
      '-c',
      'import multiprocessing as m\nif __name__ == "__main__":\n  with m.get_context("fork").Pool(4) as p: print(sum(p.map(abs, range(-200, 0))))',
    ],
    ['/usr/bin/python3', 'python3'],
  ],
  [
    'git',
    () => {
      const folder = temporaryFolder('git');
      mkdirSync(join(folder, 'at'));
      spawnSync('chmod', ['-R', '0777', folder]);
      return shell(
        `rm -rf ${folder}/at/r; export HOME=${folder}; git init -q ${folder}/at/r && cd ${folder}/at/r && for i in 1 2 3; do echo $i > f; git add f; git -c user.name=a -c user.email=a@b commit -qm $i; done; git log --format=%s; git status --short | wc -l`,
      );
    },
    ['/usr/bin/git', 'git'],
  ],
  [
    'workers of node',
    () => [
      process.execPath,
      '-e',
      'const {Worker}=require("worker_threads");let n=0;for(let i=0;i<4;i++)new Worker("require(\'worker_threads\').parentPort.postMessage(1)",{eval:true}).on("message",()=>{n++}).on("exit",()=>{if(n===4&&!global.d){global.d=1;console.log(n);}});',
    ],
  ],
];

describe.each(users)('as $name', (user) => {
  const run = (words: readonly string[]) => {
    const { status, signal, stdout, stderr } = spawnSync(words[0]!, words.slice(1), {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      timeout: 60_000,
      ...(user.uid === undefined ? {} : { uid: user.uid, gid: user.gid }),
    });
    return { status, signal, stdout, stderr };
  };

  test.each(cases.map(([name, command, needs]) => ({ name, command, needs })))(
    '$name',
    ({ command, needs }) => {
      if (needs !== undefined && spawnSync(needs[0], ['--version']).error !== undefined) {
        // A bare machine has not all of them; the long run has to have them.
        if (ROUNDS > 1 || process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined)
          throw new Error(`this test needs ${needs[0]}, of Debian's package ${needs[1]}`);
        notTried(needs[0], `install Debian's package ${needs[1]} for that`);
        return;
      }
      const words = command();
      const bare = run(words);
      for (let round = 0; round < ROUNDS; round++) {
        const folder = temporaryFolder('learn');
        spawnSync('chmod', ['0777', folder]);
        const recording = join(folder, 'run.rec');
        const learnt = run([
          process.execPath,
          wholeCommand(),
          'learn',
          '--all',
          '--record',
          recording,
          '--',
          ...words,
        ]);
        expect(learnt).toEqual(bare);
        // It was recorded at all.
        expect(spawnSync('grep', ['-c', '"call"', recording], { encoding: 'latin1' }).stdout).toMatch(
          /^[1-9]/,
        );
      }
    },
    120_000 * ROUNDS,
  );

  // Each process that starts makes two calls that are refused, as in a kernel that lacks them.
  test.each(cases.map(([name, command]) => ({ name, command })))(
    'under --explain: $name',
    ({ command }) => {
      const words = command();
      const bare = run(words);
      const policy = file('default allow\nerrno ENOSYS rseq, set_robust_list\n');
      for (let round = 0; round < ROUNDS; round++) {
        const tool = [process.execPath, wholeCommand(), '--explain', '--policy', policy];
        const { stderr, ...explained } = run([...tool, '--', ...words]);
        expect(explained).toEqual({ status: bare.status, signal: bare.signal, stdout: bare.stdout });
        // Its own words stand between our lines.
        const own = stderr.split('\n').filter((line) => !line.startsWith('{"level":'));
        expect(own.join('\n')).toBe(bare.stderr);
        expect(Number(/"refusals":(\d+)/.exec(stderr)?.[1])).toBeGreaterThan(0);
      }
    },
    120_000 * ROUNDS,
  );

  test('a stop from outside is seen by the shell that started it, as is the end', () => {
    const learn = `${process.execPath} ${wholeCommand()} learn --record /dev/null -- sleep 5`.replace(
      '--record /dev/null',
      '--names-only',
    );
    const { stdout } = run([
      '/bin/bash',
      '--norc',
      '-c',
      `set -m; ${learn} 2>/dev/null & sleep 0.7; kill -TSTP %1; sleep 0.2; jobs -s | grep -c Stopped; kill -CONT %1; kill -TERM %1; wait %1; echo $?`,
    ]);
    expect(stdout).toBe('1\n143\n');
  });
});
