// The only file that knows where the addon lies, and what else of the package is found by its place. Its types are the native
// boundary: what native/addon.cc takes and gives.
//
// It runs in three forms: from source under vitest, compiled in dist/lib, and inside the CommonJS bundles in dist/. So it
// finds the package by walking up from the file it is in, and loads with process.dlopen, which all three have.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One filter of a launch. */
export interface NativeFilter {
  /** The raw sock_filter array, 1 to 4096 instructions. */
  readonly program: Uint8Array;
  /** Places to be filled with the launch's cookie: pairs of instruction index and cookie word (0…5). Only JEQ|K. */
  readonly cookies: Uint32Array;
}

export interface NativeLaunch {
  /** Installed one after the other; all of them apply. At least one. All must let execve, write and exit_group through with
   * the cookie in args[3] to args[5], and all but the last seccomp too (native/core/launch.h). */
  readonly filters: readonly NativeFilter[];
  /** SECCOMP_FILTER_FLAG_ bits: LOG (2), SPEC_ALLOW (4). */
  readonly flags: number;
  /** Path handed to execve, bytes without the final NUL. */
  readonly path: Uint8Array;
  /** argv, bytes of each without the final NUL. */
  readonly argv: readonly Uint8Array[];
  /** What to write to standard error if the launch fails when the filter is in already, up to the reason (which the
   * native side adds): `sandbox-run: ./app: `, bytes. */
  readonly prefix: Uint8Array;
  /** Descriptors to hand on: FD_CLOEXEC is cleared. Every other one from 3 on is closed on exec. */
  readonly descriptors: Int32Array;
  /** Soft RLIMIT_NOFILE to lower to before exec, or -1. */
  readonly openFiles: number;
  /** A process that watches the program (native/core/helper.h). */
  readonly helper?: NativeHelper;
  /** Filters that begin later than exec (native/core/inject.h); `filters` then hold up to there, and on. */
  readonly later?: NativeLater;
  /** Further entries of the program's environment, `NAME=value`. */
  readonly variables?: readonly Uint8Array[];
}

/** `place` of NativeLater. */
export const nativePlaces = { entry: 1, main: 2, mainByStart: 3 } as const;

export interface NativeLater {
  readonly place: number;
  /** With nativePlaces.main: bytes from the program's entry to main. */
  readonly offset: number;
  /** Absent: nothing is installed, but the program must have done so itself by then. */
  readonly filters?: readonly NativeFilter[];
}

/** How a watcher is started. It finds what it listens to as descriptor 3 and its text as descriptor 4. */
export interface NativeHelper {
  readonly path: Uint8Array;
  readonly argv: readonly Uint8Array[];
  readonly text: Uint8Array;
  /** Explaining: the one filter that is installed, with a listener, in the place of `filters`, which are the ones where no
   * listener can be had. Absent: the helper is to trace this process, and is waited for. */
  readonly watched?: readonly NativeFilter[];
}

/** One ABI's row of what a recorder keeps: six bytes a number from `base` on (native/core/record.h, sr_keep). */
export interface NativeKeepTable {
  readonly arch: number;
  readonly base: number;
  readonly keep: Uint8Array;
}

/** What recorderRun tells (native/core/record.h, sr_event). */
export const recorderEvents = { tick: 1, mainEnded: 2, done: 3 } as const;

/** What was recorded: `entries` is an array of struct sr_entry. */
export interface NativeRecording {
  readonly entries: Uint8Array;
  readonly programs: readonly string[];
  readonly calls: number;
  readonly unreliable: boolean;
}

/** Opaque: a recorder in native memory. */
export type NativeRecorder = object & { readonly recorder?: never };

/** What `probe` can try (native/core/probe.h). */
export const probeKinds = {
  action: 1,
  flags: 2,
  filter: 3,
  listener: 4,
  trace: 5,
  i386: 6,
  x32: 7,
  landlock: 8,
} as const;

/** enum sr_disposition of native/core/answer.h. */
export const sigsysDispositions = { default: 0, handled: 1, held: 2 } as const;

/** Thrown by `launch` where a call failed before the first filter was in. */
export interface NativeFailure extends Error {
  readonly step:
    | 'cookie'
    | 'memory'
    | 'actions'
    | 'descriptors'
    | 'limit'
    | 'signals'
    | 'no_new_privs'
    | 'install'
    | 'helper';
  /** A positive errno. */
  readonly errno: number;
  /** With step `actions` and errno EOPNOTSUPP: the SECCOMP_RET_ value that this kernel lacks. */
  readonly action: number;
}

/** Thrown by `filters`. */
export interface FiltersFailure extends Error {
  readonly step: 'memory' | 'attach' | 'read';
  /** A positive errno. */
  readonly errno: number;
}

export interface Addon {
  /** Whether it knows `later`; an addon that was built before would leave those filters out. */
  readonly beginsLater?: true;
  /** Open flags of a descriptor of this process, with O_CLOEXEC (F_GETFL and F_GETFD, fcntl(2)); -1 if it is not open. An addon
   * that was built before has none. */
  descriptorFlags?(fd: number): number;
  /** The filters of a thread as raw sock_filter arrays, the newest first; none where it has none. Stops the thread for a
   * moment, in which `mayContinue` is asked whether its filters permit restart_syscall, by which the kernel continues an
   * interrupted sleep; if not, the interrupted call is begun anew. Throws FiltersFailure, and TypeError for a wrong argument. */
  filters(tid: number, mayContinue: (filters: readonly Uint8Array[]) => boolean): readonly Uint8Array[];
  /** Replaces the process: does not return. Throws NativeFailure while nothing irrevocable has happened, TypeError for a
   * wrong argument. The environment is the C one, without SECCOMP_…, byte for byte. */
  launch(launch: NativeLaunch): never;
  /** Waits for a refused call; negative milliseconds: without limit. struct seccomp_notif, or a negated errno: ETIME, or
   * ENOENT where nobody is left who could make one. */
  notifyReceive(listener: number, milliseconds: number): Uint8Array | number;
  /** The call fails with this errno, or gives 0 if it is 0, without being made. 0 or a negated errno. */
  notifyRefuse(listener: number, id: bigint, errno: number): number;
  /** The call goes on. Only for one that the policy permits. 0 or a negated errno. */
  notifyContinue(listener: number, id: bigint): number;
  /** Answers with an action that an errno cannot express: `notification` as notifyReceive gave it, a SECCOMP_RET_ value of kill-process,
   * kill-thread or trap, the thread's process, and what SIGSYS does to it (sigsysDispositions). 0: done. 1 or 2:
   * its process was ended by SIGSYS or SIGKILL instead. Or a negated errno where the thread cannot be traced; then it still waits for its answer. */
  notifyAnswer(
    listener: number,
    notification: Uint8Array,
    action: number,
    process: number,
    disposition: number,
  ): number;
  /** 0 while the thread still waits for its answer. */
  notifyValid(listener: number, id: bigint): number;
  /** Whether a page can be written to a descriptor within some milliseconds. */
  writable(descriptor: number, milliseconds: number): boolean;
  /** tgkill(2). 0 or a negated errno. */
  signalThread(process: number, thread: number, signal: number): number;
  /** Both ends of a pipe, reading first, close-on-exec, the writing one with a number of at least `least`; or a negated errno. */
  makePipe(least: number): readonly [number, number] | number;
  /** The descriptor of an empty file in memory, close-on-exec, with a number of at least `least`; or a negated errno. */
  scratchFile(least: number): number;
  /** Another descriptor for the same open file, close-on-exec, with a number of at least `least`; or a negated errno. */
  duplicate(descriptor: number, least: number): number;
  /** The descriptor of a sealed file in memory, close-on-exec, that anybody may execute; or a negated errno. */
  memoryFile(bytes: Uint8Array): number;
  /** Closes a descriptor. Those of memoryFile and duplicate are closed at the end of this thread's JavaScript otherwise. 0 or a
   * negated errno. */
  closeDescriptor(descriptor: number): number;
  /** Waits for the end of a child and takes it from the process table. 0 or a negated errno. */
  reap(process: number): number;
  /** Installs a filter (a sock_filter array) for all threads of this process, and no_new_privs with it: 0. Or nothing has
   * changed: the number of a thread that cannot be synchronised, or a negated errno. */
  restrictAll(program: Uint8Array): number;
  /** Tries something in a child: what the call gave, and how the child ended (as wait gives it). */
  probe(kind: number, argument: number): readonly [value: number, status: number];
  /** The recorder: made once, attached to a process or used with a listener, run until `done`. */
  recorderMake(tables: readonly NativeKeepTable[]): NativeRecorder;
  recorderAttach(recorder: NativeRecorder, process: number): number;
  recorderRun(recorder: NativeRecorder, listener: number, blocks: number, milliseconds: number): number;
  recorderTake(recorder: NativeRecorder): NativeRecording;
  recorderCount(recorder: NativeRecorder): readonly [calls: number, rows: number];
}

/** Path of another built file: `sandbox-launch`, `libsandbox.so`. Throws an Error with the places that were tried. */
export function nativeFile(name: 'sandbox-launch' | 'libsandbox.so', root: string = packageRoot()): string {
  const places = addonPlaces(root).map((place) => join(dirname(place), name));
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new Error(
    `${name} is not built for this machine; run \`npm rebuild sandbox-run\` (needs a C compiler). Tried:\n${places.map((line) => `  ${line}`).join('\n')}`,
  );
}

/** The script of the process beside a watched program (lib/cli/watch.ts), for NativeHelper. */
export function watchScript(root: string = packageRoot()): string {
  return join(root, 'dist', 'watch.cjs');
}

let loaded: Addon | undefined;

/** Loads the addon; throws an Error that lists the places that were tried. */
export function loadAddon(): Addon {
  loaded ??= load();
  return loaded;
}

/** Where the addon may lie, the freshly built one first. Absolute paths. */
export function addonPlaces(root: string = packageRoot()): readonly string[] {
  return [
    join(root, 'build', 'Release', 'sandbox_run.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'sandbox_run.node'),
  ];
}

/** Tries the places in order; throws an Error with what was wrong at each. */
export function load(places: readonly string[] = addonPlaces()): Addon {
  const problems: string[] = [];
  for (const place of places) {
    if (!existsSync(place)) {
      problems.push(`${place}: not there`);
      continue;
    }
    try {
      const module = { exports: {} };
      process.dlopen(module, place);
      return module.exports as Addon;
    } catch (error) {
      problems.push(`${place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(
    `the native part of sandbox-run is not built for this machine; run \`npm rebuild sandbox-run\` (needs a C++ compiler). Tried:\n${problems.map((line) => `  ${line}`).join('\n')}`,
  );
}

/** The nearest folder upwards that holds a package.json. */
export function packageRoot(): string {
  // In a CommonJS bundle there is no import.meta.url, in an ES module no __filename.
  const here = typeof __filename === 'string' ? __filename : fileURLToPath(import.meta.url);
  let folder = dirname(here);
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${here}`);
    folder = above;
  }
  return folder;
}
