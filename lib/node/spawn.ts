// node:child_process's functions with a sandbox around the program. They are Node's own (inside.ts tells how the launcher comes in);
// what is added is the option and what becomes of a violation. The process is the program's own: the launcher becomes it by exec.

import childProcess, {
  type ChildProcess,
  type ChildProcessByStdio,
  type ChildProcessWithoutNullStreams,
  type ForkOptions,
  type SpawnOptions,
  type SpawnOptionsWithoutStdio,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
} from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { inside } from './inside.ts';
import { addonForNode } from './launcher.ts';
import { type Sandboxed, settle } from './sandbox.ts';
import { type Known, openChannel } from './telling.ts';

type Input<T> = T extends StdioPipe ? Writable : null;
type Output<T> = T extends StdioPipe ? Readable : null;
type Stdio = StdioNull | StdioPipe;

/** `spawn` of node:child_process, in a sandbox. */
export interface Spawn {
  (command: string, options: SpawnOptionsWithoutStdio & Sandboxed): ChildProcessWithoutNullStreams;
  <I extends Stdio, O extends Stdio, E extends Stdio>(
    command: string,
    options: SpawnOptionsWithStdioTuple<I, O, E> & Sandboxed,
  ): ChildProcessByStdio<Input<I>, Output<O>, Output<E>>;
  (command: string, options: SpawnOptions & Sandboxed): ChildProcess;
  (
    command: string,
    args: readonly string[] | undefined,
    options: SpawnOptionsWithoutStdio & Sandboxed,
  ): ChildProcessWithoutNullStreams;
  <I extends Stdio, O extends Stdio, E extends Stdio>(
    command: string,
    args: readonly string[] | undefined,
    options: SpawnOptionsWithStdioTuple<I, O, E> & Sandboxed,
  ): ChildProcessByStdio<Input<I>, Output<O>, Output<E>>;
  (command: string, args: readonly string[] | undefined, options: SpawnOptions & Sandboxed): ChildProcess;
}

/** `fork` of node:child_process, in a sandbox. The policy is that of a whole Node process. */
export interface Fork {
  (modulePath: string | URL, options: ForkOptions & Sandboxed): ChildProcess;
  (
    modulePath: string | URL,
    args: readonly string[] | undefined,
    options: ForkOptions & Sandboxed,
  ): ChildProcess;
}

/** Starts a program inside the filters of `options.sandbox`. Arguments, result, events and errors are those of Node's `spawn`; `pid` is the
 * program's.
 *
 * A program that dies of a refused call ends by SIGSYS, and before `exit` there is an `error` event with a ViolationError (code
 * `ERR_SANDBOX_VIOLATION`), unless `onViolation` is given and gets it. Where there can be no filter, nothing is started and the `error`
 * is a LaunchError.
 * Throws UsageError without a policy, PolicyError, CompileError or ProofError for one that cannot be used, and what Node throws. */
export const spawn = ((...given: unknown[]) => start('spawn', given).child) as Spawn;

/** Starts a Node module inside the filters of `options.sandbox`, with an IPC channel; as `spawn` otherwise. */
export const fork = ((...given: unknown[]) => start('fork', given).child) as Fork;

/** Node's function `name` with these arguments, the options among them. */
export function start(
  name: 'spawn' | 'fork' | 'exec' | 'execFile',
  given: readonly unknown[],
): { readonly child: ChildProcess; readonly known: Known } {
  const settled = settle(optionsOf(given));
  const channel = openChannel(addonForNode(), settled);
  const emits = name === 'spawn' || name === 'fork';
  let child: ChildProcess | undefined;
  let known: Known | undefined;
  try {
    const call = childProcess[name] as (...all: readonly unknown[]) => ChildProcess;
    child = inside({ settled, tellOn: channel.tellOn }, () => call(...given));
  } finally {
    known = channel.listen(child, emits);
  }
  return { child, known };
}

/** Options are the one object that is neither a list nor a callback. */
export function optionsOf(given: readonly unknown[]): unknown {
  return given
    .slice(1)
    .find((one) => typeof one === 'object' && one !== null && !Array.isArray(one) && !(one instanceof URL));
}
