// How a ChildProcess of Node's comes to run the launcher in the place of the program. Node's own spawn, fork, exec and execFile all
// make a ChildProcess and call its `spawn`, which fills in all that people see and asks its handle (libuv) for the process. We stand
// between the two, where everything is settled: file, words, environment, folder, descriptors. So whatever Node does, it does
// here too, and it is told the same results: a process, or an errno.
//
// It fails closed. Before Node sees the options, the file in them becomes one that does not exist, and only our handle puts the
// real one back, behind the launcher. Should some Node go another way, it starts nothing.

import childProcess from 'node:child_process';
import { SandboxError } from '../errors.ts';
import type { Addon } from '../native.ts';
import { addonForNode, type Start as LauncherStart, launcherFor, prepare } from './launcher.ts';
import { readReport } from './report.ts';
import type { Settled } from './sandbox.ts';

/** No program is there, and none can be put there. */
export const NOWHERE = '/proc/self/fd/-1/sandbox-run';

/** What Node hands to libuv (lib/internal/child_process.js, src/process_wrap.cc). */
interface Request {
  file: string;
  args: readonly string[];
  envPairs?: readonly string[] | undefined;
  cwd?: string | undefined;
  stdio: readonly { readonly type: string; readonly fd?: number }[];
}

type Start = (...given: unknown[]) => number;

interface Handle {
  spawn: Start;
  pid?: number;
}

/** A call of the handle's spawn as the request in it, and the same call with another one. Node 20 and 22 give it one object, Node 24 the
 * members one by one. undefined: this is neither. */
function requestOf(
  given: readonly unknown[],
): { readonly request: Request; again(changed: Request): readonly unknown[] } | undefined {
  const [first, args, cwd, envPairs, stdio, ...more] = given;
  if (typeof first === 'object' && first !== null) {
    const request = first as Request;
    return isRequest(request) ? { request, again: (changed) => [changed] } : undefined;
  }
  const request = { file: first, args, cwd, envPairs, stdio } as Request;
  if (!isRequest(request)) return undefined;
  return {
    request,
    again: (changed) => [changed.file, changed.args, changed.cwd, changed.envPairs, changed.stdio, ...more],
  };
}

function isRequest({ file, args, stdio, envPairs }: Request): boolean {
  return (
    file === NOWHERE &&
    Array.isArray(args) &&
    Array.isArray(stdio) &&
    (envPairs === undefined || Array.isArray(envPairs))
  );
}

/** ChildProcess with what Node keeps in it. */
interface Inner extends childProcess.ChildProcess {
  _handle: Handle;
  spawn(request: Request): unknown;
  spawnfile: string;
}

interface Prototype {
  spawn(this: Inner, request: Request): unknown;
}

/** What is to happen with the one ChildProcess that a call makes. */
export interface Inside {
  readonly settled: Settled;
  /** Makes the descriptor that the watcher tells on, with a number of at least this, or a negated errno. Closed here. */
  readonly tellOn: ((least: number) => number) | undefined;
}

const EACCES = -13;

/** Calls `start`, one of Node's functions; the process that it starts runs in the sandbox. */
export function inside<T>(plan: Inside, start: () => T): T {
  const addon = addonForNode();
  mustStandBetween();
  // What is wrong with the policy is wrong with the arguments: thrown at once.
  prepare(plan.settled);
  let used = false;
  const result = between((child, request, original) => {
    used = true;
    return original(request, (handle, given, ask) => launch(addon, plan, child, handle, given, ask));
  }, start);
  if (!used) throw unsupported();
  return result;
}

/** libuv's answer to a request: 0 or a negated errno. */
type Ask = (request: Request) => number;

/** Node's ChildProcess.spawn, with ours in the place of its handle's. */
type Original = (options: Request, spawn: (handle: Handle, request: Request, ask: Ask) => number) => unknown;

/** Node's own, while we stand before it. */
let native: Prototype['spawn'] | undefined;

/** Runs `start` with ChildProcess.spawn in our hands, until it comes back: what its options' getters start meanwhile is in the sandbox, too,
 * rather than taking its place there. */
function between<T>(
  take: (child: Inner, request: Request, original: Original) => unknown,
  start: () => T,
): T {
  const prototype = childProcess.ChildProcess.prototype as unknown as Prototype;
  const before = prototype.spawn;
  const outermost = native === undefined;
  const real = native ?? before;
  native = real;
  prototype.spawn = function (this: Inner, request: Request) {
    return take(this, request, (given, spawn) => {
      const { file } = given;
      const handle = this._handle;
      const own = handle.spawn;
      handle.spawn = (...all) => {
        handle.spawn = own;
        this.spawnfile = file;
        const call = requestOf(all);
        if (call === undefined) throw unsupported();
        const ask: Ask = (changed) => own.call(handle, ...call.again(changed));
        return spawn(handle, { ...call.request, file }, ask);
      };
      given.file = NOWHERE;
      return real.call(this, given);
    });
  };
  try {
    return start();
  } finally {
    prototype.spawn = before;
    if (outermost) native = undefined;
  }
}

let stands: boolean | undefined;

/** Tries once, with a file that does not exist, whether this Node asks us. */
function mustStandBetween(): void {
  if (stands === undefined) {
    stands = false;
    const child = between(
      (_, request, original) =>
        original(request, () => {
          stands = true;
          return -2;
        }),
      () => childProcess.spawn(NOWHERE, { stdio: 'ignore' }),
    );
    child.on('error', () => {});
  }
  if (!stands) throw unsupported();
}

function unsupported(): SandboxError {
  return new SandboxError(`Node ${process.version} starts programs in a way that is not known here`, {
    advice: 'use wrap(), which needs nothing of Node’s inner ways, and report it',
  });
}

function launch(
  addon: Addon,
  { settled, tellOn }: Inside,
  child: Inner,
  handle: Handle,
  request: Request,
  ask: Ask,
): number {
  const path = request.envPairs?.find((pair) => pair.startsWith('PATH='))?.slice('PATH='.length);
  let start: LauncherStart;
  try {
    const program = { file: request.file, cwd: request.cwd, path };
    start = launcherFor(settled, program, request.stdio.length);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    failWith(child, error);
    return EACCES;
  }
  const open: number[] = [];
  try {
    const pipe = addon.makePipe(request.stdio.length);
    if (typeof pipe === 'number') return pipe;
    const [reading, writing] = pipe;
    open.push(writing);
    const telling = tellOn?.(request.stdio.length);
    if (telling !== undefined && telling < 0) {
      addon.closeDescriptor(reading);
      return telling;
    }
    if (telling !== undefined) open.push(telling);
    let result: number;
    try {
      result = ask({
        ...request,
        file: start.launcher.path,
        args: [open.join(','), start.file, ...request.args],
        stdio: withDescriptors(request.stdio, open),
      });
    } catch (error) {
      addon.closeDescriptor(reading);
      throw error;
    }
    if (result !== 0) {
      addon.closeDescriptor(reading);
      return result;
    }
    // Its end is closed here first, so that the launcher's is the last.
    addon.closeDescriptor(open.shift()!);
    const outcome = readReport(addon, reading);
    if (outcome === undefined) return 0;
    // As if there had never been a process.
    if (handle.pid !== undefined) addon.reap(handle.pid);
    delete handle.pid;
    if (typeof outcome === 'number') return -outcome;
    failWith(child, outcome);
    return EACCES;
  } finally {
    for (const descriptor of open) addon.closeDescriptor(descriptor);
    start.launcher.close();
  }
}

/** Descriptors at their own numbers: libuv hands those on as they are, and leaves alone what is ignored above 2. */
export function withDescriptors<T>(
  stdio: readonly T[],
  descriptors: readonly number[],
): (T | { type: string; fd?: number })[] {
  const all: (T | { type: string; fd?: number })[] = [...stdio];
  for (const fd of descriptors) {
    while (all.length <= fd) all.push({ type: 'ignore' });
    all[fd] = { type: 'fd', fd };
  }
  return all;
}

/** Node will report an errno; this error stands for it. */
function failWith(child: Inner, error: SandboxError): void {
  const { emit } = child;
  const isOwn = Object.hasOwn(child, 'emit');
  child.emit = (name: string, ...rest: unknown[]) => {
    if (isOwn) child.emit = emit;
    else delete (child as { emit?: unknown }).emit;
    return name === 'error' ? child.emit(name, error) : child.emit(name, ...rest);
  };
}
