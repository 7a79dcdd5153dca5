// What of a call's arguments tells one use from another: commands, enums and flags do, descriptors 0 to 2 may, pointers, sizes
// and offsets do not. Suggestions and learnt statements are both made of this.

import type { Abi } from '../linux/abi.ts';
import { type Parameter, parametersOf } from '../linux/arguments.ts';
import { nameConstant, nameFlags } from '../linux/constants.ts';
import { isDescriptor } from './decode.ts';

export type ArgumentShape = 'nothing' | 'enum' | 'flags' | 'descriptor';

/** Families that say nothing about what a call may do to others: permissions of new files, the current folder. */
const IDLE = new Set(['file-mode', 'permission-bits', 'directory-fd']);

/** The shape of each argument register of a call. */
export function shapeOf(name: string, abi: Abi): readonly ArgumentShape[] {
  return (parametersOf(name, abi) ?? []).map(shapeOfParameter);
}

function shapeOfParameter(parameter: Parameter): ArgumentShape {
  const { constants } = parameter;
  if (parameter.pointer) return 'nothing';
  if (constants !== undefined && !IDLE.has(constants.family)) return constants.kind;
  return constants === undefined && isDescriptor(parameter) ? 'descriptor' : 'nothing';
}

/** Arguments that choose what a call is at all: another command is another call, so these always count. */
const COMMANDS = new Set(
  `ioctl.cmd fcntl.cmd fcntl64.cmd prctl.option arch_prctl.option socket.family socketpair.family bpf.cmd ptrace.request keyctl.option
  shmctl.cmd semctl.cmd msgctl.cmd quotactl.cmd seccomp.op futex.op personality.personality socketcall.call ipc.call`.split(
    /\s+/,
  ),
);

export function isCommand(call: string, parameter: Parameter): boolean {
  return (
    parameter.names.some((name) => COMMANDS.has(`${call}.${name}`)) ||
    (call === 'socket' && parameter.names.includes('domain'))
  );
}

/** A value as the policy language writes it: a name where there is one. */
export function valueText(parameter: Parameter, value: bigint, abi: Abi): string {
  const bits = BigInt.asUintN(parameter.bits, value);
  const { constants } = parameter;
  if (constants?.kind === 'flags') return nameFlags(constants.family, bits, abi);
  const named = constants === undefined ? undefined : nameConstant(constants.family, bits, abi);
  return named ?? (bits > 0xffffn ? `0x${bits.toString(16)}` : String(bits));
}

/** The condition for exactly these values, or undefined where the arguments tell nothing. */
export function exactCondition(name: string, abi: Abi, args: readonly bigint[]): string | undefined {
  const parts = (parametersOf(name, abi) ?? []).flatMap((parameter, index) => {
    const shape = shapeOfParameter(parameter);
    if (shape === 'nothing' || shape === 'descriptor') return [];
    return [`${parameter.names[0]} == ${valueText(parameter, args[index]!, abi)}`];
  });
  return parts.length === 0 ? undefined : parts.join(' && ');
}
