// What one instruction does with an address that stands in it, or with memory that a followed pointer leads to: which register or slot
// of the stack gets the address, or what stands there. Built on iced-x86, beside flow.ts; what is not named here is lost.

import {
  Decoder,
  DecoderOptions,
  FlowControl,
  Instruction,
  MemorySizeExt,
  Mnemonic,
  OpKind,
  RegisterExt,
} from 'iced-x86';
import { general, type Held, LARGEST_STATE, slotOf, writtenBy } from './flow.ts';

const instruction = new Instruction();
const POINTER = 8;

/** What an instruction does with an address that stands in it: `address` hands on the address, `content` the 8 bytes there, to a
 * register (RAX 0 …) or a slot of the stack. 'called': what stands there. 'nothing': neither gets anywhere. */
export type Naming =
  | {
      readonly what: 'address' | 'content';
      readonly to: { readonly register: number } | { readonly slot: number };
    }
  | 'called'
  | 'nothing'
  | 'lost';

/** `target`: the address in question, `held`: where the stack stands. */
export function namingOf(bytes: Uint8Array, at: number, address: number, held: Held, target: number): Naming {
  decode(bytes, at, address);
  const { mnemonic, flowControl } = instruction;
  if (flowControl === FlowControl.IndirectCall || flowControl === FlowControl.IndirectBranch) return 'called';
  if (mnemonic === Mnemonic.Nop || mnemonic === Mnemonic.Cmp || mnemonic === Mnemonic.Test) return 'nothing';
  const isRegister = instruction.opCount > 0 && instruction.op0Kind === OpKind.Register;
  const register = isRegister ? general(instruction.op0Register) : -1;
  const size = isRegister ? RegisterExt.size(instruction.op0Register) : 0;
  if (mnemonic === Mnemonic.Lea) return size === POINTER ? { what: 'address', to: { register } } : 'lost';
  if (hasImmediate(target)) {
    if (mnemonic === Mnemonic.Push) return pushing(held, 'address');
    if (mnemonic !== Mnemonic.Mov) return 'lost';
    // A number of 32 bits fills the register.
    if (register >= 0) return size >= 4 ? { what: 'address', to: { register } } : 'lost';
    const to = slotOf(instruction, held);
    const isWhole = to !== undefined && MemorySizeExt.size(instruction.memorySize) === POINTER;
    return isWhole ? { what: 'address', to: { slot: to } } : 'lost';
  }
  if (mnemonic === Mnemonic.Push) return pushing(held, 'content');
  const taken = takenFromMemory();
  if (taken === undefined) return 'lost';
  return taken.size === POINTER ? { what: 'content', to: { register: taken.register } } : 'nothing';
}

const pushing = (held: Held, what: 'address' | 'content'): Naming =>
  held.stack === undefined ? 'lost' : { what, to: { slot: held.stack - POINTER } };

function hasImmediate(target: number): boolean {
  const last = instruction.opCount - 1;
  if (last < 0) return false;
  const kind = instruction.opKind(last);
  if (kind < OpKind.Immediate8 || kind > OpKind.Immediate32to64) return false;
  return BigInt.asUintN(32, instruction.immediate(last)) === BigInt.asUintN(32, BigInt(target));
}

/** A register that gets `size` bytes of memory as they are; 0: none does. */
export interface Taken {
  readonly register: number;
  readonly size: number;
}

/** What an instruction takes out of the memory that it names; undefined: a pointer there could get somewhere else. */
export function takenAt(bytes: Uint8Array, at: number, address: number): Taken | undefined {
  decode(bytes, at, address);
  return takenFromMemory();
}

/** They change memory in place, where it is their first operand. */
const changing = new Set([
  Mnemonic.Add,
  Mnemonic.Sub,
  Mnemonic.Inc,
  Mnemonic.Dec,
  Mnemonic.And,
  Mnemonic.Or,
  Mnemonic.Xor,
  Mnemonic.Not,
  Mnemonic.Neg,
]);
const widening = new Set([Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Movsxd]);

function takenFromMemory(): Taken | undefined {
  const { mnemonic, op0Kind } = instruction;
  const nothing = { register: -1, size: 0 };
  if (mnemonic === Mnemonic.Cmp || mnemonic === Mnemonic.Test || mnemonic === Mnemonic.Nop) return nothing;
  if (op0Kind === OpKind.Memory && (mnemonic === Mnemonic.Mov || changing.has(mnemonic))) return nothing;
  const size = MemorySizeExt.size(instruction.memorySize) || LARGEST_STATE;
  const register = op0Kind === OpKind.Register ? general(instruction.op0Register) : -1;
  const isMove = mnemonic === Mnemonic.Mov || (mnemonic >= Mnemonic.Cmova && mnemonic <= Mnemonic.Cmovs);
  if (isMove && register >= 0) return { register, size };
  if (size >= POINTER) return undefined;
  return widening.has(mnemonic) && register >= 0 ? { register, size } : nothing;
}

/** Whether an instruction stores a register, or a part of it, as it is; and whether it writes to it. */
export function copies(
  bytes: Uint8Array,
  at: number,
  address: number,
  register: number,
): { readonly stores: boolean; readonly writes: boolean } {
  const writes = ((writtenBy(bytes, at) >>> register) & 1) === 1;
  decode(bytes, at, address);
  const isStore = instruction.mnemonic === Mnemonic.Mov && instruction.op0Kind === OpKind.Memory;
  const from = isStore && instruction.op1Kind === OpKind.Register ? general(instruction.op1Register) : -1;
  return { stores: from === register, writes };
}

/** The register that an instruction calls or jumps through; -1: none. */
export function calledRegister(bytes: Uint8Array, at: number, address: number): number {
  decode(bytes, at, address);
  return instruction.opCount === 1 && instruction.op0Kind === OpKind.Register
    ? general(instruction.op0Register)
    : -1;
}

function decode(bytes: Uint8Array, at: number, address: number): void {
  const decoder = new Decoder(64, bytes.subarray(at, at + 15), DecoderOptions.None);
  decoder.ip = BigInt(address);
  decoder.decodeOut(instruction);
  decoder.free();
}
