// For tests of --explain: a program started with it and without it, and what was told of its refusals.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Ending, type Face, run, type Start } from '../kernel/face.ts';
import { wholeCommand } from '../kernel/stage.ts';

/** The command with these options before the program. */
export const face = (...options: string[]): Face => ({
  name: ['sandbox-run', ...options].join(' '),
  hasNode: true,
  command: (policy, words) => [
    process.execPath,
    wholeCommand(),
    '--policy',
    policy,
    ...options,
    '--',
    ...words,
  ],
});
export const plain = face();
export const explained = face('--explain');

export interface Event {
  readonly event: string;
  readonly msg: string;
  readonly call: string;
  readonly thread: number;
  readonly process: number;
  readonly name: string;
  readonly abi: string;
  readonly by: string;
  readonly action: string;
  readonly arguments: readonly { readonly name: string; readonly text: string }[];
  readonly code: { readonly file: string; readonly offset: number };
  readonly narrow: { readonly policy: string };
  readonly refusals: number;
  readonly count: number;
}

/** Standard error's JSON lines; the program itself writes nothing there. */
export const eventsOf = (ending: Ending): readonly Event[] =>
  ending.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event);
export const refusalsOf = (ending: Ending) => eventsOf(ending).filter((one) => one.event === 'refused');
export const summaryOf = (ending: Ending) => eventsOf(ending).find((one) => one.event === 'summary');
export const textsOf = (event: Event | undefined) => event?.arguments.map((one) => one.text);

/** Both ends must be alike; gives the one with it. */
export async function bothWays(start: Start, ...options: string[]): Promise<Ending> {
  const without = await run(face(...options), start);
  const withIt = await run(face('--explain', ...options), start);
  expect([withIt.status, withIt.signal, withIt.stdout]).toEqual([
    without.status,
    without.signal,
    without.stdout,
  ]);
  return withIt;
}

/** PIDs of watchers that this test file has started: their command line names its own copy. Also of runs that are just ending. */
export function watchers(): readonly number[] {
  const script = join(dirname(dirname(wholeCommand())), 'dist', 'watch.cjs');
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && wordsOf(pid)[1] === script)
    .map(Number);
}

function wordsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
  } catch {
    return [];
  }
}
