// What recording costs: microseconds added to each recorded call, beside strace's two ways, in one run.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import {
  buildHelper,
  hasCommand,
  measuringEnvironment,
  median,
  needs,
  type Section,
  table,
} from '../section.ts';

const CALLS = 50_000;
const ROUNDS = 5;

export const recording: Section = {
  name: 'recording',
  title: 'Recording: added to each recorded call',
  needs: [needs.gcc, { package: 'strace', isThere: () => hasCommand('strace') }],
  run(places) {
    const program = buildHelper(places, 'calls');
    const command = join(places.bench, '..', 'bin', 'sandbox-run.cjs');
    const learn = (...more: string[]) => [
      process.execPath,
      command,
      'learn',
      ...more,
      '--record',
      join(places.scratch, 'run.rec'),
      '--',
    ];
    const ways: readonly (readonly [string, readonly string[]])[] = [
      ['bare', []],
      ['sandbox-run learn', learn()],
      ['sandbox-run learn --fast', learn('--fast')],
      ['strace -f -c', ['strace', '-f', '-c', '-o', '/dev/null']],
      [
        'strace -f --seccomp-bpf',
        ['strace', '-f', '--seccomp-bpf', '-e', 'trace=getppid,sendto,recvfrom', '-o', '/dev/null'],
      ],
    ];
    const times = ways.map(([name, words]) => ({ name, runs: [] as number[][], words }));
    // In turns, so that a busy moment of the machine hits all.
    for (let round = 0; round < ROUNDS; round++)
      for (const one of times) one.runs.push(measure([...one.words, program, String(CALLS)]));
    const bare = times[0]!.runs;
    return [
      `Medians of ${ROUNDS} runs in turns, µs for a call: getppid, and a byte to another process and back through a socket pair, for each of the four calls.\n`,
      table(
        ['recorder', 'getppid', 'added', 'socket', 'added'],
        times.map(({ name, runs }) => [
          name,
          ...[0, 1].flatMap((which) => {
            const time = median(runs.map((run) => run[which]!));
            return [time.toFixed(2), (time - median(bare.map((run) => run[which]!))).toFixed(2)];
          }),
        ]),
      ),
    ].join('\n');
  },
};

/** The program says what a call took, in ns: getppid, then the pipe. */
function measure(words: readonly string[]): number[] {
  const result = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', env: measuringEnvironment() });
  const found = /(\d+) (\d+)/.exec(result.stdout);
  if (found === null)
    throw new Error(`${words.join(' ')} ended with ${result.status ?? result.signal}: ${result.stderr}`);
  return found.slice(1, 3).map((text) => Number(text) / 1000);
}
