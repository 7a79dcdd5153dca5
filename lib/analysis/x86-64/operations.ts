// What an instruction does to registers and to the stack, as far as constants are concerned: the question is always asked
// backwards, "where did the value come from that stands here afterwards?". Built on iced-x86, whose knowledge of which
// registers an instruction writes makes everything that is not named here a loss of the value, never a wrong one.

import {
  Decoder,
  DecoderOptions,
  Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from 'iced-x86';

/** A place where a value stands: a general register (its number, RAX 0 … R15 15), or memory at a register plus an offset. */
export type Place =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'memory'; readonly register: number; readonly offset: number }
  /** Memory at an address of the file. */
  | { readonly kind: 'global'; readonly address: number };

/** A step that a value took: applied to what stood in the place before. */
export interface Step {
  readonly name: string;
  readonly apply: (value: number) => number;
}

export type Source =
  /** As before the instruction. */
  | { readonly kind: 'place'; readonly place: Place; readonly step?: Step }
  | { readonly kind: 'constant'; readonly value: number }
  /** Memory of the file: its content, if it can never change. */
  | { readonly kind: 'load'; readonly address: number; readonly bytes: 4 | 8 }
  /** The address of something in the file. */
  | { readonly kind: 'address'; readonly address: number }
  | { readonly kind: 'unknown'; readonly why: string };

export const RSP = 4;
export const RBP = 5;
const preserved = new Set([3, 4, 5, 12, 13, 14, 15]);
/** Conditional moves, by iced's number of the operation. */
const conditionalMoves = new Set(
  Object.entries(Mnemonic as unknown as Record<string, number>)
    .filter(([name]) => /^Cmov/.test(name))
    .map(([, value]) => value),
);

const conditionalSets = new Set(
  Object.entries(Mnemonic as unknown as Record<string, number>)
    .filter(([name]) => /^Set(ae?|be?|ge?|le?|n?[eops])$/.test(name))
    .map(([, value]) => value),
);

const instruction = new Instruction();
let factory: InstructionInfoFactory | undefined;

function decode(bytes: Uint8Array, at: number, address: number): void {
  const decoder = new Decoder(64, bytes.subarray(at, at + 15), DecoderOptions.None);
  decoder.ip = BigInt(address);
  decoder.decodeOut(instruction);
  decoder.free();
}

const same = (place: Place): readonly Source[] => [{ kind: 'place', place }];
const lost = (why: string): readonly Source[] => [{ kind: 'unknown', why }];
const low32: Step = { name: 'low32', apply: (value) => value >>> 0 };

function general(register: Register): number {
  const full = RegisterExt.fullRegister(register);
  return full >= Register.RAX && full <= Register.R15 ? full - Register.RAX : -1;
}

function memoryPlace(): Place | undefined {
  if (
    instruction.memoryIndex !== Register.None ||
    (instruction.memorySegment !== Register.DS && instruction.memorySegment !== Register.SS)
  )
    return undefined;
  const { memoryBase } = instruction;
  const offset = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  if (memoryBase === Register.RIP) return { kind: 'global', address: offset };
  if (memoryBase === Register.None) return { kind: 'global', address: offset };
  const register = general(memoryBase);
  return register < 0 ? undefined : { kind: 'memory', register, offset };
}

const isImmediate = (kind: OpKind) => kind >= OpKind.Immediate8 && kind <= OpKind.Immediate32to64;
const immediate = (operand: number) => Number(BigInt.asIntN(64, instruction.immediate(operand)));

/** Where the value comes from that stands in `place` after the instruction at `at` (its linked address is `address`).
 * `keepsRegisters`: calls keep the registers that the ABI says; Go's do not. */
export function sourcesOf(
  bytes: Uint8Array,
  at: number,
  address: number,
  place: Place,
  keepsRegisters: boolean,
): readonly Source[] {
  decode(bytes, at, address);
  const { mnemonic } = instruction;
  if (mnemonic === Mnemonic.Call) {
    if (place.kind === 'register')
      return keepsRegisters && preserved.has(place.register) ? same(place) : lost('what a function returned');
    if (place.kind === 'memory' && (preserved.has(place.register) || place.register === RSP))
      return same(place);
    return place.kind === 'global' ? same(place) : lost('memory after a call');
  }
  if (mnemonic === Mnemonic.Syscall) {
    const gone = place.kind === 'register' ? place.register : place.kind === 'memory' ? place.register : -1;
    return gone === 0 || gone === 1 || gone === 11 ? lost('what a system call returned') : same(place);
  }
  if (place.kind === 'register') return registerSources(place);
  return memorySources(place);
}

function registerSources(place: Place & { kind: 'register' }): readonly Source[] {
  const { register } = place;
  if (!writes(register)) return same(place);
  const { mnemonic, op0Kind } = instruction;
  if (register === RSP) return lost('the stack pointer');
  if (mnemonic === Mnemonic.Pop)
    return [{ kind: 'place', place: { kind: 'memory', register: RSP, offset: 0 } }];
  if (op0Kind !== OpKind.Register || general(instruction.op0Register) !== register)
    return lost('an instruction that is not followed');
  const size = RegisterExt.size(instruction.op0Register);
  if (size === 1 && conditionalSets.has(mnemonic) && instruction.op0Register < Register.AH)
    return [setBit(place, 0), setBit(place, 1)];
  if (size < 4) return lost('a part of a register');
  const kind = instruction.opCount > 1 ? instruction.op1Kind : OpKind.Register;
  const cut = size === 4 ? { step: low32 } : {};
  switch (mnemonic) {
    case Mnemonic.Mov:
      if (isImmediate(kind))
        return [{ kind: 'constant', value: size === 4 ? immediate(1) >>> 0 : immediate(1) }];
      if (kind === OpKind.Register) {
        const from = general(instruction.op1Register);
        return from < 0
          ? lost('a special register')
          : [{ kind: 'place', place: { kind: 'register', register: from }, ...cut }];
      }
      return load(size as 4 | 8, cut);
    case Mnemonic.Movsxd:
    case Mnemonic.Movzx:
    case Mnemonic.Movsx: {
      if (kind === OpKind.Register) {
        const from = general(instruction.op1Register);
        const bits = RegisterExt.size(instruction.op1Register) * 8;
        const high = instruction.op1Register >= Register.AH && instruction.op1Register <= Register.BH;
        if (from < 0 || high) return lost('a part of a register');
        const signed = mnemonic !== Mnemonic.Movzx;
        const mask = 2 ** bits;
        const apply = (value: number) => {
          const low = ((value % mask) + mask) % mask;
          const extended = signed && low >= mask / 2 ? low - mask : low;
          return size === 4 ? extended >>> 0 : extended;
        };
        return [
          {
            kind: 'place',
            place: { kind: 'register', register: from },
            step: { name: `extend${bits}${signed}${size}`, apply },
          },
        ];
      }
      return mnemonic === Mnemonic.Movsxd
        ? load(4, { step: { name: 'signed32', apply: (value) => value | 0 } })
        : lost('a byte or half word of memory');
    }
    case Mnemonic.Xor:
    case Mnemonic.Sub:
      if (kind === OpKind.Register && instruction.op1Register === instruction.op0Register)
        return [{ kind: 'constant', value: 0 }];
      break;
    case Mnemonic.Sbb:
      if (kind === OpKind.Register && instruction.op1Register === instruction.op0Register) {
        return [
          { kind: 'constant', value: 0 },
          { kind: 'constant', value: size === 4 ? 0xffffffff : -1 },
        ];
      }
      return lost('arithmetic');
    case Mnemonic.Lea: {
      const from = memoryPlace();
      if (from === undefined) return scaled(size);
      if (from.kind === 'global') return [{ kind: 'address', address: from.address }];
      if (from.kind !== 'memory' || from.register === RSP) return lost('an address on the stack');
      const { offset } = from;
      return [plus(from.register, offset, size)];
    }
  }
  if (conditionalMoves.has(mnemonic)) {
    const other = kind === OpKind.Register ? general(instruction.op1Register) : -1;
    const moved: readonly Source[] =
      other < 0
        ? load(size as 4 | 8, cut)
        : [{ kind: 'place', place: { kind: 'register', register: other }, ...cut }];
    return [{ kind: 'place', place, ...cut }, ...moved];
  }
  if (instruction.opCount === 2 && isImmediate(kind)) {
    const value = immediate(1);
    const step = arithmetic(mnemonic, value, size);
    if (step !== undefined) return [{ kind: 'place', place, step }];
    if (mnemonic === Mnemonic.Or && value === -1)
      return [{ kind: 'constant', value: size === 4 ? 0xffffffff : -1 }];
  }
  return lost('arithmetic');
}

/** The low byte becomes 0 or 1. */
function setBit(place: Place, bit: number): Source {
  const apply = (value: number) => value - (((value % 256) + 256) % 256) + bit;
  return { kind: 'place', place, step: { name: `low${bit}`, apply } };
}

/** lea with an index and no base, or with one register as both: a multiple of it. */
function scaled(size: number): readonly Source[] {
  const { memoryBase, memoryIndex, memoryIndexScale } = instruction;
  const register = general(memoryIndex);
  if (register < 0 || (memoryBase !== Register.None && memoryBase !== memoryIndex))
    return lost('a computed address');
  const factor = memoryIndexScale + (memoryBase === Register.None ? 0 : 1);
  const offset = Number(BigInt.asIntN(64, instruction.memoryDisplacement));
  const apply = (value: number) =>
    size === 4 ? (Math.imul(value, factor) + offset) >>> 0 : value * factor + offset;
  return [
    {
      kind: 'place',
      place: { kind: 'register', register },
      step: { name: `${factor}x+${offset}.${size}`, apply },
    },
  ];
}

function plus(register: number, offset: number, size: number): Source {
  const place: Place = { kind: 'register', register };
  if (offset === 0 && size === 8) return { kind: 'place', place };
  const apply = (value: number) => (size === 4 ? (value + offset) >>> 0 : value + offset);
  return { kind: 'place', place, step: { name: `add${offset}.${size}`, apply } };
}

/** With an immediate, on 32 or 64 bits. */
function arithmetic(mnemonic: Mnemonic, value: number, size: number): Step | undefined {
  const name = `${mnemonic}.${value}.${size}`;
  if (mnemonic === Mnemonic.Add) return { name, apply: (x) => (size === 4 ? (x + value) >>> 0 : x + value) };
  if (mnemonic === Mnemonic.Sub) return { name, apply: (x) => (size === 4 ? (x - value) >>> 0 : x - value) };
  if (size !== 4) return wideArithmetic(mnemonic, value, name);
  if (mnemonic === Mnemonic.And) return { name, apply: (x) => (x & value) >>> 0 };
  if (mnemonic === Mnemonic.Or) return { name, apply: (x) => (x | value) >>> 0 };
  if (mnemonic === Mnemonic.Xor) return { name, apply: (x) => (x ^ value) >>> 0 };
  if (mnemonic === Mnemonic.Shl) return { name, apply: (x) => (x << value) >>> 0 };
  if (mnemonic === Mnemonic.Shr) return { name, apply: (x) => (x >>> 0) >>> value };
  return undefined;
}

function wideArithmetic(mnemonic: Mnemonic, value: number, name: string): Step | undefined {
  const with64 = (operation: (x: bigint, y: bigint) => bigint): Step => ({
    name,
    apply: (x) => Number(BigInt.asIntN(64, operation(BigInt(x), BigInt(value)))),
  });
  if (mnemonic === Mnemonic.And) return with64((x, y) => x & y);
  if (mnemonic === Mnemonic.Or) return with64((x, y) => x | y);
  if (mnemonic === Mnemonic.Xor) return with64((x, y) => x ^ y);
  if (mnemonic === Mnemonic.Shl) return with64((x, y) => x << (y & 63n));
  return undefined;
}

function load(bytes: 4 | 8, cut: { step?: Step }): readonly Source[] {
  const place = memoryPlace();
  if (place === undefined) return lost('memory at a computed address');
  if (place.kind === 'global') return [{ kind: 'load', address: place.address, bytes }];
  return [{ kind: 'place', place, ...cut }];
}

function writes(register: number): boolean {
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  const isWritten = info.usedRegisters().some((used: { register: Register; access: OpAccess }) => {
    const hit = general(used.register) === register;
    return (
      hit &&
      used.access !== OpAccess.Read &&
      used.access !== OpAccess.CondRead &&
      used.access !== OpAccess.None
    );
  });
  info.free();
  return isWritten;
}

/** Memory relative to a register: a slot of the stack, or a field of something that a pointer leads to. */
function memorySources(place: Exclude<Place, { kind: 'register' }>): readonly Source[] {
  const { mnemonic, op0Kind } = instruction;
  const stored = storedAt();
  if (place.kind === 'global') {
    if (stored === undefined) return same(place);
    return lost('memory that is written in between');
  }
  if (place.register === RSP) {
    if (mnemonic === Mnemonic.Push) {
      if (place.offset === 0) return pushed();
      return place.offset < 8
        ? lost('a part of a pushed value')
        : same({ ...place, offset: place.offset - 8 });
    }
    if (
      mnemonic === Mnemonic.Pop &&
      !(op0Kind === OpKind.Register && general(instruction.op0Register) === RSP)
    )
      return same({ ...place, offset: place.offset + 8 });
    if (writes(RSP)) {
      if (op0Kind === OpKind.Register && instruction.op0Register === Register.RSP) {
        if (mnemonic === Mnemonic.Sub && isImmediate(instruction.op1Kind))
          return same({ ...place, offset: place.offset - immediate(1) });
        if (mnemonic === Mnemonic.Add && isImmediate(instruction.op1Kind))
          return same({ ...place, offset: place.offset + immediate(1) });
        if (mnemonic === Mnemonic.Lea) {
          const from = memoryPlace();
          if (from?.kind === 'memory')
            return same({ kind: 'memory', register: from.register, offset: from.offset + place.offset });
        }
        if (
          mnemonic === Mnemonic.Mov &&
          instruction.op1Kind === OpKind.Register &&
          general(instruction.op1Register) >= 0
        ) {
          return same({ ...place, register: general(instruction.op1Register) });
        }
      }
      return lost('a moved stack');
    }
  } else if (writes(place.register)) {
    if (op0Kind === OpKind.Register && general(instruction.op0Register) === place.register) {
      if (
        mnemonic === Mnemonic.Mov &&
        instruction.op1Kind === OpKind.Register &&
        RegisterExt.size(instruction.op0Register) === 8
      ) {
        const from = general(instruction.op1Register);
        return from < 0 ? lost('a special register') : same({ ...place, register: from });
      }
      if (mnemonic === Mnemonic.Lea) {
        const from = memoryPlace();
        if (from?.kind === 'memory')
          return same({ kind: 'memory', register: from.register, offset: from.offset + place.offset });
      }
    }
    return lost('memory at a pointer from elsewhere');
  }
  if (stored === undefined) return same(place);
  if (stored === 'elsewhere') return lost('memory that is written in between');
  if (stored.kind !== 'memory' || stored.register !== place.register) {
    // A store to another object: the stack and what the ABI keeps apart are taken to be apart only for the stack itself.
    return stored.kind === 'global' ? same(place) : lost('memory that is written in between');
  }
  const size = memorySize();
  if (stored.offset + size <= place.offset || stored.offset >= place.offset + 8) return same(place);
  if (stored.offset !== place.offset)
    return size <= 4 && stored.offset >= place.offset + 4 ? same(place) : lost('a part of a stored value');
  if (mnemonic !== Mnemonic.Mov || size < 4) return lost('arithmetic in memory');
  const cut = size === 4 ? { step: low32 } : {};
  if (isImmediate(instruction.op1Kind))
    return [{ kind: 'constant', value: size === 4 ? immediate(1) >>> 0 : immediate(1) }];
  const from = general(instruction.op1Register);
  return from < 0
    ? lost('a special register')
    : [{ kind: 'place', place: { kind: 'register', register: from }, ...cut }];
}

function pushed(): readonly Source[] {
  if (isImmediate(instruction.op0Kind)) return [{ kind: 'constant', value: immediate(0) }];
  if (instruction.op0Kind === OpKind.Register && general(instruction.op0Register) >= 0) {
    return [{ kind: 'place', place: { kind: 'register', register: general(instruction.op0Register) } }];
  }
  return lost('a pushed value');
}

/** Where the instruction writes memory; undefined: nowhere. Push counts as the stack's business. */
function storedAt(): Place | 'elsewhere' | undefined {
  if (instruction.mnemonic === Mnemonic.Push) return undefined;
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  const isStore = info
    .usedMemory()
    .some(
      (used: { access: OpAccess }) =>
        used.access !== OpAccess.Read &&
        used.access !== OpAccess.CondRead &&
        used.access !== OpAccess.None &&
        used.access !== OpAccess.NoMemAccess,
    );
  info.free();
  if (!isStore) return undefined;
  if (instruction.op0Kind !== OpKind.Memory) return 'elsewhere';
  return memoryPlace() ?? 'elsewhere';
}

function memorySize(): number {
  factory ??= new InstructionInfoFactory();
  if (instruction.op1Kind === OpKind.Register && instruction.opCount > 1)
    return RegisterExt.size(instruction.op1Register);
  return instruction.op1Kind === OpKind.Immediate8to64 || instruction.op1Kind === OpKind.Immediate32to64
    ? 8
    : instruction.op1Kind === OpKind.Immediate32 || instruction.op1Kind === OpKind.Immediate8to32
      ? 4
      : instruction.op1Kind === OpKind.Immediate16 || instruction.op1Kind === OpKind.Immediate8to16
        ? 2
        : instruction.op1Kind === OpKind.Immediate8
          ? 1
          : 64;
}

/** If the instruction loads a register from a field of something that a register points to: both, and the offset. */
export function fieldLoad(
  bytes: Uint8Array,
  at: number,
  address: number,
): { to: number; base: number; offset: number } | undefined {
  decode(bytes, at, address);
  const { mnemonic } = instruction;
  if (mnemonic !== Mnemonic.Mov && mnemonic !== Mnemonic.Movsxd) return undefined;
  if (instruction.op0Kind !== OpKind.Register || instruction.op1Kind !== OpKind.Memory) return undefined;
  const place = memoryPlace();
  const to = general(instruction.op0Register);
  return place?.kind === 'memory' && to >= 0 && place.register !== RSP
    ? { to, base: place.register, offset: place.offset }
    : undefined;
}

/** Which register's whole value the instruction stores to memory; 'none': it stores nothing, 'other': something else. */
export function storedRegister(bytes: Uint8Array, at: number, address: number): number | 'none' | 'other' {
  decode(bytes, at, address);
  if (storedAt() === undefined) return 'none';
  if (instruction.mnemonic !== Mnemonic.Mov || instruction.op1Kind !== OpKind.Register) return 'other';
  const register = general(instruction.op1Register);
  return register >= 0 && RegisterExt.size(instruction.op1Register) === 8 ? register : 'other';
}
