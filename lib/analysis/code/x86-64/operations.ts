// What an instruction does to registers and memory, as far as constants are concerned: for what it writes, where the value
// comes from. Built on iced-x86, whose knowledge of which registers an instruction writes makes everything that is not named
// here a loss of the value, never a wrong one. The answer is a plain object, so that an instruction is decoded once.

import {
  Decoder,
  DecoderOptions,
  Instruction,
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
  RflagsBits,
} from 'iced-x86';
import { bitwise, cut, mask, type Operator, type Step, stepOf } from '../../values/bits.ts';

/** Memory that an instruction names: at a register plus an offset, or at an address of the file. */
export type Memory =
  | { readonly kind: 'memory'; readonly register: number; readonly offset: number; readonly size: number }
  | { readonly kind: 'global'; readonly address: number; readonly size: number };

/** A general register (its number, RAX 0 … R15 15), whole; or memory, its bytes without a sign. */
export type Operand = { readonly kind: 'register'; readonly register: number } | Memory;

/** Where a value comes from: what stood in places before the instruction, with the steps that were applied, first to last. */
export type Origin =
  | { readonly kind: 'place'; readonly place: Operand; readonly steps: readonly Step[] }
  | { readonly kind: 'constant'; readonly value: bigint }
  /** The address of something in the file. */
  | { readonly kind: 'address'; readonly address: number }
  /** Of two places, on `width` bits. */
  | {
      readonly kind: 'two';
      readonly operator: Operator;
      readonly first: Operand;
      readonly second: Operand;
      readonly width: number;
    }
  | { readonly kind: 'unknown'; readonly why: string };

/** A register whose low `width` bits were compared with a number. */
export interface Compared {
  readonly register: number;
  readonly width: number;
  readonly value: bigint;
}

export interface Operation {
  readonly kind: 'plain' | 'call' | 'syscall' | 'push' | 'pop' | 'leave';
  /** General registers that it writes, a bit each. */
  readonly writes: number;
  /** The register whose new value `result` tells of; -1: none. */
  readonly register: number;
  readonly result: readonly Origin[];
  /** Memory that it writes, beside what a push or call puts on the stack. 'stack': somewhere at the stack or frame pointer,
   * 'elsewhere': not known where. */
  readonly store: Memory | 'stack' | 'elsewhere' | undefined;
  /** What a store or a push writes. */
  readonly stored: readonly Origin[];
  /** Registers whose value it uses otherwise than to address memory, a bit each: an address of the stack may get away. */
  readonly uses: number;
  /** What it adds to the stack pointer, or what the stack pointer becomes ('aligned': some bytes less); undefined: not
   * known. A call adds nothing once it is back. */
  readonly stack: number | 'aligned' | { readonly register: number; readonly offset: number } | undefined;
  /** It does nothing but to set the flags: zero if the register's bits are the value. */
  readonly compared: Compared | undefined;
  readonly changesFlags: boolean;
  /** When it jumps, of the two that ask for zero. */
  readonly condition: 'equal' | 'different' | undefined;
}

/** More than any plain number has. */
const UNSIZED = 4096;

export const RSP = 4;
export const RBP = 5;

/** Operations by iced's number whose name fits. */
const named = (pattern: RegExp): ReadonlySet<number> =>
  new Set(
    Object.entries(Mnemonic as unknown as Record<string, number>)
      .filter(([name]) => pattern.test(name))
      .map(([, value]) => value),
  );
const conditionalMoves = named(/^Cmov/);
const conditionalSets = named(/^Set(ae?|be?|ge?|le?|n?[eops])$/);
const bitStores = named(/^Bt[src]$/);
const comparisons = named(/^(Cmp|Test|Bt)$/);
const operators = new Map<number, Operator>([
  [Mnemonic.Or, 'or'],
  [Mnemonic.And, 'and'],
  [Mnemonic.Xor, 'xor'],
  [Mnemonic.Add, 'add'],
  [Mnemonic.Sub, 'sub'],
]);
const shifts = new Map<number, 'left' | 'right' | 'arithmetic'>([
  [Mnemonic.Shl, 'left'],
  [Mnemonic.Shr, 'right'],
  [Mnemonic.Sar, 'arithmetic'],
]);

const instruction = new Instruction();
let factory: InstructionInfoFactory | undefined;

const lost = (why: string): readonly Origin[] => [{ kind: 'unknown', why }];
const from = (place: Operand, ...steps: readonly Step[]): Origin => ({ kind: 'place', place, steps });
const constant = (value: bigint): readonly Origin[] => [{ kind: 'constant', value }];

/** The instruction at `at` in the bytes, whose linked address is `address`. */
export function readOperation(bytes: Uint8Array, at: number, address: number): Operation {
  const decoder = new Decoder(64, bytes.subarray(at, at + 15), DecoderOptions.None);
  decoder.ip = BigInt(address);
  decoder.decodeOut(instruction);
  decoder.free();
  const { mnemonic } = instruction;
  const accesses = accessed();
  const kind = kindOf(mnemonic);
  const isWidening = mnemonic === Mnemonic.Cdqe || mnemonic === Mnemonic.Cwde;
  const destination = isWidening
    ? 0
    : instruction.op0Kind === OpKind.Register
      ? general(instruction.op0Register)
      : -1;
  const register = destination >= 0 && (accesses.writes & (1 << destination)) !== 0 ? destination : -1;
  const size = register < 0 || isWidening ? 0 : RegisterExt.size(instruction.op0Register);
  const isStore = accesses.stores && kind === 'plain';
  // With a register these reach any number of bits away.
  const isFar = bitStores.has(mnemonic) && instruction.op1Kind === OpKind.Register;
  const target = instruction.op0Kind === OpKind.Memory && !isFar ? memory() : undefined;
  return {
    kind,
    writes: accesses.writes,
    register,
    result: register < 0 ? [] : resultOf(mnemonic, register, size),
    store: isStore ? (target ?? (isOnStack() ? 'stack' : 'elsewhere')) : undefined,
    stored: kind === 'push' ? pushed() : isStore && target !== undefined ? storedIn(mnemonic, target) : [],
    uses: accesses.uses,
    stack: (accesses.writes & (1 << RSP)) === 0 ? 0 : stackChange(kind, mnemonic),
    compared: comparison(mnemonic),
    changesFlags: kind === 'call' || kind === 'syscall' || instruction.rflagsModified !== RflagsBits.None,
    condition: mnemonic === Mnemonic.Je ? 'equal' : mnemonic === Mnemonic.Jne ? 'different' : undefined,
  };
}

function comparison(mnemonic: Mnemonic): Compared | undefined {
  if (instruction.op0Kind !== OpKind.Register) return undefined;
  const register = general(instruction.op0Register);
  const width = RegisterExt.size(instruction.op0Register) * 8;
  if (register < 0 || width < 32) return undefined;
  if (mnemonic === Mnemonic.Cmp && isImmediate(instruction.op1Kind))
    return { register, width, value: BigInt.asUintN(width, immediate(1)) };
  const isItself =
    mnemonic === Mnemonic.Test &&
    instruction.op1Kind === OpKind.Register &&
    instruction.op1Register === instruction.op0Register;
  return isItself ? { register, width, value: 0n } : undefined;
}

function isOnStack(): boolean {
  return [instruction.memoryBase, instruction.memoryIndex].some(
    (one) => one === Register.RSP || one === Register.RBP,
  );
}

function stackChange(kind: Operation['kind'], mnemonic: Mnemonic): Operation['stack'] {
  if (kind === 'call') return 0;
  if (kind === 'push') return instruction.stackPointerIncrement;
  if (kind === 'leave') return { register: RBP, offset: 8 };
  if (instruction.op0Kind !== OpKind.Register || instruction.op0Register !== Register.RSP)
    return kind === 'pop' ? instruction.stackPointerIncrement : undefined;
  if (mnemonic === Mnemonic.Sub && isImmediate(instruction.op1Kind)) return -Number(immediate(1));
  if (mnemonic === Mnemonic.Add && isImmediate(instruction.op1Kind)) return Number(immediate(1));
  if (mnemonic === Mnemonic.And && isImmediate(instruction.op1Kind)) return 'aligned';
  const place = mnemonic === Mnemonic.Lea ? memory() : undefined;
  if (place?.kind === 'memory') return { register: place.register, offset: place.offset };
  const register =
    mnemonic === Mnemonic.Mov && instruction.op1Kind === OpKind.Register
      ? general(instruction.op1Register)
      : -1;
  return register < 0 ? undefined : { register, offset: 0 };
}

function kindOf(mnemonic: Mnemonic): Operation['kind'] {
  if (mnemonic === Mnemonic.Call) return 'call';
  if (mnemonic === Mnemonic.Syscall) return 'syscall';
  if (mnemonic === Mnemonic.Push) return 'push';
  if (mnemonic === Mnemonic.Pop && instruction.op0Kind === OpKind.Register) return 'pop';
  return mnemonic === Mnemonic.Leave ? 'leave' : 'plain';
}

const isRead = (access: OpAccess) =>
  access === OpAccess.Read ||
  access === OpAccess.CondRead ||
  access === OpAccess.None ||
  access === OpAccess.NoMemAccess;

/** Registers that are written; whether memory is; registers that stand as operands and are read, or that `lea` computes with. */
function accessed(): { writes: number; stores: boolean; uses: number } {
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  let writes = 0;
  for (const one of info.usedRegisters() as { register: Register; access: OpAccess }[]) {
    const register = general(one.register);
    if (register >= 0 && !isRead(one.access)) writes |= 1 << register;
  }
  const stores = info.usedMemory().some((one: { access: OpAccess }) => !isRead(one.access));
  let uses = 0;
  const use = (one: Register) => {
    const register = general(one);
    if (register >= 0) uses |= 1 << register;
  };
  const { mnemonic } = instruction;
  for (let operand = 0; operand < instruction.opCount; operand++) {
    const access = info.opAccess(operand);
    if (instruction.opKind(operand) !== OpKind.Register || access === OpAccess.Write) continue;
    if (!comparisons.has(mnemonic)) use(instruction.opRegister(operand));
  }
  if (mnemonic === Mnemonic.Lea) {
    use(instruction.memoryBase);
    use(instruction.memoryIndex);
  }
  info.free();
  return { writes, stores, uses };
}

function general(register: Register): number {
  const full = RegisterExt.fullRegister(register);
  return full >= Register.RAX && full <= Register.R15 ? full - Register.RAX : -1;
}

/** The memory operand, if its address is a register and an offset, or an address of the file. */
function memory(): Memory | undefined {
  if (
    instruction.memoryIndex !== Register.None ||
    (instruction.memorySegment !== Register.DS && instruction.memorySegment !== Register.SS)
  )
    return undefined;
  const { memoryBase, mnemonic } = instruction;
  const size = mnemonic === Mnemonic.Lea ? 0 : sizeOf();
  const offset = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  if (memoryBase === Register.RIP || memoryBase === Register.None)
    return { kind: 'global', address: offset, size };
  const register = general(memoryBase);
  if (register < 0 || RegisterExt.size(memoryBase) !== 8) return undefined;
  return { kind: 'memory', register, offset, size };
}

/** Bytes of the memory operand; UNSIZED where the instruction alone does not say. */
function sizeOf(): number {
  const size = MemorySizeExt.size(instruction.memorySize);
  return size === 0 ? UNSIZED : size;
}

const isImmediate = (kind: OpKind) => kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64;
const immediate = (operand: number) => BigInt.asIntN(64, instruction.immediate(operand));

/** The sources of a register of `size` bytes that the instruction writes. */
function resultOf(mnemonic: Mnemonic, register: number, size: number): readonly Origin[] {
  const self: Operand = { kind: 'register', register };
  if (register === RSP) return lost('the stack pointer');
  if (mnemonic === Mnemonic.Cdqe) return [from(self, { kind: 'signed', from: 32, width: 64 })];
  if (mnemonic === Mnemonic.Cwde) return [from(self, { kind: 'signed', from: 16, width: 32 })];
  if (mnemonic === Mnemonic.Pop)
    return size === 8
      ? [from({ kind: 'memory', register: RSP, offset: 0, size: 8 })]
      : lost('a part of a register');
  const isHighByte = instruction.op0Register >= Register.AH && instruction.op0Register <= Register.BH;
  if (conditionalSets.has(mnemonic) && !isHighByte)
    return [from(self, bitwise(~0xffn, 0n)), from(self, bitwise(~0xffn, 1n))];
  if (size < 4) return partOf(mnemonic, self, size);
  const width = size * 8;
  const kind = instruction.opCount > 1 ? instruction.op1Kind : OpKind.Register;
  const isSame = kind === OpKind.Register && instruction.op1Register === instruction.op0Register;
  switch (mnemonic) {
    case Mnemonic.Mov:
      if (isImmediate(kind)) return constant(BigInt.asUintN(width, immediate(1)));
      return second(cut(width));
    case Mnemonic.Movzx:
      return second(cut(secondSize() * 8));
    case Mnemonic.Movsx:
    case Mnemonic.Movsxd:
      return second({ kind: 'signed', from: secondSize() * 8, width });
    case Mnemonic.Xor:
    case Mnemonic.Sub:
      if (isSame) return constant(0n);
      break;
    case Mnemonic.Sbb:
      return isSame
        ? [...constant(0n), ...constant(BigInt.asUintN(width, -1n))]
        : lost('arithmetic with a carry');
    case Mnemonic.Lea:
      return address(width);
    case Mnemonic.Inc:
      return [from(self, { kind: 'add', by: 1n, width })];
    case Mnemonic.Dec:
      return [from(self, { kind: 'add', by: -1n, width })];
    case Mnemonic.Not:
      return [from(self, bitwise(BigInt.asUintN(width, -1n), BigInt.asUintN(width, -1n)))];
    case Mnemonic.Neg:
      return [from(self, { kind: 'multiply', by: -1n, width })];
    case Mnemonic.Imul:
      if (instruction.opCount === 3 && kind === OpKind.Register && isImmediate(instruction.op2Kind))
        return second({ kind: 'multiply', by: immediate(2), width });
      return lost('a product');
  }
  if (conditionalMoves.has(mnemonic)) return [from(self, cut(width)), ...second(cut(width))];
  if (instruction.opCount === 2) {
    const shift = shifts.get(mnemonic);
    if (shift !== undefined && isImmediate(kind))
      return [from(self, { kind: shift, by: Number(immediate(1)) & (width - 1), width })];
    if ((mnemonic === Mnemonic.Bts || mnemonic === Mnemonic.Btr) && isImmediate(kind)) {
      const bit = 1n << (immediate(1) & BigInt(width - 1));
      return [from(self, mnemonic === Mnemonic.Bts ? stepOf('or', bit, width) : stepOf('and', ~bit, width))];
    }
    const operator = operators.get(mnemonic);
    if (operator !== undefined) return withSecond(operator, self, width);
  }
  return lost('arithmetic');
}

/** One or two low bytes, or the byte above the lowest, with an immediate. */
function partOf(mnemonic: Mnemonic, self: Operand, size: number): readonly Origin[] {
  if (instruction.opCount !== 2 || !isImmediate(instruction.op1Kind)) return lost('a part of a register');
  const isHigh = instruction.op0Register >= Register.AH && instruction.op0Register <= Register.BH;
  const shift = isHigh ? 8n : 0n;
  const part = BigInt.asUintN(size * 8, -1n) << shift;
  const value = BigInt.asUintN(size * 8, immediate(1)) << shift;
  if (mnemonic === Mnemonic.Mov) return [from(self, bitwise(~part, value))];
  if (mnemonic === Mnemonic.Or) return [from(self, bitwise(~value, value))];
  if (mnemonic === Mnemonic.And) return [from(self, bitwise(~part | value, 0n))];
  if (mnemonic === Mnemonic.Xor) return [from(self, bitwise(-1n, value))];
  return lost('a part of a register');
}

function withSecond(operator: Operator, first: Operand, width: number): readonly Origin[] {
  if (isImmediate(instruction.op1Kind)) return [from(first, stepOf(operator, immediate(1), width))];
  const other = secondOperand();
  if (other === undefined) return [{ kind: 'unknown', why: 'memory at a computed address' }];
  return [{ kind: 'two', operator, first, second: other, width }];
}

/** The second operand, after a step. */
function second(step: Step): readonly Origin[] {
  const place = secondOperand();
  return place === undefined
    ? lost('memory at a computed address, or a special register')
    : [from(place, step)];
}

function secondOperand(): Operand | undefined {
  if (instruction.op1Kind === OpKind.Memory) return memory();
  if (instruction.op1Kind !== OpKind.Register) return undefined;
  const register = general(instruction.op1Register);
  const isHigh = instruction.op1Register >= Register.AH && instruction.op1Register <= Register.BH;
  return register < 0 || isHigh ? undefined : { kind: 'register', register };
}

function secondSize(): number {
  return instruction.op1Kind === OpKind.Memory ? sizeOf() : RegisterExt.size(instruction.op1Register);
}

/** What lea computes: a register and a number, a multiple of a register, two registers. */
function address(width: number): readonly Origin[] {
  const { memoryBase, memoryIndex, memoryIndexScale: scale, memoryDisplacement } = instruction;
  const offset = BigInt.asIntN(64, memoryDisplacement);
  if (memoryBase === Register.RIP || (memoryBase === Register.None && memoryIndex === Register.None))
    return [{ kind: 'address', address: Number(offset) }];
  const [base, index] = [general(memoryBase), general(memoryIndex)];
  const add: Step = { kind: 'add', by: offset, width };
  if (memoryIndex === Register.None)
    return base < 0 ? lost('a computed address') : [from({ kind: 'register', register: base }, add)];
  if (index < 0) return lost('a computed address');
  if (base < 0 || base === index) {
    const by = BigInt(scale + (base < 0 ? 0 : 1));
    return [from({ kind: 'register', register: index }, { kind: 'multiply', by, width }, add)];
  }
  return lost('a computed address');
}

/** What a store puts into memory, as many bytes as it writes. */
function storedIn(mnemonic: Mnemonic, target: Memory): readonly Origin[] {
  const { size } = target;
  if (size > 8) return lost('a wide store');
  const width = size * 8;
  if (mnemonic === Mnemonic.Mov) {
    if (isImmediate(instruction.op1Kind)) return constant(BigInt.asUintN(width, immediate(1)));
    return second(cut(width));
  }
  if (mnemonic === Mnemonic.Inc) return [from(target, { kind: 'add', by: 1n, width })];
  if (mnemonic === Mnemonic.Dec) return [from(target, { kind: 'add', by: -1n, width })];
  const operator = operators.get(mnemonic);
  if (operator !== undefined && instruction.opCount === 2) return withSecond(operator, target, width);
  return lost('arithmetic in memory');
}

function pushed(): readonly Origin[] {
  if (instruction.stackPointerIncrement !== -8) return lost('a part of a pushed value');
  if (isImmediate(instruction.op0Kind)) return constant(BigInt.asUintN(64, immediate(0)));
  const register = instruction.op0Kind === OpKind.Register ? general(instruction.op0Register) : -1;
  if (register >= 0) return [from({ kind: 'register', register })];
  const place = instruction.op0Kind === OpKind.Memory ? memory() : undefined;
  return place === undefined ? lost('a pushed value') : [from(place)];
}

/** If the instruction loads a register from a field of something that a register points to: both, and the offset. */
export function fieldLoad(
  operation: Operation,
): { readonly to: number; readonly base: number; readonly offset: number } | undefined {
  const [origin] = operation.result;
  if (origin?.kind !== 'place' || origin.place.kind !== 'memory' || operation.result.length > 1)
    return undefined;
  const { register, offset } = origin.place;
  return register === RSP ? undefined : { to: operation.register, base: register, offset };
}

/** The register that another one gets a copy of, whole. */
export function copiedRegister({ kind, result }: Operation): number | undefined {
  const [origin] = result;
  if (kind !== 'plain' || result.length !== 1 || origin?.kind !== 'place') return undefined;
  const isWhole = origin.steps.every(
    (step) => step.kind === 'bitwise' && step.and === mask(64) && step.xor === 0n && step.unknown === 0n,
  );
  return isWhole && origin.place.kind === 'register' ? origin.place.register : undefined;
}
