// Where a value stood before an instruction that stands in a place after it. What could have been written by somebody else in
// between is lost: memory behind a pointer at any call and at any other store, a slot of the stack where its address was let
// out of hands.

import { isGo } from '../code/go.ts';
import {
  type Memory,
  type Operand,
  type Operation,
  type Origin,
  RBP,
  RSP,
} from '../code/x86-64/operations.ts';
import type { Module, World } from '../files/world.ts';
import { cut, type Operator, type Step } from './bits.ts';
import { operationAt } from './bodies.ts';
import { depthAt, type Frame, frameOf, isExposed, stackOffset } from './frames.ts';
import { returnsTwice } from './twice.ts';

export type Place =
  | { readonly kind: 'register'; readonly register: number }
  /** A slot of the stack, from where the stack pointer stood at the function's start. `isPassed`: a call or a store through a
   * pointer came between, and whether the slot's address was out of hands then is to be looked up where it belongs. */
  | { readonly kind: 'slot'; readonly offset: number; readonly size: number; readonly isPassed: boolean }
  /** Behind a pointer. */
  | { readonly kind: 'memory'; readonly register: number; readonly offset: number; readonly size: number };

export type Source =
  | { readonly kind: 'place'; readonly place: Place; readonly steps: readonly Step[] }
  | { readonly kind: 'constant'; readonly value: bigint; readonly steps: readonly Step[] }
  /** Memory of the file. */
  | {
      readonly kind: 'load';
      readonly address: number;
      readonly size: number;
      readonly steps: readonly Step[];
    }
  | {
      readonly kind: 'two';
      readonly operator: Operator;
      readonly first: Place | Load;
      readonly second: Place | Load;
      readonly width: number;
      readonly steps: readonly Step[];
    }
  /** `address`: of something in the file. */
  | { readonly kind: 'unknown'; readonly why: string; readonly address?: number };

export interface Load {
  readonly kind: 'load';
  readonly address: number;
  readonly size: number;
}

const RAX = 0;
const RCX = 1;
const R11 = 11;
/** Registers that a function gives back as it found them (System V ABI, AMD64, 3.2.1). */
const preserved = new Set([3, 4, 5, 12, 13, 14, 15]);
const POINTER = 8;

/** Where instructions stand: a function of a file. */
export interface Where {
  readonly world: World;
  readonly module: Module;
  /** Of the function. */
  readonly index: number;
  /** The instruction's place in it. */
  readonly position: number;
  readonly address: number;
}

export const keyOfPlace = (place: Place): string =>
  place.kind === 'register'
    ? `r${place.register}`
    : place.kind === 'slot'
      ? `s${place.offset},${place.size}${place.isPassed ? 'p' : ''}`
      : `m${place.register}+${place.offset},${place.size}`;

const same = (place: Place): readonly Source[] => [{ kind: 'place', place, steps: [] }];
const lost = (why: string): readonly Source[] => [{ kind: 'unknown', why }];

export function frameAt({ world, module, index }: Where): Frame {
  return frameOf(world, module, index);
}

/** The place of an operand of the instruction there. */
function placeOf(where: Where, operand: Operand): Place | Load {
  if (operand.kind === 'register') return operand;
  if (operand.kind === 'global') return { kind: 'load', address: operand.address, size: operand.size };
  const { register, offset, size } = operand;
  if (register !== RSP && register !== RBP) return operand;
  const depth = depthAt(frameAt(where), where.position, register);
  return Number.isNaN(depth) ? operand : { kind: 'slot', offset: depth + offset, size, isPassed: false };
}

/** Where the value comes from that stands in `place` after the instruction. */
export function sourcesOf(where: Where, place: Place): readonly Source[] {
  const operation = operationAt(where.module.code, where.address);
  if (place.kind === 'register') return ofRegister(where, operation, place);
  return place.kind === 'slot' ? ofSlot(where, operation, place) : ofMemory(where, operation, place);
}

function ofRegister(
  where: Where,
  operation: Operation,
  place: Place & { kind: 'register' },
): readonly Source[] {
  const { register } = place;
  if (register === RSP) return lost('an address on the stack');
  if (operation.kind === 'call')
    return preserved.has(register) && !isGo(where.module.code)
      ? same(place)
      : lost('what a function returned');
  if (operation.kind === 'syscall')
    return register === RAX || register === RCX || register === R11
      ? lost('what a system call returned')
      : same(place);
  if ((operation.writes & (1 << register)) === 0) return same(place);
  if (operation.register !== register) return lost('an instruction that is not followed');
  return operation.result.map((origin) => sourceOf(where, origin));
}

function sourceOf(where: Where, origin: Origin, ...more: readonly Step[]): Source {
  switch (origin.kind) {
    case 'place': {
      const place = placeOf(where, origin.place);
      const steps = [...origin.steps, ...more];
      return place.kind === 'load' ? { ...place, steps } : { kind: 'place', place, steps };
    }
    case 'constant':
      return { ...origin, steps: more };
    case 'two': {
      const first = placeOf(where, origin.first);
      const second = placeOf(where, origin.second);
      return { ...origin, first, second, steps: more };
    }
    case 'address':
      return { kind: 'unknown', why: 'an address', ...(more.length === 0 && { address: origin.address }) };
    case 'unknown':
      return origin;
  }
}

/** Somebody else may write memory. */
function passed(frame: Frame, place: Place & { kind: 'slot' }): readonly Source[] {
  if (place.offset >= 0) return same({ ...place, isPassed: true });
  return isExposed(frame, place.offset) ? lost('a variable whose address is passed on') : same(place);
}

function ofSlot(where: Where, operation: Operation, place: Place & { kind: 'slot' }): readonly Source[] {
  const frame = frameAt(where);
  const { module, world, address, position } = where;
  const depth = frame.stack[position]!;
  if (operation.kind === 'call' || operation.kind === 'syscall') {
    if (operation.kind === 'call' && returnsTwice(world, module, address))
      return lost('a call that can come back twice');
    return passed(frame, place);
  }
  if (operation.kind === 'push') {
    if (Number.isNaN(depth)) return lost('a stack of unknown depth');
    return written(where, operation, place, depth - POINTER, POINTER);
  }
  const { store } = operation;
  if (store === undefined) return same(place);
  if (store === 'stack') return lost('a computed place on the stack');
  if (store === 'elsewhere') return passed(frame, place);
  if (store.kind === 'global') return same(place);
  const at = placeOf(where, store);
  if (at.kind === 'memory' && at.register === RSP) return lost('a stack of unknown depth');
  if (at.kind !== 'slot') return passed(frame, place);
  return written(where, operation, place, at.offset, at.size);
}

/** A store of `size` bytes at `offset`, both as the place has them. */
function written(
  where: Where,
  operation: Operation,
  place: Exclude<Place, { kind: 'register' }>,
  offset: number,
  size: number,
): readonly Source[] {
  if (offset + size <= place.offset || offset >= place.offset + place.size) return same(place);
  if (offset > place.offset || offset + size < place.offset + place.size)
    return lost('a part of a stored value');
  if (size > POINTER) return lost('a wide store');
  const part = cut(8 * place.size);
  const shift: Step = { kind: 'right', by: 8 * (place.offset - offset), width: 64 };
  const steps = offset === place.offset ? [part] : [shift, part];
  return operation.stored.map((origin) => sourceOf(where, origin, ...steps));
}

function ofMemory(where: Where, operation: Operation, place: Place & { kind: 'memory' }): readonly Source[] {
  if (operation.kind === 'call' || operation.kind === 'syscall') return lost('memory that a call may change');
  const { store } = operation;
  if (place.register === RSP && (operation.writes & (1 << RSP)) !== 0) return moved(where, operation, place);
  if ((operation.writes & (1 << place.register)) !== 0) {
    const from = operation.register === place.register ? stackOffset(operation) : undefined;
    if (from === undefined) return lost('memory at a pointer from elsewhere');
    if (from.register === place.register && from.offset !== 0) return lost('memory at a pointer that moves');
    const before: Memory = {
      kind: 'memory',
      register: from.register,
      offset: from.offset + place.offset,
      size: place.size,
    };
    const at = placeOf(where, before);
    return at.kind === 'load' ? lost('memory of the file') : same(at);
  }
  if (store === undefined) return same(place);
  if (typeof store === 'string' || store.kind !== 'memory' || store.register !== place.register)
    return lost('memory that is written in between');
  return written(where, operation, place, store.offset, store.size);
}

/** Memory at the stack pointer, where its depth is not known, over an instruction that moves it. */
function moved(where: Where, operation: Operation, place: Place & { kind: 'memory' }): readonly Source[] {
  const { stack } = operation;
  if (stack === undefined || stack === 'aligned') return lost('a stack of unknown depth');
  if (operation.kind === 'push' && place.offset < POINTER) {
    return place.offset < 0
      ? lost('a slot that nothing was stored in')
      : written(where, operation, place, 0, POINTER);
  }
  const before: Memory =
    typeof stack === 'number'
      ? { ...place, offset: place.offset + stack }
      : { ...place, register: stack.register, offset: place.offset + stack.offset };
  const at = placeOf(where, before);
  return at.kind === 'load' ? lost('memory of the file') : same(at);
}

/** A place where control comes from another function, as it is there: `depth` is the stack pointer's offset where control
 * arrives, `there` where it comes from; NaN: not known. A call has pushed the return address. A text: it has no value there. */
export function carried(
  where: Where,
  place: Place,
  depth: number,
  there: number,
  isCall: boolean,
): Place | string {
  if (place.kind === 'register' || (place.kind === 'memory' && place.register !== RSP)) return place;
  const above = place.kind === 'slot' ? place.offset - depth : place.offset;
  if (Number.isNaN(above)) return 'a stack of unknown depth';
  const pushed = isCall ? POINTER : 0;
  if (above < pushed) return isCall ? 'the return address' : 'a slot that nothing was stored in';
  const isPassed = place.kind === 'slot' && place.isPassed;
  const { size } = place;
  if (Number.isNaN(there))
    return isPassed
      ? 'a stack of unknown depth'
      : { kind: 'memory', register: RSP, offset: above - pushed, size };
  const offset = above - pushed + there;
  if (offset >= 0 || !isPassed) return { kind: 'slot', offset, size, isPassed };
  if (isExposed(frameAt(where), offset)) return 'a variable whose address is passed on';
  return { kind: 'slot', offset, size, isPassed: false };
}
