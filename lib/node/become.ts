// This process becomes the program, as the command itself does: the last thing that a launcher, an entry point or a wrapper script in
// JavaScript does.

import { UsageError } from '../errors.ts';
import { phasesFor } from '../launch/filters.ts';
import { launchInPlace } from '../launch/in-place.ts';
import { servedBy } from '../launch/machine.ts';
import { type Sandboxed, settle } from './sandbox.ts';

/** Replaces this process by a program inside the filters of `options.sandbox` (execve): the same process number, parent, terminal, folder,
 * environment (without SECCOMP_…) and descriptors that it was given. It does not come back: no exit handler runs, and what has not been
 * written is lost. Do not touch process.stdin, stdout or stderr before, which makes them non-blocking for the program as well; write with
 * fs.writeSync. What is wrong after the filter is in is said on standard error, with the status 125, 126 or 127.
 *
 * Throws LaunchError with `exitStatus` where the program cannot be started and that shows before, UsageError, PolicyError, CompileError,
 * ProofError. */
export function become(file: string, args: readonly string[], options: Sandboxed): never {
  const { policy, at, explain, onViolation } = settle(options);
  if (explain || onViolation !== undefined) {
    throw new UsageError('nobody is left to tell of refusals to', {
      advice: 'use spawn, or the command: sandbox-run --explain',
    });
  }
  return launchInPlace({ ...phasesFor(policy, servedBy(policy.abis), at), command: [file, ...args] });
}
