// exec and execFile: as in spawn.ts, with the callback's error told of a violation.

import type {
  ChildProcess,
  ExecException,
  ExecFileOptions,
  ExecOptions,
  PromiseWithChild,
} from 'node:child_process';
import { promisify } from 'node:util';
import type { Sandboxed } from './sandbox.ts';
import { start } from './spawn.ts';
import type { Known } from './telling.ts';
import type { ViolationError } from './violation.ts';

/** What a callback gets where the program did not end well. After a violation `code` is `ERR_SANDBOX_VIOLATION`, `signal` SIGSYS, and
 * `cause` the ViolationError. */
export type ExecError = Omit<ExecException, 'code' | 'cause'> & {
  code?: string | number | null;
  cause?: ViolationError | unknown;
};

type Callback<T> = (error: ExecError | null, stdout: T, stderr: T) => void;
type Outputs<T> = PromiseWithChild<{ stdout: T; stderr: T }>;
type Words = readonly string[] | undefined | null;
type AsBuffer = { encoding: 'buffer' | null };
type AsText = { encoding?: BufferEncoding | undefined };

/** `exec` of node:child_process, in a sandbox: the shell is in it, and all that the shell starts. */
export interface Exec {
  (command: string, options: ExecOptions & AsBuffer & Sandboxed, callback?: Callback<Buffer>): ChildProcess;
  (command: string, options: ExecOptions & AsText & Sandboxed, callback?: Callback<string>): ChildProcess;
  (command: string, options: ExecOptions & Sandboxed, callback?: Callback<string | Buffer>): ChildProcess;
  readonly [promisify.custom]: ExecPromise;
}

export interface ExecPromise {
  (command: string, options: ExecOptions & AsBuffer & Sandboxed): Outputs<Buffer>;
  (command: string, options: ExecOptions & AsText & Sandboxed): Outputs<string>;
  (command: string, options: ExecOptions & Sandboxed): Outputs<string | Buffer>;
}

/** `execFile` of node:child_process, in a sandbox. */
export interface ExecFile {
  (file: string, options: ExecFileOptions & AsBuffer & Sandboxed, callback?: Callback<Buffer>): ChildProcess;
  (file: string, options: ExecFileOptions & AsText & Sandboxed, callback?: Callback<string>): ChildProcess;
  (file: string, options: ExecFileOptions & Sandboxed, callback?: Callback<string | Buffer>): ChildProcess;
  (
    file: string,
    args: Words,
    options: ExecFileOptions & AsBuffer & Sandboxed,
    callback?: Callback<Buffer>,
  ): ChildProcess;
  (
    file: string,
    args: Words,
    options: ExecFileOptions & AsText & Sandboxed,
    callback?: Callback<string>,
  ): ChildProcess;
  (
    file: string,
    args: Words,
    options: ExecFileOptions & Sandboxed,
    callback?: Callback<string | Buffer>,
  ): ChildProcess;
  readonly [promisify.custom]: ExecFilePromise;
}

export interface ExecFilePromise {
  (file: string, options: ExecFileOptions & AsBuffer & Sandboxed): Outputs<Buffer>;
  (file: string, options: ExecFileOptions & AsText & Sandboxed): Outputs<string>;
  (file: string, options: ExecFileOptions & Sandboxed): Outputs<string | Buffer>;
  (file: string, args: Words, options: ExecFileOptions & AsBuffer & Sandboxed): Outputs<Buffer>;
  (file: string, args: Words, options: ExecFileOptions & AsText & Sandboxed): Outputs<string>;
  (file: string, args: Words, options: ExecFileOptions & Sandboxed): Outputs<string | Buffer>;
}

/** Runs a command in a shell inside the filters of `options.sandbox`, and hands its outputs to the callback; `promisify(exec)` gives a
 * promise of them. As Node's `exec` otherwise. A command that dies of a refused call gives an error with code `ERR_SANDBOX_VIOLATION`. The
 * shell may outlive a command that does; then the status is the shell's word for it, 159. */
export const exec = withPromise((...given) => run('exec', given)) as unknown as Exec;

/** Runs a program inside the filters of `options.sandbox`, and hands its outputs to the callback; `promisify(execFile)` gives a
 * promise of them. As Node's `execFile` otherwise; errors as with `exec`. */
export const execFile = withPromise((...given) => run('execFile', given)) as unknown as ExecFile;

type AnyCallback = (error: ExecError | null, stdout: unknown, stderr: unknown) => void;

function run(name: 'exec' | 'execFile', given: readonly unknown[]): ChildProcess {
  let known: Known | undefined;
  // The callback comes when the process has ended, and never before this has returned.
  const watched = given.map((one) =>
    typeof one === 'function'
      ? (error: ExecError | null, stdout: unknown, stderr: unknown) =>
          (one as AnyCallback)(withViolation(error, known?.violation), stdout, stderr)
      : one,
  );
  const started = start(name, watched);
  known = started.known;
  return started.child;
}

/** What Node says of the command's end, with the reason for it. An end that was wanted (a timeout, a full buffer) stays what it was. */
function withViolation(error: ExecError | null, violation: ViolationError | undefined): ExecError | null {
  if (error === null || violation === undefined || typeof error.code === 'string') return error;
  error.code = violation.code;
  error.cause = violation;
  error.message = `${error.message.trimEnd()}\n${violation.message}`;
  return error;
}

/** With what util.promisify takes for it, as Node's own have it. */
function withPromise(call: (...given: unknown[]) => ChildProcess): (...given: unknown[]) => ChildProcess {
  const promised = (...given: unknown[]) => {
    let child: ChildProcess | undefined;
    const promise = new Promise((resolve, reject) => {
      const callback: AnyCallback = (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(Object.assign(error, { stdout, stderr }));
      };
      child = call(...given, callback);
    });
    return Object.assign(promise, { child });
  };
  return Object.defineProperty(call, promisify.custom, { value: promised });
}
