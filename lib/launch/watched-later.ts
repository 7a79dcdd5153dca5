// --explain of a policy that begins later than exec. One listener is all that a process can have, so its filter is there from exec on and asks about
// everything that either phase refuses; before main the listener lets go on what only main's phase refuses. How far a thread is, the kernel
// says: at the place a filter is installed that permits all, and /proc/PID/status counts filters.

import { type Program, ret } from '../bpf/instruction.ts';
import { compile } from '../compiler/compile.ts';
import type { Abi } from '../linux/abi.ts';
import { intersect } from '../policy/algebra/intersect.ts';
import type { Policy } from '../policy/model.ts';
import { singleFilter } from './asked.ts';
import { GATES, mainOf, permittingAll } from './filters.ts';

export interface WatchedLater {
  /** What judges a call before the place, and what judges it beside that from there on. */
  readonly start: Policy;
  readonly main: Policy;
  /** From exec on; proved. Undefined: there is none short enough. */
  readonly filter: Program | undefined;
  /** What is installed at the place. */
  readonly mark: readonly Program[];
}

const ALLOW = 0x7fff0000;

export function watchedLater(policy: Policy, abis: readonly Abi[]): WatchedLater {
  const { main: _, ...whole } = policy;
  const phase = mainOf(policy);
  const asked = phase === undefined ? whole : intersect(whole, phase);
  const gates = [...GATES, 'seccomp'];
  const [only, second] = compile(asked, { abis, gates });
  return {
    start: phase === undefined ? permittingAll(whole) : whole,
    main: phase ?? whole,
    filter: second === undefined ? only : singleFilter(asked, abis, gates),
    mark: [[ret(ALLOW)]],
  };
}
