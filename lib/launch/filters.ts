// The filters for a launch in place: the policy's programs with the gates that let the launcher itself through, once.

import type { Program } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import { CompileError } from '../errors.ts';
import type { Abi } from '../linux/abi.ts';
import { emptyPolicy, type Policy } from '../policy/model.ts';
import type { Later } from './in-place.ts';
import type { At } from './place.ts';
import { startUpPolicy } from './start-up.ts';

/** execve starts the program; write and exit_group report why it could not be started (native/core/launch.h). */
export const GATES = ['execve', 'write', 'exit_group'];

/** Proved programs, to be installed in this order. `abis`: as for `compile`, the native one first. */
export function filtersFor(policy: Policy, abis: readonly Abi[]): readonly Program[] {
  if (policy.main !== undefined) {
    throw new CompileError(
      'the policy has a phase of main, and a filter that begins at exec cannot have one',
      {
        advice: 'run it with --at main, or choose with --phase what is wanted',
      },
    );
  }
  const programs = compile(policy, { abis, gates: GATES });
  // In a chain the later filters are installed under the earlier ones, which have to let seccomp through for that.
  return programs.length === 1 ? programs : compile(policy, { abis, gates: [...GATES, 'seccomp'] });
}

/** What an in-place launch installs, and when. */
export interface Phases {
  /** From exec on. */
  readonly filters: readonly Program[];
  readonly later?: Later;
  readonly preloaded?: Program;
}

/** The same for libsandbox.so, which installs one filter and knows no cookie. Up to there the policy with what a start needs holds, or the policy's
 * first phase. */
export function preloadPhases(policy: Policy, abis: readonly Abi[]): Phases {
  const [preloaded, second] = compile(mainOf(policy) ?? policy, { abis });
  if (preloaded === undefined || second !== undefined) {
    throw new CompileError('libsandbox.so cannot begin several filters', { advice: 'use --at main' });
  }
  return { filters: compile(startUpPolicy(policy), { abis, gates: [...GATES, 'seccomp'] }), preloaded };
}

/** The filters of a launch whose policy begins at `at`. If it has a phase of main, the rest of it holds from exec on and that phase from `at`
 * on, too. Else nothing is refused up to there but calls through ABIs that the policy does not serve. */
export function phasesFor(policy: Policy, abis: readonly Abi[], at: At): Phases {
  if (at === 'exec') return { filters: filtersFor(policy, abis) };
  const main = mainOf(policy);
  const start = main === undefined ? permittingAll(policy) : policy;
  return {
    filters: compile(start, { abis, gates: [...GATES, 'seccomp'] }),
    later: { at, filters: laterFilters(main ?? policy, abis) },
  };
}

/** The phase of main with what it takes from the whole. */
export function mainOf({ main, kernel, foreign }: Policy): Policy | undefined {
  if (main === undefined) return undefined;
  return {
    ...main,
    ...(kernel !== undefined && { kernel }),
    // Not said, it is as before: only a stricter answer would make a difference.
    ...(main.foreign === undefined && foreign !== undefined && { foreign }),
  };
}

/** What holds up to a later beginning where the policy has no phases. */
export function permittingAll({ foreign }: Policy): Policy {
  return { ...emptyPolicy, default: { kind: 'allow' }, ...(foreign === undefined ? {} : { foreign }) };
}

/** Installed by the program's own calls, which nobody but the helper can make with the cookie; exit_group, where a step fails. */
function laterFilters(policy: Policy, abis: readonly Abi[]): readonly Program[] {
  const programs = compile(policy, { abis, gates: ['exit_group'] });
  return programs.length === 1 ? programs : compile(policy, { abis, gates: ['exit_group', 'seccomp'] });
}
