// What stands just before an instruction, or just behind it, in a straight line of code: where a register was given its value
// without any doubt, which call is made, whether a value is only copied. Whatever comes from further away is not known.

import { abis } from '../../linux/abi.ts';
import { parametersOf } from '../../linux/arguments.ts';
import { syscallName } from '../../linux/syscalls.ts';
import { functionAt, offsetIn, regionAt } from '../code/code.ts';
import { flow, found } from '../code/x86-64/lengths.ts';
import { calledRegister, copies } from '../code/x86-64/naming.ts';
import type { Origin } from '../code/x86-64/operations.ts';
import type { Module } from '../files/world.ts';
import { type Steps, withStep } from './bits.ts';
import { bodyOf, operationAt, readAt } from './bodies.ts';

const RAX = 0;
const POINTER = 8;
/** System V ABI for x86-64, A.2.1. */
const kernelParameters = [7, 6, 2, 10, 8, 9];
/** Instructions that are looked back for what a register gets. */
const NEAR = 8;
const none: Steps = [];

/** What a register was given just before an instruction; undefined: it can come from elsewhere. */
function givenBefore(module: Module, at: number, register: number): Origin | undefined {
  const { code } = module;
  const body = bodyOf(module, functionAt(code, at));
  const { addresses, positions, jumps, tableTargets, pads, fallsThrough } = body;
  const last = positions.get(at) ?? 0;
  for (let position = last; position > 0 && last - position < NEAR; position--) {
    const address = addresses[position]!;
    if (jumps.has(address) || tableTargets.has(address) || pads.has(address)) return undefined;
    if (fallsThrough[position - 1] !== 1) return undefined;
    const { kind, writes, result, register: to } = operationAt(code, addresses[position - 1]!);
    if (kind === 'call' || kind === 'syscall') return undefined;
    if (((writes >>> register) & 1) === 1)
      return to === register && result.length === 1 ? result[0] : undefined;
  }
  return undefined;
}

/** The registers whose content the kernel gets at a system call: all, where it is not plain which call it is. */
export function parametersAt(module: Module, at: number): readonly number[] {
  const number = givenBefore(module, at, RAX);
  const name =
    number?.kind === 'constant'
      ? syscallName(abis.x86_64, Number(BigInt.asIntN(32, number.value)))
      : undefined;
  const known = name === undefined ? undefined : parametersOf(name, abis.x86_64);
  return kernelParameters.slice(0, known?.length);
}

/** The word of the file that was loaded just before into the register that an instruction calls or jumps through. */
export function wordCalled(module: Module, at: number): number | undefined {
  const register = calledRegister(module.code.elf.bytes, offsetIn(module.code, at), at);
  const origin = register < 0 ? undefined : givenBefore(module, at, register);
  if (origin?.kind !== 'place' || origin.steps.reduce(withStep, none).length > 0) return undefined;
  const { place } = origin;
  return place.kind === 'global' && place.size === POINTER ? place.address : undefined;
}

/** Instructions within which a part of a word is stored again, where words are copied in parts. */
const COPIED = 6;

/** Whether what has just been put into a register is stored as it is. */
export function isCopied(module: Module, from: number, register: number): boolean {
  if (register < 0) return false;
  const { code } = module;
  for (let at = from, step = 0; step < COPIED; step++) {
    if (code.regions[regionAt(code, at)]?.isCode !== true) return false;
    readAt(code, at);
    const { length, flow: where } = found;
    if (where !== flow.next) return false;
    const { stores, writes } = copies(code.elf.bytes, offsetIn(code, at), at, register);
    if (stores || writes) return stores;
    at += length;
  }
  return false;
}
