// Kafel's names of actions and calls. See kafel.ts.

import type { Action } from '../policy/model.ts';

/** Kafel's KILL is the thread's. */
export const KILL: Action = { kind: 'kill-thread' };

/** Actions without a number. */
export const plainActions: Readonly<Record<string, Action>> = {
  ALLOW: { kind: 'allow' },
  LOG: { kind: 'log' },
  KILL,
  DENY: KILL,
  KILL_THREAD: KILL,
  KILL_PROCESS: { kind: 'kill' },
  USER_NOTIF: { kind: 'notify' },
};

/** The kernel's inner names of calls, where they are not the ones that the tables of numbers have. */
export const innerNames: Readonly<Record<string, string>> = {
  newstat: 'stat',
  newfstat: 'fstat',
  newlstat: 'lstat',
  newuname: 'uname',
  sendfile64: 'sendfile',
  umount: 'umount2',
};
