// The watcher of --explain: takes each refused call from the listener, tells it, and gives the answer that the policy gives.
// The program waits meanwhile, so what is told first and answered then is complete when the program dies of it.
//
// If this process dies, the kernel answers refused calls with ENOSYS: they stay refused (seccomp_unotify(2)).

import { abis } from '../linux/abi.ts';
import type { Addon } from '../native.ts';
import { permits } from '../policy/action.ts';
import type { Action } from '../policy/model.ts';
import { writeWhole } from '../whole.ts';
import { answerRefusal } from './answer.ts';
import { type Judging, judge, suggestionFor } from './judge.ts';
import { programOf } from './process.ts';
import { describeRefusal, keyOf, type Notification, type Refusal, readNotification } from './refusal.ts';

/** Where what is seen goes. */
export interface Teller {
  refused(refusal: Refusal): void;
  /** How often refusals that were told already came again, at the end. */
  summary(summary: Summary): void;
  warn(message: string): void;
}

export interface Summary {
  readonly refusals: number;
  readonly calls: readonly Counted[];
  /** The policy that would have sufficed, in the language. */
  readonly policy: string;
  readonly suggest: string | undefined;
}

export interface Counted {
  readonly call: string;
  readonly program: string;
  readonly action: string;
  readonly count: number;
  /** Whether it has been told of; beyond so many a second, refusals are counted only. */
  readonly told: boolean;
  readonly change: string;
}

export interface Explaining extends Judging {
  readonly addon: Addon;
  readonly listener: number;
  /** The process that was started: when it is killed, all is said before. */
  readonly main: number;
  /** Why threads cannot be traced, if they cannot. */
  readonly untraced: string | undefined;
  readonly suggest: string | undefined;
  readonly teller: Teller;
}

interface Known {
  readonly program: string;
  readonly call: string;
  readonly action: string;
  readonly change: string;
  readonly told: boolean;
  count: number;
}

/** Blocks in one second; more are counted. */
const BLOCKS_A_SECOND = 20;
/** Different refusals that are kept apart; a program that calls with random arguments can make any number. */
const MOST_KEYS = 2000;

/** Of one call in a suggestion; a call that is used in more ways is suggested without conditions. */
const MOST_USES = 16;

const ENOENT = -2;

/** Runs until nobody is left who could make a call. */
export function explainRefusals(explaining: Explaining): void {
  const { addon, listener, teller } = explaining;
  const seen = new Map<string, Known>();
  let second = 0;
  let blocks = 0;
  const usesOf = new Map<string, number>();
  let isSummed = false;
  let suggestion = suggestionFor(explaining);

  const learnOf = (notification: Notification): Action => {
    const { data, tid } = notification;
    const judgement = judge(explaining, data, tid);
    const { decision } = judgement;
    if (permits(decision.action)) return decision.action;
    const program = programOf(tid);
    const found = keyOf(program, explaining.abis, data, decision);
    const key = seen.size < MOST_KEYS ? found : `${program} ${data.arch} ${data.nr}`;
    const known = seen.get(key);
    if (known !== undefined) {
      known.count++;
      return decision.action;
    }
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) [second, blocks] = [now, 0];
    const told = blocks++ < BLOCKS_A_SECOND;
    const refusal = describeRefusal(explaining.abis, notification, judgement);
    // Its thread was killed while its memory was being read: what was read may be another's.
    if (addon.notifyValid(listener, notification.id) !== 0) return decision.action;
    if (told) teller.refused(refusal);
    const change = refusal.changes.narrow.policy;
    seen.set(key, { program, call: refusal.call, action: refusal.action, change, told, count: 1 });
    isSummed = false;
    const uses = (usesOf.get(`${data.arch} ${data.nr}`) ?? 0) + 1;
    usesOf.set(`${data.arch} ${data.nr}`, uses);
    const before = suggestion;
    suggestion = suggestion.permitting(data, uses > MOST_USES);
    if (explaining.suggest !== undefined && suggestion !== before)
      writeSuggestion(explaining.suggest, suggestion.print(), teller);
    return decision.action;
  };

  const sum = () => {
    if (isSummed || seen.size === 0) return;
    isSummed = true;
    const calls = [...seen.values()];
    teller.summary({
      refusals: calls.reduce((count, one) => count + one.count, 0),
      calls,
      policy: suggestion.print(),
      suggest: explaining.suggest,
    });
  };

  const answering = {
    addon,
    listener,
    untraced: explaining.untraced,
    native: explaining.abis[0] ?? abis.x86_64,
    warn: (message: string) => teller.warn(message),
    beforeEnd(process: number) {
      if (process === explaining.main) sum();
    },
  };
  for (;;) {
    const received = addon.notifyReceive(listener, -1);
    if (typeof received === 'number') {
      if (received !== ENOENT) continue;
      sum();
      return;
    }
    const notification = readNotification(received);
    let action: Action = { kind: 'kill' };
    try {
      action = learnOf(notification);
    } catch (error) {
      teller.warn(
        `a refusal could not be described: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    if (permits(action)) {
      // Asked because the filter could not tell (lib/launch/asked.ts, watched-later.ts). What is decided by does not change: registers.
      addon.notifyContinue(listener, notification.id);
      continue;
    }
    answerRefusal(answering, notification, action);
  }
}

function writeSuggestion(file: string, policy: string, teller: Teller): void {
  try {
    writeWhole(file, policy);
  } catch (error) {
    teller.warn((error as Error).message);
  }
}
