// One refused call as it arrives from the kernel, and all that can be said about it.

import { type Abi, abis } from '../linux/abi.ts';
import { actionText } from '../policy/action.ts';
import { abiOfData, type Decision, type SeccompData } from '../policy/evaluate.ts';
import { type DecodedArgument, decodeArguments, printable } from './decode.ts';
import type { Judgement } from './judge.ts';
import { codeAt, readThread, type Thread } from './process.ts';
import { type Changes, callText, changesFor, oneLine, placeOf } from './suggest.ts';
import { symbolAt } from './symbols.ts';

/** struct seccomp_notif (include/uapi/linux/seccomp.h): id, pid, flags, then struct seccomp_data. */
export interface Notification {
  readonly id: bigint;
  readonly tid: number;
  readonly data: SeccompData;
  readonly instruction: bigint;
  /** As the kernel gave it. */
  readonly bytes: Uint8Array;
}

export function readNotification(bytes: Uint8Array): Notification {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = LITTLE_ENDIAN;
  return {
    id: view.getBigUint64(0, little),
    tid: view.getUint32(8, little),
    data: {
      nr: view.getUint32(16, little),
      arch: view.getUint32(20, little),
      args: Array.from({ length: 6 }, (_, index) => view.getBigUint64(32 + 8 * index, little)),
    },
    instruction: view.getBigUint64(24, little),
    bytes,
  };
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export interface Refusal {
  readonly thread: Thread;
  readonly abi: Abi;
  readonly call: string;
  readonly nr: number;
  readonly arguments: readonly DecodedArgument[];
  readonly action: string;
  /** The statement, or why there was none. */
  readonly by: string;
  /** File and offset; with the symbol where it is known. */
  readonly code: { readonly file: string; readonly offset: number; readonly symbol?: string } | undefined;
  readonly changes: Changes;
}

/** Everything about it, looked up while the thread waits. */
export function describeRefusal(
  served: readonly Abi[],
  notification: Notification,
  { decision, isOfPhase }: Judgement,
): Refusal {
  const { data, tid } = notification;
  const abi = abiOfData(data) ?? abis.x86_64;
  const call = callText(abi, data.nr);
  const thread = readThread(tid);
  const code = codeAt(tid, notification.instruction);
  const symbol = code === undefined ? undefined : symbolAt(code.file, code.offset);
  return {
    thread,
    abi,
    call,
    nr: data.nr,
    arguments: decodeArguments(call, abi, data.args, tid),
    action: actionText(decision.action),
    by: `${reasonText(decision, abi)}${isOfPhase ? ', from main on' : ''}`,
    code: code === undefined ? undefined : { ...code, ...(symbol === undefined ? {} : { symbol }) },
    changes: isOfPhase ? inPhase(changesFor(served, data, decision)) : changesFor(served, data, decision),
  };
}

/** No option says something of that phase alone. */
function inPhase({ narrow, wide }: Changes): Changes {
  const within = ({ policy }: Changes['narrow']) => ({ policy: `${policy}, in the phase of main` });
  return { narrow: within(narrow), wide: within(wide) };
}

function reasonText({ by, action }: Decision, abi: Abi): string {
  switch (by) {
    case 'default':
      return `the default, ${actionText(action)}: no statement permits it`;
    case 'call default':
      return `the default of this call, ${actionText(action)}`;
    case 'unknown':
      return `the answer to unknown calls, ${actionText(action)}`;
    case 'foreign':
      return `the answer to calls through other ABIs, ${actionText(action)}: the policy does not serve ${abi.name}`;
  }
  return `\`${oneLine(by)}\`${placeOf(by)}`;
}

/** What tells refusals apart, so that each is told once: cheap, because it is made for every one. */
export function keyOf(
  program: string,
  served: readonly Abi[],
  data: SeccompData,
  decision: Decision,
): string {
  const abi = abiOfData(data);
  if (abi === undefined) return `${program} ${data.arch} ${data.nr}`;
  const { narrow } = changesFor(served, data, decision);
  return `${program} ${abi.name} ${data.nr} ${narrow.policy}`;
}

/** `openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`. */
export function callLine(refusal: Refusal): string {
  return `${refusal.call}(${refusal.arguments.map((one) => one.text).join(', ')})`;
}

/** The block that people read. */
export function blockOf(refusal: Refusal, paint: (code: string, text: string) => string): string {
  const { thread, abi, code, changes } = refusal;
  const where =
    code === undefined
      ? 'not known'
      : `${printable(code.file)}+0x${code.offset.toString(16)}${code.symbol === undefined ? '' : ` (${printable(code.symbol)})`}`;
  const thread_ = thread.tid === thread.pid ? '' : `, thread ${thread.tid} "${printable(thread.name)}"`;
  const change = ({ policy, option }: Changes['narrow']) =>
    option === undefined ? policy : `${policy}    or ${option}`;
  const rows: readonly (readonly [string, string])[] = [
    ['by', refusal.by],
    ['from', where],
    ['to permit', change(changes.narrow)],
    ...(changes.wide.policy === changes.narrow.policy ? [] : [['or wider', change(changes.wide)] as const]),
  ];
  const shown = abi.name === 'x86_64' || abi.name === 'aarch64' ? '' : ` [${abi.name}]`;
  return [
    `sandbox-run: ${paint('1', `${refusal.action}: ${callLine(refusal)}`)}${shown}`,
    `  ${'program'.padEnd(9)}  ${printable(thread.program)}, process ${thread.pid}${thread_}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(9)}  ${value}`),
    '',
  ].join('\n');
}

/** The same for machines. */
export function asEvent(refusal: Refusal): Readonly<Record<string, unknown>> {
  const { thread, abi, code, changes } = refusal;
  return {
    event: 'refused',
    program: thread.program,
    process: thread.pid,
    thread: thread.tid,
    name: thread.name,
    abi: abi.name,
    call: refusal.call,
    number: refusal.nr,
    arguments: refusal.arguments.map(({ name, value, text }) => ({
      name,
      value: `0x${value.toString(16)}`,
      text,
    })),
    action: refusal.action,
    by: refusal.by,
    ...(code === undefined ? {} : { code }),
    narrow: changes.narrow,
    wide: changes.wide,
  };
}
