// The contiguous pieces of a file that are loaded.

import {
  type ElfFile,
  PF_X,
  PT_LOAD,
  type Section,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
} from '../../elf/file.ts';

/** A contiguous piece of the file that is loaded: a section, or a segment where there are no sections. */
export interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly isCode: boolean;
  readonly isWritable: boolean;
  /** Each word stands for itself: the global offset table. */
  readonly isSlots: boolean;
  /** Bytes of it that are in the file; undefined: .bss. */
  readonly offset: number | undefined;
}

export function regionsOf(elf: ElfFile): readonly Region[] {
  if (elf.sections.length > 0) {
    return elf.sections
      .filter((one) => (one.flags & 0x400) === 0 || one.type !== SHT_NOBITS)
      .map((one: Section) => ({
        name: one.name,
        start: one.address,
        end: one.address + one.size,
        isCode: (one.flags & SHF_EXECINSTR) !== 0 && one.type !== SHT_NOBITS,
        isWritable: (one.flags & SHF_WRITE) !== 0,
        isSlots: one.name === '.got' || one.name === '.got.plt',
        offset: one.type === SHT_NOBITS ? undefined : one.offset,
      }));
  }
  return elf.segments
    .filter((one) => one.type === PT_LOAD)
    .flatMap((one) => {
      const isCode = (one.flags & PF_X) !== 0;
      const between = one.address + Math.min(one.fileSize, one.memorySize);
      const part = { name: '', isWritable: (one.flags & 2) !== 0, isSlots: false };
      return [
        { ...part, start: one.address, end: between, isCode, offset: one.offset },
        { ...part, start: between, end: one.address + one.memorySize, isCode: false, offset: undefined },
      ].filter(({ start, end }) => end > start);
    })
    .sort((a, b) => a.start - b.start);
}
