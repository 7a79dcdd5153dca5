// The filters for a launch in place: the policy's programs with the gates that let the launcher itself through, once.

import type { Program } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import type { Abi } from '../linux/abi.ts';
import type { Policy } from '../policy/model.ts';

/** execve starts the program; write and exit_group report why it could not be started (native/core/launch.h). */
const GATES = ['execve', 'write', 'exit_group'];

/** Proved programs, to be installed in this order. `abis`: as for `compile`, the native one first. */
export function filtersFor(policy: Policy, abis: readonly Abi[]): readonly Program[] {
  const programs = compile(policy, { abis, gates: GATES });
  // In a chain the later filters are installed under the earlier ones, which have to let seccomp through for that.
  return programs.length === 1 ? programs : compile(policy, { abis, gates: [...GATES, 'seccomp'] });
}
