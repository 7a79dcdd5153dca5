// The command as people have it: a package with bin, bundle, commands and addon, made from the sources as they are now.

import { spawnSync } from 'node:child_process';
import { wholeCommand } from '../kernel/stage.ts';

/** Path of bin/sandbox-run.cjs in it. */
export const command = wholeCommand();

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Circumstances {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

/** Runs sandbox-run with these words, in an environment that holds nothing but PATH and what is given. */
export function sandboxRun(words: readonly string[], more: Circumstances = {}): Ending {
  return start([process.execPath, command, ...words], more);
}

/** The same on a terminal of its own, which standard output and error both are (script(1), Debian's essential bsdutils). */
export function onTerminal(words: readonly string[], more: Circumstances = {}): string {
  const line = [process.execPath, command, ...words].map(quoted).join(' ');
  const { stdout } = start(['script', '-qefc', line, '/dev/null'], more);
  return stdout.replaceAll('\r\n', '\n');
}

export function start([first, ...words]: readonly string[], more: Circumstances = {}): Ending {
  const { status, signal, stdout, stderr, error } = spawnSync(first!, words, {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', TERM: 'xterm', ...more.env },
    encoding: 'utf8',
    timeout: 15_000,
    input: more.input ?? '',
    ...(more.cwd === undefined ? {} : { cwd: more.cwd }),
  });
  if (error !== undefined) throw error;
  return { status, signal, stdout, stderr };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
