// The launcher as an executable that carries the filters of a policy: a sealed file in memory, which a child reaches as
// /proc/self/fd/N before its exec closes the descriptor. So nothing lies on disk, nobody else can start or change it, and the
// program inherits nothing. Where that cannot be (no /proc, memory that must not be executed) it is a private file.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { LaunchError, UsageError } from '../errors.ts';
import { singleFilter } from '../launch/asked.ts';
import { filtersFor, type Phases, phasesFor } from '../launch/filters.ts';
import { nativeAbi, servedBy } from '../launch/machine.ts';
import { packLauncher } from '../launch/pack.ts';
import type { Payload } from '../launch/payload.ts';
import { type At, placeOf } from '../launch/place.ts';
import { findProgram } from '../launch/search.ts';
import { watchedProgram } from '../launch/watched.ts';
import { type Addon, loadAddon, nativeFile, watchScript } from '../native.ts';
import type { Policy } from '../policy/model.ts';
import { encodeJob } from '../supervise/wire.ts';
import type { Settled } from './sandbox.ts';

/** What to execute in the place of a program; the words that it wants are told in native/launcher.c. */
export interface Launcher {
  readonly path: string;
  /** Of the file in memory that it is. */
  readonly descriptor: number | undefined;
  close(): void;
}

/** What the program will be, as its process will see it. */
export interface Program {
  readonly file: string;
  readonly cwd: string | undefined;
  /** PATH of its environment. */
  readonly path: string | undefined;
}

export interface Start {
  readonly launcher: Launcher;
  /** What the launcher is to find: the program's file, or its path where that has been settled. */
  readonly file: string;
}

/** What a watcher gets its job and tells by: lib/cli/watch.ts. */
const OUTPUT = 5;

/** The launchers of the policies used last. One is opened once for all programs, since it learns its program from its words. */
const kept = new Map<Policy, Launcher>();
const MOST_KEPT = 32;

/** The launcher for a start. The caller closes it. `least`: descriptors below have their meaning in the program, and are no way to a file in
 * memory. Throws SandboxError. */
export function launcherFor(settled: Settled, program: Program, least: number): Start {
  const { launcher, file } = anyLauncherFor(settled, program);
  const { descriptor } = launcher;
  if (descriptor === undefined || descriptor >= least) return { launcher, file };
  const higher = addonForNode().duplicate(descriptor, least);
  launcher.close();
  if (higher < 0) throw new LaunchError(`no descriptor is left for the launcher (errno ${-higher})`);
  return { launcher: inMemory(higher), file };
}

function anyLauncherFor(settled: Settled, program: Program): Start {
  const { policy, at, explain } = settled;
  if (at !== 'exec') {
    const later = laterPayload(settled, program);
    if (later !== undefined) return { launcher: open(later.payload), file: later.path };
  }
  if (explain) return { launcher: open(watchedPayload(policy, program.file)), file: program.file };
  return { launcher: { ...launcherOf(policy), close() {} }, file: program.file };
}

/** Compiles, so that what is wrong with a policy shows before anything is started. Throws CompileError, ProofError. */
export function prepare({ policy, at, explain }: Settled): void {
  if (at === 'exec' && !explain) launcherOf(policy);
  else phasesOf(policy, at);
}

/** The launcher of a policy whose filter begins at exec, kept open until others have been used since. */
function launcherOf(policy: Policy): Launcher {
  const found = kept.get(policy);
  // The latest last.
  kept.delete(policy);
  const launcher = found ?? openFor(policy);
  kept.set(policy, launcher);
  if (kept.size > MOST_KEPT) {
    const [oldest, old] = kept.entries().next().value!;
    kept.delete(oldest);
    old.close();
  }
  return launcher;
}

/** A launcher for a policy whose filter begins at exec (with `phase main`: for its part from exec on, and that at main cannot be). */
function openFor(policy: Policy): Launcher {
  return open(payloadOf(policy));
}

/** Launchers of wrapped starts, which may come at any time. */
const lasting = new Map<Policy, Launcher>();

/** Out of the way of descriptors that the program is given. */
const HIGH = 100;

/** A launcher that stays open as long as this process. */
export function lastingLauncher(settled: Settled, program: Program): Start {
  if (settled.at !== 'exec') {
    const { launcher, file } = anyLauncherFor(settled, program);
    return { launcher: raised(launcher), file };
  }
  const launcher = lasting.get(settled.policy) ?? raised(openFor(settled.policy));
  lasting.set(settled.policy, launcher);
  return { launcher, file: program.file };
}

function raised(launcher: Launcher): Launcher {
  if (launcher.descriptor === undefined) return launcher;
  const higher = addonForNode().duplicate(launcher.descriptor, HIGH);
  if (higher < 0) return launcher;
  launcher.close();
  return inMemory(higher);
}

/** What a launcher for any program holds. */
function payloadOf(policy: Policy): Payload {
  return { ...base(), filters: filtersFor(policy, servedBy(policy.abis)), spawns: true };
}

function base() {
  return { arch: nativeAbi().auditArch, flags: 0, command: [], policy: '' };
}

/** Compiled once for each policy: a start that begins later, or is explained, needs a launcher of its own all the same. */
const compiled = new WeakMap<Policy, Map<At, Phases>>();

function phasesOf(policy: Policy, at: At): Phases {
  const known = compiled.get(policy) ?? new Map<At, Phases>();
  compiled.set(policy, known);
  const phases = known.get(at) ?? phasesFor(policy, servedBy(policy.abis), at);
  known.set(at, phases);
  return phases;
}

/** undefined: the program cannot be found from here. The launcher will not find it either; should it after all, its filter had better begin
 * at once. */
function laterPayload(
  { policy, at }: Settled,
  program: Program,
): { readonly payload: Payload; readonly path: string } | undefined {
  const path = pathOf(program);
  const { main, ...whole } = policy;
  if (path === undefined) return { payload: payloadOf(whole), path: program.file };
  const { filters, later } = phasesOf(policy, at);
  if (later === undefined) throw new LaunchError('there is no filter for later', 125);
  return {
    payload: {
      ...base(),
      filters,
      spawns: true,
      later: { ...placeOf(Buffer.from(path), later.at), filters: later.filters },
    },
    path,
  };
}

function pathOf({ file, cwd = process.cwd(), path }: Program): string | undefined {
  const inside = (one: string) => (isAbsolute(one) ? one : resolve(cwd, one));
  const folders = (path ?? '/bin:/usr/bin').split(':').map(inside).join(':');
  try {
    return findProgram(
      Buffer.from(file.includes('/') ? inside(file) : file),
      Buffer.from(folders),
    ).toString();
  } catch (error) {
    if (error instanceof LaunchError) return undefined;
    throw error;
  }
}

function watchedPayload(policy: Policy, file: string): Payload {
  const abis = servedBy(policy.abis);
  const { filters } = phasesOf(policy, 'exec');
  const [first, second] = filters;
  const only = second === undefined ? first : singleFilter(policy, abis);
  if (only === undefined) {
    throw new UsageError(
      `refusals cannot be explained: the policy needs ${filters.length} filters, and one can have a listener`,
      { advice: 'leave out explain, or use a shorter policy' },
    );
  }
  const watched = watchedProgram(only, addonForNode());
  const text = encodeJob({
    kind: 'explain',
    // It is not known yet, and only tells when a summary is due, which nobody reads here.
    pid: 0,
    command: [file],
    json: true,
    descriptor: OUTPUT,
    policy,
    abis: abis.map((abi) => abi.name),
    ...(watched.untraced === undefined ? {} : { untraced: watched.untraced }),
  });
  return {
    ...base(),
    filters,
    spawns: true,
    watcher: {
      filter: watched.program,
      command: [process.execPath, watchScript()].map((word) => Buffer.from(word)),
      text: Buffer.from(text),
    },
  };
}

let empty: Uint8Array | undefined;

/** The launcher without a filter. Throws LaunchError where the native part is not built. */
export function emptyLauncher(): Uint8Array {
  empty ??= readFileSync(orExplain(() => nativeFile('sandbox-launch')));
  return empty;
}

/** The addon. Throws LaunchError where it is not built, or older than this. */
export function addonForNode(): Addon {
  const addon = orExplain(loadAddon);
  if (typeof addon.restrictAll !== 'function') {
    throw new LaunchError('the native part is older than the rest of sandbox-run', 125, {
      advice: 'build it anew: npm rebuild sandbox-run',
    });
  }
  return addon;
}

function orExplain<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    const [what, ...places] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new LaunchError([what, ...places].join('\n'), 125, {
      advice: 'npm rebuild sandbox-run builds it, also after an installation with --ignore-scripts',
      cause: error,
    });
  }
}

function open(payload: Payload): Launcher {
  const bytes = packLauncher(emptyLauncher(), payload);
  const descriptor = existsSync('/proc/self/fd') ? addonForNode().memoryFile(bytes) : -1;
  if (descriptor < 0) return openFile(bytes);
  return inMemory(descriptor);
}

function inMemory(descriptor: number): Launcher {
  return {
    descriptor,
    path: `/proc/self/fd/${descriptor}`,
    close: () => void addonForNode().closeDescriptor(descriptor),
  };
}

/** Others may execute it, since the program may run as another user; nobody else may change it. */
function openFile(bytes: Uint8Array): Launcher {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-'));
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'launch');
    chmodSync(folder, 0o711);
    writeFileSync(path, bytes, { mode: 0o755, flag: 'wx' });
    chmodSync(path, 0o755);
    process.once('exit', close);
    return {
      descriptor: undefined,
      path,
      close() {
        process.off('exit', close);
        close();
      },
    };
  } catch (error) {
    close();
    throw new LaunchError(
      `the launcher can be kept neither in memory nor in ${folder}: ${(error as Error).message}`,
    );
  }
}
