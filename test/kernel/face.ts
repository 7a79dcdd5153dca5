// How a test starts a program in a sandbox: a face turns a policy and a command into the words to run. The tables of cases
// know nothing else about it, so that every way of starting has to pass the same ones.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { packedLauncher, payloadFile } from './packed.ts';
import { file, stagedCommand, stagedEntry, stagedLauncher } from './stage.ts';
import type { User } from './users.ts';

export interface Face {
  readonly name: string;
  /** Node runs before the program, with what that changes: signal mask and ignored signals are lost, handlers are to be set back. */
  readonly hasNode: boolean;
  /** The command line; `policyFile` is in the policy language. Words may be bytes: they are passed through a shell then. */
  command(policyFile: string, words: readonly string[]): readonly string[];
}

/** lib/launch without the command line around it. */
export const inPlace: Face = {
  name: 'launchInPlace',
  hasNode: true,
  command: (policyFile, words) => [process.execPath, stagedEntry(), '--policy', policyFile, '--', ...words],
};

/** The command, as people start it. */
export const commandLine: Face = {
  name: 'sandbox-run',
  hasNode: true,
  command: (policyFile, words) => [process.execPath, stagedCommand(), '--policy', policyFile, '--', ...words],
};

/** What `sandbox-run pack` makes: a launcher that carries the filter. */
export const packed: Face = {
  name: 'a packed launcher',
  hasNode: false,
  command: (policyFile, words) => [packedLauncher(policyFile), '--', ...words],
};

/** The bare launcher, which gets the filter by a descriptor, as the Node API's spawn hands it on. */
export const byDescriptor: Face = {
  name: 'sandbox-launch --filter-fd',
  hasNode: false,
  command: (policyFile, words) => [
    '/bin/sh',
    '-c',
    'exec 9<"$1"; shift; launcher=$1; shift; exec "$launcher" --filter-fd 9 -- "$@"',
    'sh',
    payloadFile(policyFile),
    stagedLauncher(),
    ...words,
  ],
};

export const faces: readonly Face[] = [commandLine, packed];

export interface Start {
  /** In the policy language. Absent: the command is run bare, for comparison. */
  readonly policy?: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: User;
  readonly stdio?: StdioOptions;
  /** Put around the whole command: `unshare …`, a shell that changes something first. */
  readonly wrap?: (words: readonly string[]) => readonly string[];
}

export interface Ending {
  readonly pid: number;
  /** null where it died of a signal. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What ends a run that hangs; no case needs a second. */
const TIME_LIMIT = 15_000;

export function commandOf(face: Face, start: Start): readonly string[] {
  const words = start.policy === undefined ? start.command : face.command(file(start.policy), start.command);
  return start.wrap?.(words) ?? words;
}

/** Starts it, and gives `during` the process while it runs. Output is latin1, so that every byte is one character. */
export function run(face: Face, start: Start, during?: (child: ChildProcess) => void): Promise<Ending> {
  const [first, ...rest] = commandOf(face, start);
  const child = spawn(first!, rest, {
    stdio: start.stdio ?? ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...start.env },
    cwd: start.cwd ?? '/',
    ...(start.user?.uid === undefined ? {} : { uid: start.user.uid, gid: start.user.gid }),
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    stdout += bytes.toString('latin1');
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr += bytes.toString('latin1');
  });
  during?.(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ pid: child.pid ?? -1, status, signal, stdout, stderr });
    });
  });
}

/** Calls `then` once, when the program has written "ready". */
export function whenReady(child: ChildProcess, then: () => void): void {
  let seen = '';
  const look = (bytes: Buffer) => {
    seen += bytes.toString();
    if (!seen.includes('ready')) return;
    child.stdout?.off('data', look);
    then();
  };
  child.stdout?.on('data', look);
}
