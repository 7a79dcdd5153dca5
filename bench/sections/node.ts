// What the sandboxed functions for Node add to Node's own: until the program has ended, and in the call alone, which waits for exec.

import childProcess, { type ChildProcess, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { benchPolicy, median, type Section, table } from '../section.ts';

const ROUNDS = 151;
const PROGRAM = '/bin/true';
const options: { stdio: StdioOptions } = { stdio: 'ignore' };

export const node: Section = {
  name: 'node',
  title: `Starts of ${PROGRAM} from Node inside Docker’s profile`,
  needs: [],
  async run(places) {
    // As it is installed, because it looks for its native part beside itself.
    const library = pathToFileURL(join(places.bench, '..', 'dist', 'lib', 'index.js')).href;
    const { spawn, spawnSync } = (await import(library)) as typeof import('../../lib/index.ts');
    const sandboxed = { ...options, sandbox: benchPolicy(places, 'b-docker') };
    const main = { ...options, sandbox: { policy: sandboxed.sandbox, at: 'main' as const } };
    const rows = [
      { label: 'spawn of Node', start: () => childProcess.spawn(PROGRAM, [], options) },
      { label: 'spawn', over: 0, start: () => spawn(PROGRAM, [], sandboxed) },
      { label: "spawn, at: 'main'", over: 0, start: () => spawn(PROGRAM, [], main) },
      { label: 'spawnSync of Node', start: () => waited(childProcess.spawnSync(PROGRAM, options)) },
      { label: 'spawnSync', over: 3, start: () => waited(spawnSync(PROGRAM, sandboxed)) },
    ];
    const rounds: { call: number; whole: number }[][] = [];
    // The first ones compile the policy, and let V8 compile the rest.
    for (let round = -10; round < ROUNDS; round++) {
      const times: { call: number; whole: number }[] = [];
      for (const { start } of rows) times.push(await timed(start));
      if (round >= 0) rounds.push(times);
    }
    const cells = rows.map(({ label, over }, index) => {
      const shown = (of: 'call' | 'whole') => {
        const own = rounds.map((round) => round[index]![of]);
        if (over === undefined) return `(${median(own).toFixed(2)})`;
        return `+${median(rounds.map((round) => round[index]![of] - round[over]![of])).toFixed(2)}`;
      };
      return [label, shown('call'), shown('whole')];
    });
    return [
      `Milliseconds, medians of ${ROUNDS} rounds in which all take turns; each is compared with the start in brackets of the same round.\n`,
      table(['start', 'the call', 'until its end is known'], cells),
    ].join('\n');
  },
};

/** It has ended already; or the measurement means nothing. */
function waited({ status }: { status: number | null }): undefined {
  if (status !== 0) throw new Error(`${PROGRAM} did not end with 0`);
}

async function timed(start: () => ChildProcess | undefined): Promise<{ call: number; whole: number }> {
  const before = performance.now();
  const child = start();
  const call = performance.now() - before;
  if (child !== undefined) await new Promise((resolve) => child.once('exit', resolve));
  return { call, whole: performance.now() - before };
}
