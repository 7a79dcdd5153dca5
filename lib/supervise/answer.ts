// The policy's answer to a refused call, given to the thread that waits for it: an errno through the listener, everything else by tracing
// the thread for that moment (native/core/answer.h). Where it cannot be traced its process is ended by a signal: stricter than what the
// policy says perhaps, never looser, and it is said.

import { type Abi, abis } from '../linux/abi.ts';
import { errnoNumber } from '../linux/errno.ts';
import { signalNumber } from '../linux/signals.ts';
import { type Addon, sigsysDispositions } from '../native.ts';
import { returnValue } from '../policy/action.ts';
import type { Action } from '../policy/model.ts';
import { readThread, type Thread } from './process.ts';
import type { Notification } from './refusal.ts';

export interface Answering {
  readonly addon: Pick<Addon, 'notifyAnswer' | 'notifyRefuse' | 'signalThread'>;
  readonly listener: number;
  readonly native: Abi;
  /** Why threads cannot be traced, if that is known beforehand. */
  readonly untraced: string | undefined;
  readonly warn: (message: string) => void;
  /** Called before the thread's process can end of the answer. */
  readonly beforeEnd: (process: number) => void;
}

/** `action`: anything that refuses. */
export function answerRefusal(answering: Answering, notification: Notification, action: Action): void {
  const { addon, listener, native } = answering;
  if (action.kind !== 'kill' && action.kind !== 'kill-thread' && action.kind !== 'trap') {
    // Nobody answers `notify`, and the kernel's own answer is then ENOSYS.
    const errno = action.kind === 'errno' ? returnValue(action, native) & 0xffff : ENOSYS;
    addon.notifyRefuse(listener, notification.id, errno);
    return;
  }
  const thread = readThread(notification.tid);
  const disposition = dispositionOf(thread);
  if (endsProcess(action, thread, disposition)) answering.beforeEnd(thread.pid);
  const result =
    answering.untraced === undefined
      ? addon.notifyAnswer(listener, notification.bytes, returnValue(action, native), thread.pid, disposition)
      : EPERM;
  if (result === 0) return;
  const instead = `${action.kind} could not be done to thread ${thread.tid} as the kernel does it`;
  if (result > 0) {
    if (action.kind !== 'kill' || result !== ENDED_BY_SIGSYS)
      answering.warn(
        `${instead}: process ${thread.pid} is ended by ${result === ENDED_BY_SIGSYS ? 'SIGSYS' : 'SIGKILL'}`,
      );
    return;
  }
  const how = disposition === sigsysDispositions.default ? 'SIGSYS' : 'SIGKILL';
  // Before the call has its answer, so that it runs no further instruction.
  const why =
    answering.untraced ?? `it cannot be traced (errno ${-result}: a debugger, another user's, or Yama)`;
  if (action.kind === 'trap' && disposition === sigsysDispositions.handled) {
    addon.signalThread(thread.pid, thread.tid, SIGSYS);
    answering.warn(`${instead}, because ${why}: its handler gets a SIGSYS that says nothing of the call`);
  } else {
    const isExact = action.kind === 'kill' && how === 'SIGSYS';
    const sent = addon.signalThread(thread.pid, thread.tid, how === 'SIGSYS' ? SIGSYS : SIGKILL);
    if (sent !== 0 && sent !== ESRCH) {
      answering.warn(`process ${thread.pid} could not be ended (errno ${-sent}); its call is refused`);
    } else if (!isExact) {
      answering.warn(`${instead}, because ${why}: process ${thread.pid} is ended by ${how}`);
    }
  }
  addon.notifyRefuse(listener, notification.id, ENOSYS);
}

// The same on every ABI that this runs on.
const ENOSYS = errnoNumber('ENOSYS', abis.x86_64)!;
const SIGSYS = signalNumber('SIGSYS', abis.x86_64)!;
const SIGKILL = signalNumber('SIGKILL', abis.x86_64)!;
const ESRCH = -3;
const EPERM = -1;
/** native/core/answer.h. */
const ENDED_BY_SIGSYS = 1;

function dispositionOf({ masks }: Thread): number {
  const bit = 1n << BigInt(SIGSYS - 1);
  if (((masks.blocked | masks.ignored) & bit) !== 0n) return sigsysDispositions.held;
  return (masks.caught & bit) !== 0n ? sigsysDispositions.handled : sigsysDispositions.default;
}

/** Whether nothing of the process is left after it. */
function endsProcess(action: Action, thread: Thread, disposition: number): boolean {
  if (action.kind === 'kill') return true;
  if (action.kind === 'trap') return disposition !== sigsysDispositions.handled;
  return thread.threads <= 1;
}
