// The actions' order and numbers. Source: include/uapi/linux/seccomp.h; seccomp(2), "The actions are, in decreasing order
// of precedence".

import type { Abi } from '../linux/abi.ts';
import { errnoNumber } from '../linux/errno.ts';
import type { Action } from './model.ts';

/** Strictest first: the kernel's own order. */
export const actionKinds = [
  'kill',
  'kill-thread',
  'trap',
  'errno',
  'notify',
  'trace',
  'log',
  'allow',
] as const;

const bases: Readonly<Record<Action['kind'], number>> = {
  kill: 0x80000000,
  'kill-thread': 0x00000000,
  trap: 0x00030000,
  errno: 0x00050000,
  notify: 0x7fc00000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
};

/** How strict: 0 is the strictest (kill), 7 the loosest (allow). */
export function rank(action: Action): number {
  return actionKinds.indexOf(action.kind);
}

/** Of two, the stricter; of two alike, the first. */
export function stricter(a: Action, b: Action): Action {
  return rank(b) < rank(a) ? b : a;
}

/** Whether the call goes on, as the program sees it. */
export function permits(action: Action): boolean {
  return action.kind === 'allow' || action.kind === 'log';
}

export function sameAction(a: Action, b: Action): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'errno') return a.errno === (b as typeof a).errno;
  if (a.kind === 'trace' || a.kind === 'trap') return (a.data ?? 0) === ((b as typeof a).data ?? 0);
  return true;
}

/** SECCOMP_RET_ value with its data, an unsigned 32-bit number. */
export function returnValue(action: Action, abi: Abi): number {
  const base = bases[action.kind];
  if (action.kind === 'errno') {
    const number = typeof action.errno === 'number' ? action.errno : errnoNumber(action.errno, abi);
    if (number === undefined) throw new RangeError(`no errno ${action.errno}`);
    return base + number;
  }
  return action.kind === 'trace' || action.kind === 'trap' ? base + (action.data ?? 0) : base;
}

/** The action of a SECCOMP_RET_ value; what the kernel does with an undefined one is kill. */
export function actionOfReturn(value: number): Action {
  const data = value & 0xffff;
  const full = (value & 0xffff0000) >>> 0;
  const kind = actionKinds.find((one) => bases[one] === full) ?? 'kill';
  if (kind === 'errno') return { kind, errno: data };
  if (kind === 'trace' || kind === 'trap') return data === 0 ? { kind } : { kind, data };
  return { kind };
}

/** As the language writes it: `errno EPERM`. */
export function actionText(action: Action): string {
  if (action.kind === 'errno') return `errno ${action.errno}`;
  if ((action.kind === 'trace' || action.kind === 'trap') && action.data !== undefined) {
    return `${action.kind} ${action.data}`;
  }
  return action.kind;
}
