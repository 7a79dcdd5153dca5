// Raw filters: `struct sock_filter[]`, eight bytes an instruction, as `bwrap --seccomp` and `minijail0 --seccomp-bpf-binary` take them
// and as PTRACE_SECCOMP_GET_FILTER gives them. Reading one is recovering the policy that it means; the result is
// proved to be the same. Sources: include/uapi/linux/filter.h (struct sock_filter), kernel/seccomp.c (what is a filter).

import { recover } from '../asking/recover.ts';
import { decode, MAX_INSTRUCTIONS, type Program } from '../bpf/instruction.ts';
import { refusal } from '../bpf/interpret.ts';
import { PolicyError } from '../errors.ts';
import type { Abi } from '../linux/abi.ts';
import { actionText } from '../policy/action.ts';
import type { Policy } from '../policy/model.ts';

export interface RawResult {
  readonly policy: Policy;
  /** One sentence each: what one policy could not say, and was left out because that is stricter. */
  readonly warnings: readonly string[];
}

/** Whether these bytes are a filter that the kernel would take. No text is: its letters make no permitted instructions. */
export function isRaw(bytes: Uint8Array, bigEndian = false): boolean {
  if (bytes.length === 0 || bytes.length % 8 !== 0) return false;
  return bytes.length <= 8 * MAX_INSTRUCTIONS && refusal(decode(bytes, bigEndian)) === undefined;
}

/** The instructions of a raw filter. Throws PolicyError where the kernel would not take it. */
export function readProgram(bytes: Uint8Array, file: string, bigEndian = false): Program {
  const advice = 'a raw filter is an array of struct sock_filter in the byte order of its machine';
  if (bytes.length === 0 || bytes.length % 8 !== 0) {
    throw new PolicyError(`${file}: ${bytes.length} bytes are not whole 8-byte instructions`, { advice });
  }
  const program = decode(bytes, bigEndian);
  const problem = refusal(program);
  if (problem !== undefined)
    throw new PolicyError(`${file}: the kernel would not take this filter: ${problem}`, { advice });
  return program;
}

/** The policy of a raw filter for one machine's ABIs. A filter that says other things to other ABIs than one policy can
 * say is read for `abi`'s; calls through the rest are then killed, with a warning. Throws PolicyError, CompileError or
 * ProofError. */
export function readRaw(bytes: Uint8Array, file: string, abi: Abi): RawResult {
  const { policies, unsaid } = recover(readProgram(bytes, file, abi.bigEndian), file, abi.name);
  const own = policies.find((policy) => policy.abis?.includes(abi.name)) ?? policies[0]!;
  const left = policies.filter((policy) => policy !== own).flatMap((policy) => policy.abis ?? []);
  const warnings = unsaid
    .filter((one) => own.abis?.includes(one.abi))
    .map(
      ({ abi: name, low, high, answers }) =>
        `numbers ${low === high ? low : `${low} to ${high}`} of ${name}, which no kernel has, get ${answers.map(actionText).join(' or ')} from the filter`,
    );
  if (left.length === 0) return { policy: own, warnings };
  return {
    // What the filter answers elsewhere need not be what it answers to those ABIs.
    policy: { ...own, foreign: { kind: 'kill' } },
    warnings: [
      ...warnings,
      `the filter says other things to ${left.join(' and ')} than one policy can; calls through ${left.length === 1 ? 'it' : 'them'} are killed here`,
    ],
  };
}
