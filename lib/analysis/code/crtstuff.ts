// What the compiler's own start files (gcc's crtstuff, LLVM's crtbegin) put into every program and library, and that would lead to all of
// its data where no symbols say where objects end: the word by which a file names itself, and the end of a table that is empty.

import { relocationAt, relocationTypes } from '../../elf/relocations.ts';
import { type CodeFile, offsetIn, regionAt, use } from './code.ts';
import type { Bounds } from './objects.ts';
import { slotOfStub } from './tables.ts';

const SIZE = 8;
/** MOV RDI, [RIP+…]: the handle is the first argument. */
const LOAD = Buffer.from([0x48, 0x8b, 0x3d]);
const LOAD_LENGTH = 7;

type Read = Pick<CodeFile, 'elf' | 'dynamic' | 'relocations' | 'regions' | 'site' | 'use' | 'target'>;

/** The word by which the file names itself to the C library (__dso_handle: Itanium C++ ABI, 3.3.6.3): a name that is only compared.
 * Known by its form: the loader makes it point to itself, and code loads it and hands it to __cxa_finalize. At most one. */
export function ownHandle(code: Read): readonly Bounds[] {
  const { relocations, site, target } = code;
  const selves = new Set<number>();
  for (let index = 0; index < relocations.count; index++) {
    const place = relocations.place[index]!;
    if (relocations.type[index] === relocationTypes.relative && relocations.addend[index] === place)
      selves.add(place);
  }
  if (selves.size === 0) return [];
  for (let at = 0; at + 1 < site.length; at++) {
    const place = target[at]!;
    if (!selves.has(place) || code.use[at] !== use.memory || !startsWith(code, site[at]!, LOAD)) continue;
    if (site[at + 1] === site[at]! + LOAD_LENGTH && calledName(code, at + 1) === '__cxa_finalize')
      return [{ start: place, end: place + SIZE }];
  }
  return [];
}

/** LEA RDI, [RIP+…]; LEA RAX, [RIP+…]; CMP RAX, RDI; JE (deregister_tm_clones). */
const AFTER_LAST = Buffer.from([0x48, 0x39, 0xf8, 0x74]);
/** LEA RDI, [RIP+…]; LEA RSI, [RIP+…]; SUB RSI, RDI; MOV RAX, RSI; SHR RSI, 63; SAR RAX, 3; ADD RSI, RAX; SAR RSI, 1; JE
 * (register_tm_clones). */
const AFTER_COUNT = Buffer.from([
  0x48, 0x29, 0xfe, 0x48, 0x89, 0xf0, 0x48, 0xc1, 0xee, 0x3f, 0x48, 0xc1, 0xf8, 0x03, 0x48, 0x01, 0xc6, 0x48,
  0xd1, 0xfe, 0x74,
]);
const LEA_RDI = Buffer.from([0x48, 0x8d, 0x3d]);
/** What is compared with RDI, and how. */
const FORMS = [
  [Buffer.from([0x48, 0x8d, 0x05]), AFTER_LAST],
  [Buffer.from([0x48, 0x8d, 0x35]), AFTER_COUNT],
] as const;
const LEA_LENGTH = 7;
const RET = 0xc3;

/** Indices of the references that name both ends of the table of transactional clones where they are the same, so that the table is
 * empty and the jump behind their comparison is always taken: nothing becomes of these addresses. gcc's form of 2014 and later. */
export function endsOfNothing(code: Read): readonly number[] {
  const { site, target } = code;
  const list: number[] = [];
  for (let at = 0; at + 1 < site.length; at++) {
    if (target[at] !== target[at + 1] || code.use[at] !== use.address || code.use[at + 1] !== use.address)
      continue;
    const start = site[at]!;
    const behind = start + 2 * LEA_LENGTH;
    if (site[at + 1] !== start + LEA_LENGTH || !startsWith(code, start, LEA_RDI)) continue;
    if (
      FORMS.some(
        ([second, form]) =>
          startsWith(code, start + LEA_LENGTH, second) &&
          startsWith(code, behind, form) &&
          endsAt(code, behind + form.length),
      )
    )
      list.push(at, at + 1);
  }
  return list;
}

/** Whether a short jump, whose distance stands there, leads to RET. */
function endsAt(code: Read, distance: number): boolean {
  if (regionAt(code, distance) < 0) return false;
  const offset = offsetIn(code, distance);
  const { bytes } = code.elf;
  return bytes[offset + 1 + ((bytes[offset]! << 24) >> 24)] === RET;
}

function startsWith(code: Read, address: number, bytes: Buffer): boolean {
  const offset = offsetIn(code, address);
  return code.elf.bytes.subarray(offset, offset + bytes.length).equals(bytes);
}

/** The name that a call is bound to by the loader. */
function calledName(code: Read, at: number): string | undefined {
  const isCall = code.use[at] === use.call;
  const slot = isCall ? slotOfStub(code, code.target[at]!) : code.target[at]!;
  if (slot === undefined || (!isCall && code.use[at] !== use.through)) return undefined;
  const index = relocationAt(code.relocations, slot);
  return index < 0 ? undefined : code.dynamic?.symbols[code.relocations.symbol[index]!]?.name;
}
