// What one instruction does with a pointer that stands in some registers and slots of the stack: asked forwards, "where does
// it stand afterwards, and what was done with it?". Built on iced-x86, like operations.ts: what is not named here is taken as
// a way out for the pointer, so that the answer can be too wide and never too narrow.

import {
  Decoder,
  DecoderOptions,
  FlowControl,
  Instruction,
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from 'iced-x86';

/** Where a pointer stands: bit n for general register n (RAX 0 … R15 15), and slots by their distance from the stack
 * pointer at the function's first instruction. `stack` and `frame`: where rsp and rbp stand, in the same measure. */
export interface Held {
  readonly registers: number;
  readonly slots: readonly number[];
  readonly stack: number | undefined;
  readonly frame: number | undefined;
}

export interface Effect {
  readonly after: Held;
  /** It left: stored, changed, or handed to something that is not followed. */
  readonly escapes: boolean;
  /** It was called or jumped to, itself (code) or what it points at (data: `call [reg]`). */
  readonly isCalled: boolean;
  /** Memory that it points at was read or written. */
  readonly isUsed: boolean;
  /** An index was added to it, or it was counted up or down. */
  readonly isMoved: boolean;
}

const none: readonly number[] = [];
const instruction = new Instruction();
let factory: InstructionInfoFactory | undefined;

/** What an instruction can save whose operand has no one size (XSAVE), in bytes; processors have used up to 11,008 (AMX). */
export const LARGEST_STATE = 1 << 14;

const RSP = 4;
const RBP = 5;

export function general(register: Register): number {
  const full = RegisterExt.fullRegister(register);
  return full >= Register.RAX && full <= Register.R15 ? full - Register.RAX : -1;
}

const isRead = (access: OpAccess) =>
  access === OpAccess.Read ||
  access === OpAccess.CondRead ||
  access === OpAccess.ReadWrite ||
  access === OpAccess.ReadCondWrite;
const isWrite = (access: OpAccess) =>
  access === OpAccess.Write ||
  access === OpAccess.CondWrite ||
  access === OpAccess.ReadWrite ||
  access === OpAccess.ReadCondWrite;

/** The slot of the stack that the instruction's memory operand names; undefined: none, or one that is not known. */
const slot = (held: Held) => slotOf(instruction, held);

export function slotOf(instruction: Instruction, held: Held): number | undefined {
  if (instruction.memoryIndex !== Register.None) return undefined;
  const base = instruction.memoryBase;
  const offset = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  if (base === Register.RSP) return held.stack === undefined ? undefined : held.stack + offset;
  if (base === Register.RBP) return held.frame === undefined ? undefined : held.frame + offset;
  return undefined;
}

const holds = (held: Held, register: number) => register >= 0 && ((held.registers >>> register) & 1) === 1;

/** `isData`: the pointer is one to data, so that constants may be added to it. */
export function follow(bytes: Uint8Array, at: number, address: number, held: Held, isData: boolean): Effect {
  decode(bytes, at, address);
  return effect(held, isData);
}

function effect(held: Held, isData: boolean): Effect {
  const { mnemonic } = instruction;
  let { registers, stack, frame } = held;
  const slots = new Set(held.slots);
  const result = { escapes: false, isCalled: false, isUsed: false, isMoved: false };
  const done = (): Effect => ({
    ...result,
    after: { registers, slots: slots.size === 0 ? none : [...slots], stack, frame },
  });
  const drop = (register: number) => {
    registers &= ~(1 << register);
  };
  const take = (register: number) => {
    registers |= 1 << register;
  };
  const op0 =
    instruction.opCount > 0 && instruction.op0Kind === OpKind.Register
      ? general(instruction.op0Register)
      : -1;
  const op1 =
    instruction.opCount > 1 && instruction.op1Kind === OpKind.Register
      ? general(instruction.op1Register)
      : -1;
  const isMemory0 = instruction.opCount > 0 && instruction.op0Kind === OpKind.Memory;
  const isMemory1 = instruction.opCount > 1 && instruction.op1Kind === OpKind.Memory;
  const hasMemory = isMemory0 || isMemory1;
  // Memory through the pointer.
  const base = general(instruction.memoryBase);
  const index = general(instruction.memoryIndex);
  if (
    hasMemory &&
    mnemonic !== Mnemonic.Lea &&
    mnemonic !== Mnemonic.Nop &&
    (holds(held, base) || holds(held, index))
  ) {
    if (
      instruction.flowControl === FlowControl.IndirectCall ||
      instruction.flowControl === FlowControl.IndirectBranch
    )
      result.isCalled = true;
    else result.isUsed = true;
    if (index >= 0) result.isMoved = true;
  }
  const flow = instruction.flowControl;
  if (flow === FlowControl.IndirectCall || flow === FlowControl.IndirectBranch) {
    const from = slot(held);
    if (holds(held, op0) || (isMemory0 && from !== undefined && slots.has(from))) result.isCalled = true;
    return done();
  }
  if (flow !== FlowControl.Next) return done();

  // The stack pointer and the frame pointer themselves.
  if (op0 === RSP) {
    if (mnemonic === Mnemonic.Sub && instruction.op1Kind !== OpKind.Register && !isMemory1)
      stack = stack === undefined ? undefined : stack - constant();
    else if (mnemonic === Mnemonic.Add && instruction.op1Kind !== OpKind.Register && !isMemory1)
      stack = stack === undefined ? undefined : stack + constant();
    else if (mnemonic === Mnemonic.Lea) stack = slot(held);
    else if (mnemonic === Mnemonic.Mov && op1 === RBP) stack = frame;
    else if (mnemonic !== Mnemonic.Cmp && mnemonic !== Mnemonic.Test) stack = undefined;
    if (slots.size > 0 && stack === undefined) result.escapes = true;
    return done();
  }
  switch (mnemonic) {
    case Mnemonic.Push: {
      const value = op0 >= 0 ? holds(held, op0) : isMemory0 && slots.has(slot(held) ?? Number.NaN);
      if (stack !== undefined) {
        stack -= 8;
        if (value) slots.add(stack);
        else slots.delete(stack);
      } else if (value) result.escapes = true;
      return done();
    }
    case Mnemonic.Pop:
      if (stack === undefined) {
        if (slots.size > 0) result.escapes = true;
        if (op0 >= 0) drop(op0);
        return done();
      }
      if (op0 >= 0) {
        if (slots.has(stack)) take(op0);
        else drop(op0);
        if (op0 === RBP) frame = undefined;
      } else if (slots.has(stack)) result.escapes = true;
      stack += 8;
      return done();
    case Mnemonic.Leave:
      stack = frame === undefined ? undefined : frame + 8;
      if (slots.size > 0 && stack === undefined) result.escapes = true;
      if (frame !== undefined && slots.has(frame)) take(RBP);
      else drop(RBP);
      frame = undefined;
      return done();
    case Mnemonic.Endbr64:
    case Mnemonic.Nop:
      return done();
    case Mnemonic.Mov: {
      const size =
        op0 >= 0
          ? RegisterExt.size(instruction.op0Register)
          : op1 >= 0
            ? RegisterExt.size(instruction.op1Register)
            : 8;
      if (isMemory0) {
        const to = slot(held);
        const isHeld = holds(held, op1);
        if (to !== undefined) {
          if (isHeld && size === 8) slots.add(to);
          else if (isHeld) result.escapes = true;
          else if (op1 >= 0 && size === 8) slots.delete(to);
        } else if (isHeld) result.escapes = true;
        return done();
      }
      if (op0 >= 0) {
        const from = isMemory1 ? slot(held) : undefined;
        const isHeld = holds(held, op1) || (from !== undefined && slots.has(from));
        if (isHeld && size < 8) result.escapes = true;
        if (isHeld) take(op0);
        else if (size >= 4) drop(op0);
        if (op0 === RBP) frame = op1 === RSP && size === 8 ? stack : undefined;
        return done();
      }
      break;
    }
    case Mnemonic.Lea: {
      const isHeld = holds(held, base) || holds(held, index);
      const from = slot(held);
      if (op0 === RBP) frame = from;
      if (!isHeld) {
        drop(op0);
        return done();
      }
      if (!isData) result.escapes = true;
      if (index >= 0) result.isMoved = true;
      take(op0);
      return done();
    }
    case Mnemonic.Cmp:
    case Mnemonic.Test:
      return done();
    case Mnemonic.Xor:
    case Mnemonic.Sub:
      if (op0 >= 0 && op0 === op1) {
        drop(op0);
        if (op0 === RBP) frame = undefined;
        return done();
      }
      // A difference is no pointer any more.
      if (mnemonic === Mnemonic.Sub && op0 >= 0 && holds(held, op1) && !holds(held, op0)) return done();
      if (mnemonic === Mnemonic.Sub && op0 >= 0 && holds(held, op0) && (op1 >= 0 || isMemory1)) {
        // Or the pointer minus a number: which of both is not known.
        result.isMoved = true;
        if (!isData) result.escapes = true;
        return done();
      }
      break;
  }
  if (
    isData &&
    op0 >= 0 &&
    (mnemonic === Mnemonic.Add ||
      mnemonic === Mnemonic.Sub ||
      mnemonic === Mnemonic.Inc ||
      mnemonic === Mnemonic.Dec) &&
    (holds(held, op0) || holds(held, op1))
  ) {
    result.isMoved = true;
    take(op0);
    return done();
  }
  if (mnemonic >= Mnemonic.Cmova && mnemonic <= Mnemonic.Cmovs && op0 >= 0 && (op1 >= 0 || isMemory1)) {
    const from = isMemory1 ? slot(held) : undefined;
    if (holds(held, op1) || (from !== undefined && slots.has(from))) take(op0);
    return done();
  }
  return other(
    held,
    slots,
    result,
    (register) => {
      drop(register);
      if (register === RBP) frame = undefined;
      if (register === RSP) stack = undefined;
    },
    done,
  );
}

/** Anything else: reading the pointer is a way out; what is written is gone. */
function other(
  held: Held,
  slots: Set<number>,
  result: { escapes: boolean },
  drop: (register: number) => void,
  done: () => Effect,
): Effect {
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  const through = new Set([general(instruction.memoryBase), general(instruction.memoryIndex)]);
  const written: number[] = [];
  for (const used of info.usedRegisters() as { register: Register; access: OpAccess }[]) {
    const register = general(used.register);
    if (register < 0) continue;
    if (isRead(used.access) && holds(held, register) && !through.has(register)) result.escapes = true;
    // A part of it: the rest may still be the pointer's.
    if (isWrite(used.access) && used.access !== OpAccess.CondWrite && RegisterExt.size(used.register) >= 4)
      written.push(register);
    else if (isWrite(used.access) && holds(held, register)) result.escapes = true;
  }
  for (let number = 0; number < instruction.opCount; number++) {
    const kind = instruction.opKind(number);
    if (kind !== OpKind.Register) continue;
    const register = general(instruction.opRegister(number));
    // As base and as operand at once.
    if (through.has(register) && holds(held, register) && instruction.mnemonic !== Mnemonic.Lea)
      result.escapes = true;
  }
  info.free();
  if (slots.size > 0 && instruction.opCount > 0) {
    const at = slot(held);
    for (let number = 0; number < instruction.opCount; number++) {
      // Vector moves and the like, over or out of a slot that holds it.
      if (instruction.opKind(number) !== OpKind.Memory || at === undefined) continue;
      const size = MemorySizeExt.size(instruction.memorySize) || LARGEST_STATE;
      for (const one of slots) if (one >= at - 7 && one < at + size) result.escapes = true;
    }
  }
  for (const register of written) drop(register);
  return done();
}

function constant(): number {
  return Number(BigInt.asIntN(64, instruction.immediate(1)));
}

/** The registers that the instruction can write: bit n for register n. */
export function writtenBy(bytes: Uint8Array, at: number): number {
  const decoder = new Decoder(64, bytes.subarray(at, at + 15), DecoderOptions.None);
  decoder.decodeOut(instruction);
  decoder.free();
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  let written = 0;
  for (const used of info.usedRegisters() as { register: Register; access: OpAccess }[]) {
    const register = general(used.register);
    if (register >= 0 && isWrite(used.access)) written |= 1 << register;
  }
  info.free();
  return written;
}

/** The register that an instruction puts a whole address into (lea, mov of a number, mov from memory); -1: it does something else. */
export function addressRegister(bytes: Uint8Array, at: number, address: number): number {
  decode(bytes, at, address);
  const { mnemonic } = instruction;
  if (instruction.opCount !== 2 || instruction.op0Kind !== OpKind.Register) return -1;
  const size = RegisterExt.size(instruction.op0Register);
  if (mnemonic === Mnemonic.Lea) return size === 8 ? general(instruction.op0Register) : -1;
  if (mnemonic !== Mnemonic.Mov || instruction.op1Kind === OpKind.Register) return -1;
  return size >= 4 ? general(instruction.op0Register) : -1;
}

/** The address in the stack that the instruction gives away (to another register than rsp and rbp, or to memory), in the measure
 * of `held`; -Infinity where it is not known, undefined where there is none. */
export function stackAddress(bytes: Uint8Array, at: number, address: number, held: Held): number | undefined {
  decode(bytes, at, address);
  const { mnemonic } = instruction;
  if (mnemonic === Mnemonic.Push)
    return instruction.op0Kind === OpKind.Register && general(instruction.op0Register) === RSP
      ? (held.stack ?? Number.NEGATIVE_INFINITY)
      : undefined;
  if (instruction.opCount < 2 || mnemonic === Mnemonic.Cmp || mnemonic === Mnemonic.Test) return undefined;
  const to = instruction.op0Kind === OpKind.Register ? general(instruction.op0Register) : -1;
  const isFrame = (register: Register) =>
    general(register) === RSP || (general(register) === RBP && held.frame !== undefined);
  if (mnemonic === Mnemonic.Lea) {
    if (!isFrame(instruction.memoryBase) && !isFrame(instruction.memoryIndex)) return undefined;
    if (to === RSP) return undefined;
    return slot(held) ?? Number.NEGATIVE_INFINITY;
  }
  if (instruction.op1Kind !== OpKind.Register || !isFrame(instruction.op1Register)) return undefined;
  if (to === RSP || (to === RBP && mnemonic === Mnemonic.Mov)) return undefined;
  if (mnemonic !== Mnemonic.Mov) return Number.NEGATIVE_INFINITY;
  const known = general(instruction.op1Register) === RSP ? held.stack : held.frame;
  return known ?? Number.NEGATIVE_INFINITY;
}

/** The place in the stack that the instruction reads, in the measure of `held`; undefined: none that is known. */
export function stackRead(bytes: Uint8Array, at: number, address: number, held: Held): number | undefined {
  decode(bytes, at, address);
  const { mnemonic } = instruction;
  if (mnemonic === Mnemonic.Pop) return held.stack;
  if (mnemonic === Mnemonic.Lea || mnemonic === Mnemonic.Nop) return undefined;
  for (let number = 0; number < instruction.opCount; number++) {
    if (instruction.opKind(number) !== OpKind.Memory) continue;
    return number === 0 && mnemonic === Mnemonic.Mov ? undefined : slot(held);
  }
  return undefined;
}

function decode(bytes: Uint8Array, at: number, address: number): void {
  const decoder = new Decoder(64, bytes.subarray(at, at + 15), DecoderOptions.None);
  decoder.ip = BigInt(address);
  decoder.decodeOut(instruction);
  decoder.free();
}
