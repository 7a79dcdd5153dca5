// The only file that knows where the addon lies. Its types are the native boundary: what native/addon.cc takes and gives.

import { createRequire } from 'node:module';

/** One filter of a launch. */
export interface NativeFilter {
  /** The raw sock_filter array. */
  readonly program: Uint8Array;
  /** Places to be filled with the launch's cookie: pairs of instruction index and cookie word (0…5). Only JEQ|K. */
  readonly cookies: Uint32Array;
}

export interface NativeLaunch {
  /** Installed one after the other; all of them apply. */
  readonly filters: readonly NativeFilter[];
  /** SECCOMP_FILTER_FLAG_ bits (LOG, SPEC_ALLOW). */
  readonly flags: number;
  /** Path handed to execve, bytes without the final NUL. */
  readonly path: Uint8Array;
  /** argv, bytes of each without the final NUL. */
  readonly argv: readonly Uint8Array[];
  /** What to write to standard error if execve fails, up to the reason (which the native side adds): `sandbox-run: ./app: `. */
  readonly prefix: string;
  /** Descriptors to hand on: FD_CLOEXEC is cleared. Everything else that is open is closed on exec. */
  readonly descriptors: Int32Array;
  /** Soft RLIMIT_NOFILE to set before exec, or -1. */
  readonly openFiles: number;
}

export interface Addon {
  /** Replaces the process: does not return. Throws only while nothing irrevocable has happened. */
  launch(launch: NativeLaunch): never;
}

/** Loads the addon; throws an Error that lists the places that were tried. */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url);
  return require('../build/Release/sandbox_run.node') as Addon;
}
