// For those who start programs by somebody else's code and can change only what is started: its file and words, or its path alone.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors.ts';
import { filtersFor } from '../launch/filters.ts';
import { nativeAbi, servedBy } from '../launch/machine.ts';
import { findProgram } from '../launch/search.ts';
import { writeLauncher } from '../launch/written.ts';
import { printPolicy } from '../policy/language/print.ts';
import type { Policy } from '../policy/model.ts';
import { lastingLauncher } from './launcher.ts';
import { policyOf, type Sandboxed, settle } from './sandbox.ts';

/** What `wrap` looks at; all else goes through unchanged. */
export interface WrapOptions extends Sandboxed {
  readonly cwd?: string | URL | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly shell?: boolean | string | undefined;
  readonly argv0?: string | undefined;
}

export interface Wrapped<T> {
  readonly file: string;
  readonly args: string[];
  readonly options: Omit<T, 'sandbox' | 'shell' | 'argv0'>;
}

/** The same start with the sandbox around it: hand file, words and options to execa, tinyexec, cross-spawn or node:child_process.
 *
 * The file is a launcher that this process holds open (one descriptor for each policy, until the process ends), so it is to be started by this
 * process. A shell among the options becomes a part of the words, so that it is in the sandbox, too. What goes wrong between the launcher's start
 * and the program's is said on standard error, with the status 125, 126 or 127: there is nobody to report to. `explain` and `onViolation` need
 * `spawn` of this package.
 * Throws UsageError, PolicyError, CompileError, ProofError, LaunchError. */
export function wrap<T extends WrapOptions>(file: string, args: readonly string[], options: T): Wrapped<T> {
  const settled = settle(options);
  if (settled.explain || settled.onViolation !== undefined) {
    throw new UsageError('wrap cannot tell of refusals: somebody else starts the program', {
      advice: 'use spawn of this package, or sandbox-run --explain',
    });
  }
  const { sandbox, shell, argv0, ...rest } = options;
  const program = typeof shell === 'string' ? shell : shell === true ? '/bin/sh' : file;
  const words = shell ? ['-c', [file, ...args].join(' ')] : [...args];
  const cwd = options.cwd instanceof URL ? fileURLToPath(options.cwd) : options.cwd;
  const start = lastingLauncher(settled, {
    file: program,
    cwd,
    path: (options.env ?? process.env).PATH,
  });
  return {
    file: start.launcher.path,
    args: [start.file, argv0 ?? program, ...words],
    options: rest,
  };
}

/** Writes an executable to `path` that runs `program` inside the policy's filter, with all words that it is given: for a setting that takes a
 * path alone (`executablePath`, an environment variable, a configuration file). It needs neither Node nor this package where it runs. The
 * program is looked for now; a name without a slash in PATH.
 * Throws LaunchError where there is no such program, UsageError for a policy with phases, and PolicyError, CompileError, ProofError,
 * SandboxError where the file cannot be written. */
export function shim(program: string, policy: Policy | string, path: string): void {
  const value = policyOf(policy);
  if (value.main !== undefined) {
    throw new UsageError('a shim begins its filter at exec, and the policy has a phase of main', {
      advice: 'leave the phase out: where main lies changes with each version of the program',
    });
  }
  const found = resolve(findProgram(Buffer.from(program)).toString());
  writeLauncher(path, {
    arch: nativeAbi().auditArch,
    flags: 0,
    filters: filtersFor(value, servedBy(value.abis)),
    command: [Buffer.from(found)],
    policy: printPolicy(value),
  });
}
