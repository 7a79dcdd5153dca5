// What a launcher hands to its watcher, as text in memory: the job, with the policy as it was understood, so that nothing has
// to be read or parsed a second time (a policy may have come from a pipe).

import type { AbiName } from '../linux/abi.ts';
import type { Policy } from '../policy/model.ts';

interface Common {
  readonly pid: number;
  /** The program's words, for people. */
  readonly command: readonly string[];
  readonly json: boolean;
  /** Where to tell; 2, standard error, if not given. */
  readonly descriptor?: number;
}

/** What judges calls beside the policy from a later place on. */
export interface LaterPolicy {
  readonly policy: Policy;
  /** How many filters a thread has before that place; more behind it. */
  readonly filters: number;
  /** Whether it is a phase of its own; else there is nothing but it. */
  readonly isPhase: boolean;
}

/** Says what is refused, and what would permit it. */
export interface ExplainJob extends Common {
  readonly kind: 'explain';
  readonly policy: Policy;
  readonly later?: LaterPolicy;
  /** The ABIs that the filter serves. */
  readonly abis: readonly AbiName[];
  /** Why threads cannot be traced here; undefined where they can. */
  readonly untraced?: string;
  /** Where to write the policy that would have sufficed: an absolute path. */
  readonly suggest?: string;
}

/** Records a run, and writes what it was told to. Paths are absolute. */
export interface LearnJob extends Common {
  readonly kind: 'learn';
  readonly fast: boolean;
  /** Calls that the filter lets go on unrecorded. */
  readonly granted: readonly string[];
  readonly writes: Writes;
  /** Only list what was recorded, which are refusals then: for --verify. */
  readonly verify?: string;
}

/** What becomes of recordings. */
export interface Writes {
  readonly output?: string;
  readonly merge: boolean;
  readonly record?: string;
  readonly namesOnly: boolean;
}

export type Job = ExplainJob | LearnJob;

export function encodeJob(job: Job): string {
  return JSON.stringify(job, (_, value: unknown) =>
    typeof value === 'bigint' ? { [BIGINT]: String(value) } : value,
  );
}

export function decodeJob(text: string): Job {
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'object' && value !== null && BIGINT in value
      ? BigInt((value as Record<string, string>)[BIGINT]!)
      : value,
  ) as Job;
}

const BIGINT = '$bigint';
