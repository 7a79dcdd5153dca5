// Where the stack pointer stands at each instruction of a function, so that a slot of the stack has one name whatever register
// it is reached through: its distance from where the stack pointer stood at the function's start (the return address at 0,
// arguments on the stack from 8 on, locals below). And which slots' addresses the function lets out of its hands: those can
// be changed by whoever has the address, and no value is followed in them over a call.
//
// Compiled code has one depth at each instruction. Where two ways disagree it is not known, and values there are lost.

import { functionAt, use } from '../code/code.ts';
import { flow, found } from '../code/x86-64/lengths.ts';
import { type Operation, RBP, RSP } from '../code/x86-64/operations.ts';
import type { Module, World } from '../files/world.ts';
import { Kept } from '../kept.ts';
import { type Body, bodyOf, endsThere, operationAt, readAt, referencesTo } from './bodies.ts';

export interface Frame {
  /** By position of the instruction, before it; NaN: not known. */
  readonly stack: Float64Array;
  /** The frame pointer, where it holds an address of the stack. */
  readonly base: Float64Array;
  /** Slots whose addresses are taken, ascending; -Infinity: one that is not known. */
  readonly escapes: readonly number[];
}

const ALIGNED_FRAME = 2 ** 24;

const frames = new Kept<Module, number, Frame>();

export const frameOf = (world: World, module: Module, index: number): Frame =>
  frames.get(module, index, () => readFrame(world, module, index));

/** The offset of a stack register before an instruction; NaN: not known. */
export function depthAt(frame: Frame, position: number, register: number): number {
  return register === RSP ? frame.stack[position]! : register === RBP ? frame.base[position]! : Number.NaN;
}

/** Whether somebody else can have the address of a slot. An address leads to what lies above it, as far as its object goes,
 * which is not known; but not from a function's own locals to the arguments above the return address. */
export function isExposed(frame: Frame, offset: number): boolean {
  return frame.escapes.some(
    (one) => one <= offset && (offset < 0 || one >= 0 || one === Number.NEGATIVE_INFINITY),
  );
}

interface Depths {
  readonly stack: Float64Array;
  readonly base: Float64Array;
  /** 0: not seen, 1: behind a call that may not come back, 2: seen. */
  readonly seen: Uint8Array;
  /** Positions to go on from. */
  readonly queue: number[];
  isLate: boolean;
  /** Two ways disagree about the frame pointer somewhere. */
  isTorn: boolean;
}

function readFrame(world: World, module: Module, index: number): Frame {
  const body = bodyOf(module, index);
  const count = body.addresses.length;
  const depths: Depths = {
    stack: new Float64Array(count).fill(Number.NaN),
    base: new Float64Array(count).fill(Number.NaN),
    seen: new Uint8Array(count),
    queue: [],
    isLate: false,
    isTorn: false,
  };
  enter(depths, 0, 0, Number.NaN, false);
  spread(depths, world, module, body);
  // The unwinder enters with the stack as it was at the calls.
  if (body.pads.size > 0) {
    const calls = body.addresses.flatMap((address, position) =>
      depths.seen[position] !== 0 && operationAt(module.code, address).kind === 'call' ? [position] : [],
    );
    const common = (of: Float64Array) => {
      const first = of[calls[0] ?? 0]!;
      return calls.every((position) => of[position] === first) ? first : Number.NaN;
    };
    const [stack, base] = [common(depths.stack), common(depths.base)];
    for (const pad of body.pads) {
      const position = body.positions.get(pad);
      if (position !== undefined) enter(depths, position, stack, base, true);
    }
    spread(depths, world, module, body);
  }
  if (module.code.functionIsKnown[index] === 0) {
    for (const [position, address] of body.addresses.entries()) {
      if (depths.seen[position] !== 0 || !isJumpedTo(module, address, index)) continue;
      enter(depths, position, 0, Number.NaN, true);
      spread(depths, world, module, body);
    }
  }
  return { stack: depths.stack, base: depths.base, escapes: escapesOf(module, body, depths) };
}

/** Whether another function jumps there. In a range whose bounds are not known, what nothing of it leads to is then a function
 * of its own. */
function isJumpedTo(module: Module, address: number, index: number): boolean {
  const { code } = module;
  return referencesTo(module, address).some(
    (one) => code.use[one] === use.jump && functionAt(code, code.site[one]!) !== index,
  );
}

function enter(depths: Depths, position: number, stack: number, base: number, isUnsure: boolean): void {
  if (depths.seen[position] === 0) {
    depths.seen[position] = depths.isLate ? 1 : 2;
    depths.stack[position] = stack;
    depths.base[position] = base;
    depths.queue.push(position);
    return;
  }
  if (isUnsure && depths.seen[position] === 2) return;
  let isChanged = false;
  if (!Number.isNaN(depths.stack[position]!) && depths.stack[position] !== stack) {
    depths.stack[position] = Number.NaN;
    isChanged = true;
  }
  if (!Number.isNaN(depths.base[position]!) && depths.base[position] !== base) {
    depths.base[position] = Number.NaN;
    depths.isTorn = true;
    isChanged = true;
  }
  if (isChanged) depths.queue.push(position);
}

/** Goes on until nothing changes; behind calls last, because some do not come back. */
function spread(depths: Depths, world: World, module: Module, body: Body): void {
  const behindCalls: [position: number, stack: number, base: number][] = [];
  for (;;) {
    const position = depths.queue.pop();
    if (position === undefined) {
      depths.isLate = true;
      const later = behindCalls.pop();
      if (later === undefined) return;
      enter(depths, later[0], later[1], later[2], true);
      continue;
    }
    const address = body.addresses[position]!;
    const operation = operationAt(module.code, address);
    const [stack, base] = after(operation, position, depths.stack[position]!, depths.base[position]!);
    const go = (target: number) => {
      const to = body.positions.get(target);
      if (to !== undefined) enter(depths, to, stack, base, false);
    };
    readAt(module.code, address);
    const { flow: where } = found;
    const target = address + found.length + found.target;
    if (where === flow.jump || where === flow.branch) go(target);
    else if (where === flow.jumpIndirect) for (const entry of body.tableTargets) go(entry);
    if (body.fallsThrough[position] === 1 && position + 1 < body.addresses.length) {
      if (operation.kind !== 'call') enter(depths, position + 1, stack, base, false);
      else if (!endsThere(world, module, address)) behindCalls.push([position + 1, stack, base]);
    }
  }
}

/** Stack and frame pointer behind an instruction. */
function after(
  operation: Operation,
  position: number,
  stack: number,
  base: number,
): [stack: number, base: number] {
  const { stack: change } = operation;
  const of = (register: number) => (register === RSP ? stack : register === RBP ? base : Number.NaN);
  const nextStack =
    change === undefined
      ? Number.NaN
      : change === 'aligned'
        ? // Compilers reach locals of an aligned frame through registers of that frame alone: it lies far from the other.
          stack - ALIGNED_FRAME * (position + 1)
        : typeof change === 'number'
          ? stack + change
          : of(change.register) + change.offset;
  if ((operation.writes & (1 << RBP)) === 0) return [nextStack, base];
  const offset = operation.register === RBP ? stackOffset(operation) : undefined;
  return [nextStack, offset === undefined ? Number.NaN : of(offset.register) + offset.offset];
}

/** If the result is a register's value plus a number: both. */
export function stackOffset(
  operation: Operation,
): { readonly register: number; readonly offset: number } | undefined {
  const [origin] = operation.result;
  if (operation.result.length !== 1 || origin?.kind !== 'place' || origin.place.kind !== 'register')
    return undefined;
  let offset = 0n;
  for (const step of origin.steps) {
    if (step.kind === 'add' && step.width === 64) offset += step.by;
    else if (step.kind !== 'bitwise' || step.and !== 0xffff_ffff_ffff_ffffn || step.xor !== 0n)
      return undefined;
  }
  return { register: origin.place.register, offset: Number(offset) };
}

function escapesOf(module: Module, { addresses }: Body, depths: Depths): readonly number[] {
  const hasFrame = depths.isTorn || depths.base.some((one) => !Number.isNaN(one));
  const escapes = new Set<number>();
  addresses.forEach((address, position) => {
    const operation = operationAt(module.code, address);
    // What goes into a stack register stays in the function's hands.
    if ((operation.uses & ((1 << RSP) | (1 << RBP))) === 0 || operation.register === RSP) return;
    for (const register of [RSP, RBP]) {
      if ((operation.uses & (1 << register)) === 0) continue;
      const at = (register === RSP ? depths.stack : depths.base)[position]!;
      // Elsewhere it is a register like any other.
      const isPlain = register === RBP && Number.isNaN(at);
      if (isPlain && (!hasFrame || (depths.seen[position] !== 0 && !depths.isTorn))) continue;
      const offset = offsetTaken(operation, register);
      if (operation.register === RBP && offset !== undefined && !Number.isNaN(at)) continue;
      escapes.add(Number.isNaN(at) || offset === undefined ? Number.NEGATIVE_INFINITY : at + offset);
    }
  });
  return [...escapes].sort((a, b) => a - b);
}

/** How far from a register the address lies that an instruction makes of it, or stores; undefined: not known. */
function offsetTaken(operation: Operation, register: number): number | undefined {
  const offset = stackOffset(operation);
  if (offset !== undefined) return offset.register === register ? offset.offset : undefined;
  const [stored] = operation.stored;
  if (stored?.kind !== 'place' || stored.place.kind !== 'register') return undefined;
  return stored.place.register === register ? 0 : undefined;
}
