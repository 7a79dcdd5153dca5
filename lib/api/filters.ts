// Filters for programs that work with them: made of policies, proved, and read back.

import { filtersOfProcess } from '../asking/process.ts';
import { type Recovered, recover } from '../asking/recover.ts';
import { disassemble } from '../bpf/disassemble.ts';
import type { Program } from '../bpf/instruction.ts';
import { prove as proveAll } from '../bpf/prove.ts';
import { compile as compileFor, encodeAll } from '../compiler/compile.ts';
import { specify } from '../compiler/specify.ts';
import { readProgram } from '../formats/raw.ts';
import { nativeAbi } from '../launch/machine.ts';
import { type AbiName, abis } from '../linux/abi.ts';
import { type AbiOptions, abisOf, type PolicyLike, policyFrom } from './policies.ts';

/** A policy as the kernel takes it. */
export interface Filter {
  readonly abis: readonly AbiName[];
  /** Nearly always one; more where one would have more than 4096 instructions. Together they mean the policy, installed in this order. */
  readonly programs: readonly Program[];
  /** The same as `struct sock_filter[]`, eight bytes an instruction, in the byte order of the machine: what `bwrap --seccomp` takes. */
  readonly bytes: readonly Uint8Array[];
}

/** Compiles a policy into filters, and proves them: every path through them gives the policy's answer. Throws PolicyError, CompileError
 * (too large for any chain of filters, or ABIs that share no kernel), ProofError. */
export function compile(policy: PolicyLike, options: AbiOptions = {}): Filter {
  const value = policyFrom(policy);
  const served = abisOf(options, value);
  const programs = compileFor(value, { abis: served });
  return { abis: served.map((abi) => abi.name), programs, bytes: encodeAll(programs, served[0]!) };
}

/** Throws ProofError unless filters, however they were made, together answer every call as the policy does; for a raw filter of another tool
 * PolicyError where it is none. */
export function prove(
  filters: readonly (Program | Uint8Array)[],
  policy: PolicyLike,
  options: AbiOptions = {},
): void {
  const value = policyFrom(policy);
  const served = abisOf(options, value);
  const programs = filters.map((one) =>
    one instanceof Uint8Array ? readProgram(one, 'filter', served[0]!.bigEndian) : one,
  );
  proveAll(programs, specify(value, served, []), 'all');
}

/** A filter that was looked into. */
export interface Inspected {
  readonly program: Program;
  /** As policies that are proved to say the same, one for each group of ABIs that it treats alike. */
  readonly recovered: Recovered;
  /** The instructions, with comments. */
  readonly listing: string;
}

/** Reads filters back into policies: those of a running process (its number; needs CAP_SYS_ADMIN, and the process stands still for a moment), the
 * oldest first, or a raw filter (bytes). Throws SandboxError where the process cannot be read, PolicyError, CompileError or ProofError for a filter
 * that no policy can say. */
export function inspect(
  target: number | Uint8Array,
  options: { readonly abi?: AbiName } = {},
): readonly Inspected[] {
  const abi = options.abi === undefined ? nativeAbi() : abis[options.abi];
  const programs =
    typeof target === 'number'
      ? filtersOfProcess(target, nativeAbi())
      : [readProgram(target, 'filter', abi.bigEndian)];
  return programs.map((program, index) => ({
    program,
    recovered: recover(program, `filter ${index + 1}`, abi.name),
    listing: disassemble(program, [abi]),
  }));
}
