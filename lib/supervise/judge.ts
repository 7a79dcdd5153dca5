// What judges a call: the policy, and where that begins later than exec or has a phase of main, what holds from there on beside it.

import type { Abi } from '../linux/abi.ts';
import { permits, rank } from '../policy/action.ts';
import { type Decision, decideData, type SeccompData } from '../policy/evaluate.ts';
import { printPolicy } from '../policy/language/print.ts';
import type { Policy } from '../policy/model.ts';
import { readThread } from './process.ts';
import { type Served, sufficient } from './suggest.ts';
import type { LaterPolicy } from './wire.ts';

export interface Judging {
  readonly policy: Policy;
  readonly later: LaterPolicy | undefined;
  readonly abis: readonly Abi[];
}

export interface Judgement {
  readonly decision: Decision;
  /** What holds from main on has refused it, and that is a phase of its own. */
  readonly isOfPhase: boolean;
}

export function judge({ policy, later, abis }: Judging, data: SeccompData, tid: number): Judgement {
  const decision = decideData(policy, abis, data);
  if (later === undefined) return { decision, isOfPhase: false };
  const narrower = decideData(later.policy, abis, data);
  // Of two filters that are as strict the newer one answers (kernel/seccomp.c, seccomp_run_filters).
  if (permits(narrower.action) || rank(narrower.action) > rank(decision.action))
    return { decision, isOfPhase: false };
  return isLater(later, tid)
    ? { decision: narrower, isOfPhase: later.isPhase }
    : { decision, isOfPhase: false };
}

/** Whether a thread has come to the place where the later policy begins: it has the filter that is put there. */
function isLater({ filters }: LaterPolicy, tid: number): boolean {
  return (readThread(tid).filters ?? Number.POSITIVE_INFINITY) > filters;
}

/** The policy that permits all that has been refused so far. */
export interface Suggestion {
  /** With one more call permitted, as narrowly as can be said, or the call at all if `wide`; `before` itself where nothing changes. */
  permitting(data: SeccompData, wide: boolean): Suggestion;
  /** In the policy language. */
  print(): string;
}

export function suggestionFor(judging: Judging): Suggestion {
  const { policy, later, abis } = judging;
  return later === undefined
    ? single({ policy, abis })
    : later.isPhase
      ? double({ policy, abis }, { policy: later.policy, abis })
      : single({ policy: later.policy, abis });
}

function single(served: Served): Suggestion {
  const suggestion: Suggestion = {
    permitting(data, wide) {
      const next = sufficient(served, data, wide);
      return next === served ? suggestion : single(next);
    },
    print: () => printPolicy(served.policy),
  };
  return suggestion;
}

/** Both have to permit a call. */
function double(whole: Served, main: Served): Suggestion {
  const suggestion: Suggestion = {
    permitting(data, wide) {
      const next = [sufficient(whole, data, wide), sufficient(main, data, wide)] as const;
      return next[0] === whole && next[1] === main ? suggestion : double(...next);
    },
    print() {
      // The kernel and the ABIs are the whole's.
      const { kernel: _, abis: __, ...phase } = main.policy;
      return printPolicy({ ...whole.policy, main: phase });
    },
  };
  return suggestion;
}
