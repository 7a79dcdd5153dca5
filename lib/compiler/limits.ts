// How large a policy's programs may become, and the error for one that is larger. The limits are asked as early as can be: a
// policy that cannot fit is refused before it has taken much time and memory.

import { CompileError } from '../errors.ts';

/** The kernel's limit on all filters of a process together, each counted with CHAIN_PENALTY more (MAX_INSNS_PER_PATH in
 * kernel/seccomp.c). Instructions. */
export const CHAIN_LIMIT = 32_768;
export const CHAIN_PENALTY = 4;

/** One comparison tells apart the values at two boundaries at the most (JEQ), so a test of one word with more boundaries than
 * this fits in no chain of filters. */
export const MAX_CUTS = 2 * CHAIN_LIMIT;

/** Work of a compilation, intermediate results included: cuts of all nodes, and NODE_WORK for each node. It bounds time and memory
 * (a few seconds, some hundred megabytes), and is reached only by conditions on many masks of several arguments at once, whose
 * combinations multiply. */
export const MAX_WORK = 4_000_000;
export const NODE_WORK = 32;

/** `length`: how many instructions it would be about, if known. */
export function tooLarge(length?: number, cause?: unknown): CompileError {
  const needs = length === undefined ? 'is far too large' : `needs about ${length} instructions`;
  return new CompileError(`the policy ${needs}; the kernel takes ${CHAIN_LIMIT} instructions in all`, {
    advice: 'say less by single argument values: ranges and masks are cheap',
    cause,
  });
}
