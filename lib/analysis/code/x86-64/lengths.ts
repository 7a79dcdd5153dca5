// How long an x86-64 instruction is, where it leads, and which address it names: all that finding reachable code needs, for
// millions of instructions. iced-x86 knows far more, but each question to it is a call into WebAssembly; this answers these
// few from tables and is tested against iced over whole libraries. Source: Intel SDM, volume 2, chapter 2 and appendix A.

/** Where control goes after an instruction. */
export const flow = {
  next: 0,
  jump: 1,
  branch: 2,
  call: 3,
  return: 4,
  jumpIndirect: 5,
  callIndirect: 6,
  syscall: 7,
  stop: 8,
  foreign: 9,
  invalid: 10,
} as const;

/** Which address stands in an instruction. */
export const reference = {
  none: 0,
  /** Relative to the next instruction, computed (lea). */
  address: 1,
  /** Relative to the next instruction, memory that is read or written. */
  memory: 2,
  /** A 32-bit displacement that is not relative: in code at fixed addresses it can be one. */
  displacement: 3,
} as const;

/** The one result, overwritten by each call: this is the innermost loop of the analysis. */
export const found = {
  length: 0,
  flow: 0 as number,
  /** Of a jump, branch or call: relative to the next instruction. */
  target: 0,
  reference: 0 as number,
  /** The displacement; for `address` and `memory` relative to the next instruction. */
  displacement: 0,
  /** An immediate of 32 or 64 bits, as unsigned number; 0: none, or none that is an address. */
  immediate: 0,
  /** The most bytes of memory that it can read at `displacement`; 0: not known, very many (it restores the processor's state). */
  width: 8,
  /** Nothing but space between functions: nop, int3, and the zeros that some linkers put there. */
  isPadding: false,
};

// What follows an opcode: bit 0 ModRM, then the immediate.
const M = 1;
const I8 = 2;
const I16 = 4;
const IZ = 8;
const IV = 16;
const REL8 = 32;
const REL32 = 64;
const MOFFS = 128;
const BAD = 256;
const GROUP3 = 512;
const ENTER = 1024;

const one = new Uint16Array(256);
const two = new Uint16Array(256);

function fill(table: Uint16Array, text: string, value: number): void {
  for (const part of text.split(' ')) {
    const [low = 0, high = low] = part.split('-').map((hex) => Number.parseInt(hex, 16));
    for (let code = low; code <= high; code++) table[code] = value;
  }
}

for (let row = 0; row < 0x40; row += 8) {
  for (let column = 0; column < 4; column++) one[row + column] = M;
  one[row + 4] = I8;
  one[row + 5] = IZ;
  one[row + 6] = BAD;
  one[row + 7] = BAD;
}
fill(one, '27 2f 37 3f 60-61 82 9a ce d4-d6 ea', BAD);
fill(one, '63 84-8f c0-c1 d0-d3 d8-df fe ff', M);
fill(one, 'c0 c1 6b 80 83 c6', M | I8);
fill(one, '69 81 c7', M | IZ);
fill(one, '68 a9', IZ);
fill(one, '6a a8 b0-b7 cd e4-e7', I8);
fill(one, '70-7f e0-e3 eb', REL8);
fill(one, 'a0-a3', MOFFS);
fill(one, 'b8-bf', IV);
fill(one, 'c2 ca', I16);
fill(one, 'c8', ENTER);
fill(one, 'e8-e9', REL32);
fill(one, 'f6 f7', M | GROUP3);

fill(two, '00-ff', M);
fill(two, '05-09 0b 0e 30-35 37 77 a0-a2 a8-aa c8-cf', 0);
fill(two, '04 0a 0c 24-27 36 39 3b-3f 7a-7b a6-a7', BAD);
fill(two, '80-8f', REL32);
fill(two, '0f 70-73 a4 ac ba c2 c4-c6', M | I8);

/** Reads the instruction at `at`, which has to end before `end`, into `found`. */
export function readInstruction(bytes: Uint8Array, at: number, end: number): void {
  let p = at;
  let rex = 0;
  let operand16 = false;
  let address32 = false;
  let repeat = 0;
  let segment = false;
  found.flow = flow.next;
  found.reference = reference.none;
  found.immediate = 0;
  found.isPadding = false;
  found.width = 8;
  let byte = 0;
  for (;;) {
    // Of no place at all (NaN), too, there is no instruction.
    if (!(p < end) || p - at >= 15) {
      invalid();
      return;
    }
    byte = bytes[p++]!;
    if (byte === 0x66) operand16 = true;
    else if (byte === 0xf2 || byte === 0xf3) repeat = byte;
    else if (byte === 0x64 || byte === 0x65) segment = true;
    else if (byte === 0x67) address32 = true;
    else if (byte !== 0x2e && byte !== 0x36 && byte !== 0x3e && byte !== 0x26 && byte !== 0xf0) {
      if (byte < 0x40 || byte > 0x4f) break;
      rex = byte;
      continue;
    }
    rex = 0;
  }
  let shape = 0;
  let map = 0;
  if (byte === 0xc5 || byte === 0xc4 || byte === 0x62) {
    // VEX and EVEX: the map, then the opcode.
    found.width = byte === 0x62 ? 64 : 32;
    if (p + 3 >= end) {
      invalid();
      return;
    }
    if (byte === 0xc5) {
      map = 1;
      p += 1;
    } else if (byte === 0xc4) {
      map = bytes[p]! & 31;
      p += 2;
    } else {
      map = bytes[p]! & 7;
      p += 3;
    }
    const opcode = bytes[p++]!;
    if (map === 1) shape = opcode === 0x77 && byte !== 0x62 ? 0 : two[opcode]! & (M | I8);
    else if (map === 3) shape = M | I8;
    else if (map === 2 || map === 5 || map === 6) shape = M;
    else {
      invalid();
      return;
    }
    if (map === 1 && shape === 0 && opcode !== 0x77) shape = M;
    if (map === 1 && (opcode === 0xa4 || opcode === 0xac || opcode === 0xba)) shape = M;
    byte = 0x100;
  } else if (byte === 0x8f && p < end && (bytes[p]! & 0x38) !== 0) {
    // XOP (AMD): map 8 has an immediate byte, map 10 four.
    found.width = 32;
    map = bytes[p]! & 31;
    if (map < 8) {
      invalid();
      return;
    }
    p += 3;
    shape = map === 8 ? M | I8 : map === 10 ? M | IZ : M;
    byte = 0x100;
  } else if (byte === 0x0f) {
    if (p >= end) {
      invalid();
      return;
    }
    byte = bytes[p++]!;
    found.width = 16;
    if (byte === 0x38 || byte === 0x3a) {
      shape = byte === 0x38 ? M : M | I8;
      p++;
      byte = 0x200;
    } else {
      shape = two[byte]!;
      if (byte === 0x05) found.flow = flow.syscall;
      else if (byte === 0x34) found.flow = flow.foreign;
      else if (byte === 0x0b || byte === 0xb9 || byte === 0xff || byte === 0x07 || byte === 0x35)
        found.flow = flow.stop;
      else if (byte === 0x1f || byte === 0x1e) found.isPadding = true;
      else if (byte === 0x78 && (operand16 || repeat === 0xf2)) shape = M | I16;
      if ((shape & REL32) !== 0) found.flow = flow.branch;
      byte += 0x300;
    }
  } else {
    shape = one[byte]!;
  }
  if ((shape & BAD) !== 0) {
    invalid();
    return;
  }
  let modrm = 0;
  let fromNext = false;
  if ((shape & M) !== 0) {
    if (p >= end) {
      invalid();
      return;
    }
    modrm = bytes[p++]!;
    const mod = modrm >> 6;
    const rm = modrm & 7;
    // fxrstor, xrstor, xrstors.
    if ((byte === 0x3ae || byte === 0x3c7) && (modrm & 0x30) !== 0x30) found.width = 0;
    // Moves to and from control and debug registers have no memory form, whatever mod says.
    if (mod !== 3 && !(byte >= 0x320 && byte <= 0x323)) {
      let base = rm;
      if (rm === 4) {
        if (p >= end) {
          invalid();
          return;
        }
        base = bytes[p++]! & 7;
      }
      if (mod === 1) p += 1;
      else if (mod === 2 || (mod === 0 && base === 5)) {
        if (p + 4 > end) {
          invalid();
          return;
        }
        const value = bytes[p]! | (bytes[p + 1]! << 8) | (bytes[p + 2]! << 16) | (bytes[p + 3]! << 24);
        p += 4;
        if (mod === 0 && rm === 5) {
          fromNext = true;
          found.reference = byte === 0x8d ? reference.address : reference.memory;
          found.displacement = value;
        } else if (!segment) {
          found.reference = reference.displacement;
          found.displacement = value;
        }
      }
    }
  }
  if ((shape & GROUP3) !== 0 && (modrm & 0x38) <= 8) shape |= byte === 0xf6 ? I8 : IZ;
  const wide = (rex & 8) !== 0;
  if ((shape & I8) !== 0) p += 1;
  if ((shape & I16) !== 0) p += 2;
  if ((shape & ENTER) !== 0) p += 3;
  if ((shape & MOFFS) !== 0) p += address32 ? 4 : 8;
  if ((shape & IZ) !== 0) {
    if (operand16 && !wide) p += 2;
    else {
      p += 4;
      if (p <= end) found.immediate = word(bytes, p - 4) >>> 0;
    }
  }
  if ((shape & IV) !== 0) {
    if (wide) {
      p += 8;
      if (p <= end)
        found.immediate =
          word(bytes, p - 4) >>> 0 > 0x1fffff
            ? 0
            : (word(bytes, p - 4) >>> 0) * 2 ** 32 + (word(bytes, p - 8) >>> 0);
    } else if (operand16) p += 2;
    else {
      p += 4;
      if (p <= end) found.immediate = word(bytes, p - 4) >>> 0;
    }
  }
  if ((shape & REL8) !== 0) {
    p += 1;
    if (p > end) {
      invalid();
      return;
    }
    found.target = (bytes[p - 1]! << 24) >> 24;
    found.flow = byte === 0xeb ? flow.jump : flow.branch;
  }
  if ((shape & REL32) !== 0) {
    p += 4;
    if (p > end) {
      invalid();
      return;
    }
    found.target = word(bytes, p - 4);
    if (byte === 0xe8) found.flow = flow.call;
    else if (byte === 0xe9) found.flow = flow.jump;
  }
  if (p > end || p - at > 15) {
    invalid();
    return;
  }
  found.length = p - at;
  switch (byte) {
    case 0x90:
    case 0xcc:
      found.isPadding = true;
      break;
    case 0xc2:
    case 0xc3:
    case 0xca:
    case 0xcb:
    case 0xcf:
      found.flow = flow.return;
      break;
    case 0xf4:
      found.flow = flow.stop;
      break;
    case 0xcd:
      if (bytes[p - 1] === 0x80) found.flow = flow.foreign;
      break;
    case 0xc7:
      // xbegin: where it goes on after an abort is relative to the next instruction.
      if (modrm === 0xf8) {
        found.flow = flow.branch;
        found.target = word(bytes, p - 4);
      }
      break;
    case 0xff: {
      const digit = (modrm >> 3) & 7;
      if (digit === 2 || digit === 3) found.flow = flow.callIndirect;
      else if (digit === 4 || digit === 5) found.flow = flow.jumpIndirect;
      else if (digit === 7) {
        invalid();
        return;
      }
      break;
    }
  }
  // With a 32-bit address size the sum is cut to 32 bits; no compiler writes that for data.
  if (fromNext && address32) found.reference = reference.none;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function invalid(): void {
  found.length = 1;
  found.flow = flow.invalid;
  found.reference = reference.none;
  found.immediate = 0;
}
