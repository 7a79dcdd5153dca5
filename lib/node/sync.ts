// spawnSync, execFileSync and execSync. Node has nothing to stand between here, so the launcher is the file that it starts, and the result
// is put right where it tells of the launcher. What Node says of wrong arguments is left to Node, with a file that cannot be started.

import childProcess, {
  type ExecFileSyncOptions,
  type ExecSyncOptions,
  type SpawnSyncOptions,
  type SpawnSyncReturns,
} from 'node:child_process';
import { fstatSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { SandboxError } from '../errors.ts';
import { NOWHERE, withDescriptors } from './inside.ts';
import { addonForNode, launcherFor, prepare, type Start } from './launcher.ts';
import { type Outcome, readReport } from './report.ts';
import { type Sandboxed, type Settled, settle } from './sandbox.ts';
import { optionsOf } from './spawn.ts';
import { Refusals, ViolationError } from './violation.ts';

type AsText = { encoding: BufferEncoding };
type AsBuffer = { encoding?: 'buffer' | null | undefined };
type Words = readonly string[] | undefined;

export interface SpawnSync {
  (command: string, options: SpawnSyncOptions & AsText & Sandboxed): SpawnSyncReturns<string>;
  (command: string, options: SpawnSyncOptions & AsBuffer & Sandboxed): SpawnSyncReturns<Buffer>;
  (command: string, options: SpawnSyncOptions & Sandboxed): SpawnSyncReturns<string | Buffer>;
  (command: string, args: Words, options: SpawnSyncOptions & AsText & Sandboxed): SpawnSyncReturns<string>;
  (command: string, args: Words, options: SpawnSyncOptions & AsBuffer & Sandboxed): SpawnSyncReturns<Buffer>;
  (command: string, args: Words, options: SpawnSyncOptions & Sandboxed): SpawnSyncReturns<string | Buffer>;
}

export interface ExecFileSync {
  (file: string, options: ExecFileSyncOptions & AsText & Sandboxed): string;
  (file: string, options: ExecFileSyncOptions & AsBuffer & Sandboxed): Buffer;
  (file: string, options: ExecFileSyncOptions & Sandboxed): string | Buffer;
  (file: string, args: Words, options: ExecFileSyncOptions & AsText & Sandboxed): string;
  (file: string, args: Words, options: ExecFileSyncOptions & AsBuffer & Sandboxed): Buffer;
  (file: string, args: Words, options: ExecFileSyncOptions & Sandboxed): string | Buffer;
}

export interface ExecSync {
  (command: string, options: ExecSyncOptions & AsText & Sandboxed): string;
  (command: string, options: ExecSyncOptions & AsBuffer & Sandboxed): Buffer;
  (command: string, options: ExecSyncOptions & Sandboxed): string | Buffer;
}

/** Node's options of these functions, and ours. */
type Options = SpawnSyncOptions & Partial<Sandboxed>;
type Result = SpawnSyncReturns<string | Buffer>;

/** Runs a program inside the filters of `options.sandbox` and waits for its end. As Node's `spawnSync`; a program that dies of a refused call
 * has a ViolationError as `result.error` (code `ERR_SANDBOX_VIOLATION`), beside status, signal and outputs; where there can be no filter,
 * nothing is started and `result.error` is a LaunchError. Throws as `spawn` does. */
export const spawnSync = ((...given: unknown[]) => {
  const [file, ...rest] = given;
  const settled = settle(optionsOf(given));
  prepare(settled);
  return runSync(file, rest, settled);
}) as SpawnSync;

/** Runs a program as `spawnSync` does and gives what it wrote to standard output. Throws where it did not end with status 0, as Node's
 * `execFileSync`; the ViolationError of a refused call with status, signal and outputs. */
export const execFileSync = ((...given: unknown[]) => {
  const [file, ...rest] = given;
  const settled = settle(optionsOf(given));
  prepare(settled);
  const options = optionsOf(given) as Options;
  const result = runSync(file, rest, settled);
  const args = Array.isArray(rest[0]) ? rest[0] : [];
  return outputOf(result, options, [options.argv0 || file, ...args].join(' '));
}) as ExecFileSync;

/** Runs a command in a shell as `spawnSync` does and gives what it wrote to standard output. Throws as `execFileSync`. */
export const execSync = ((...given: unknown[]) => {
  const [command, ...rest] = given;
  const settled = settle(optionsOf(given));
  prepare(settled);
  const options = optionsOf([command, ...rest]) as Options;
  const shell = typeof options.shell === 'string' ? options.shell : true;
  return outputOf(runSync(command, [{ ...options, shell }], settled), options, String(command));
}) as ExecSync;

/** As Node's checkExecSyncError. */
function outputOf(result: Result, options: Options, command: string): string | Buffer {
  if (!options.stdio && result.stderr) process.stderr.write(result.stderr);
  if (result.error !== undefined) throw Object.assign(result.error, result);
  if (result.status !== 0) {
    const said = result.stderr && result.stderr.length > 0 ? `\n${result.stderr.toString()}` : '';
    throw Object.assign(new Error(`Command failed: ${command}${said}`), result);
  }
  return result.stdout;
}

function runSync(file: unknown, rest: readonly unknown[], settled: Settled): Result {
  const call = childProcess.spawnSync as unknown as (...all: readonly unknown[]) => Result;
  const options = optionsOf([file, ...rest]) as Options;
  const given = Array.isArray(rest[0]) ? (rest[0] as readonly string[]) : [];
  const isWrong =
    typeof file !== 'string' ||
    (rest[0] !== undefined && rest[0] !== null && typeof rest[0] !== 'object') ||
    [file, ...given].some((word) => word === '' && word === file) ||
    [file, ...given].some((word) => String(word).includes('\0')) ||
    !['undefined', 'boolean', 'string'].includes(typeof (options.shell ?? undefined)) ||
    (options.argv0 !== undefined && options.argv0 !== null && typeof options.argv0 !== 'string') ||
    (typeof options.stdio === 'string' &&
      !['pipe', 'inherit', 'ignore', 'overlapped'].includes(options.stdio));
  if (isWrong) {
    const word = typeof file === 'string' && file !== '' && !file.includes('\0') ? NOWHERE : file;
    call(word, ...rest);
    throw new SandboxError('internal error: Node takes arguments that it should not; please report it');
  }
  const { shell } = options;
  const command = shell ? (typeof shell === 'string' ? shell : '/bin/sh') : file;
  const args = shell ? ['-c', [file, ...given].join(' ')] : given;
  const words = [options.argv0 ?? command, ...args];
  return runLauncher(command, words, options, settled, call);
}

function runLauncher(
  file: string,
  words: readonly string[],
  options: Options,
  settled: Settled,
  call: (...all: readonly unknown[]) => Result,
): Result {
  const addon = addonForNode();
  const stdio = stdioOf(options.stdio);
  let start: Start;
  try {
    const { cwd, env = process.env } = options;
    const folder = cwd instanceof URL ? fileURLToPath(cwd) : cwd;
    start = launcherFor(settled, { file, cwd: folder ?? undefined, path: env.PATH }, stdio.length);
  } catch (error) {
    if (error instanceof SandboxError) return failed(error);
    throw error;
  }
  const pipe = addon.makePipe(stdio.length);
  const telling = settled.explain ? addon.scratchFile(stdio.length) : undefined;
  if (typeof pipe === 'number') return failed(spawnError(-pipe, file, words));
  const [reading, writing] = pipe;
  try {
    const open = telling === undefined ? [writing] : [writing, telling];
    let result: Result;
    let outcome: Outcome;
    try {
      result = call(start.launcher.path, [start.file, ...words], {
        ...options,
        shell: false,
        argv0: open.join(','),
        stdio: withDescriptors(stdio, open).map((one, at) => (open.includes(at) ? at : plain(one))),
      });
    } finally {
      addon.closeDescriptor(writing);
      outcome = readReport(addon, reading);
    }
    if (typeof outcome === 'number') return failed(spawnError(outcome, file, words));
    if (outcome !== undefined) return failed(outcome);
    if (Array.isArray(result.output)) result.output.length = stdio.length;
    if (result.error !== undefined) correct(result.error as NodeJS.ErrnoException, file, words);
    else addViolation(result, settled, telling);
    return result;
  } finally {
    if (telling !== undefined) addon.closeDescriptor(telling);
    start.launcher.close();
  }
}

let shape: Result | undefined;

/** The result of a start that failed, which differs a little between Nodes. */
function failed(error: Error): Result {
  shape ??= childProcess.spawnSync(NOWHERE);
  return { ...shape, error };
}

/** withDescriptors fills up with what Node calls 'ignore'. */
function plain(one: unknown): unknown {
  return typeof one === 'object' && one !== null && 'type' in one ? 'ignore' : one;
}

function addViolation(result: Result, { onViolation }: Settled, telling: number | undefined): void {
  const refusals = new Refusals();
  if (telling !== undefined) {
    const bytes = Buffer.alloc(fstatSync(telling).size);
    if (bytes.length > 0) readSync(telling, bytes, 0, bytes.length, 0);
    for (const one of refusals.take(bytes)) {
      onViolation?.(new ViolationError(result.pid, one.action === 'kill', one));
    }
  }
  const { fatal } = refusals;
  if (result.signal !== 'SIGSYS' && !(result.signal === 'SIGKILL' && fatal?.process === result.pid)) return;
  const violation = new ViolationError(result.pid, true, fatal);
  if (fatal === undefined) onViolation?.(violation);
  result.error = violation;
}

/** At least three, as Node fills it up. */
function stdioOf(stdio: Options['stdio']): readonly unknown[] {
  if (typeof stdio === 'string') return [stdio, stdio, stdio];
  const list: unknown[] = Array.isArray(stdio) ? [...stdio] : [];
  while (list.length < 3) list.push(undefined);
  return list;
}

/** As Node's own would be of this program. */
function spawnError(errno: number, file: string, words: readonly string[]): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const error = Object.assign(new Error(`spawnSync ${file} ${code}`), { errno: -errno, code });
  return correct(error, file, words);
}

function correct(
  error: NodeJS.ErrnoException,
  file: string,
  words: readonly string[],
): NodeJS.ErrnoException {
  const message = `spawnSync ${file} ${error.code}`;
  if (error.stack !== undefined) error.stack = error.stack.replace(error.message, message);
  error.message = message;
  return Object.assign(error, { syscall: `spawnSync ${file}`, path: file, spawnargs: words.slice(1) });
}
