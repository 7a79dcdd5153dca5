// ELF files made by hand, each tiny and with one strange thing about it: what linkers never write, and what readers of ELF files
// have been misled by. Where there is a sensible answer it is exact; otherwise there is an error that says what is wrong.

import {
  ALL,
  BEHIND,
  CODE,
  calls,
  cie,
  code,
  DATA,
  dynamic,
  EH_FRAME,
  elf,
  frame,
  GNU_HASH,
  HALF,
  HASH,
  hex,
  INIT_ARRAY,
  INIT_ARRAY_SIZE,
  INTERP,
  LOAD,
  NEEDED,
  R,
  RELA,
  RELA_SIZE,
  RELR,
  RELR_SIZE,
  STRINGS,
  STRINGS_SIZE,
  SYMBOLS,
  tag,
  text,
  u16,
  u32,
  u64,
  unwound,
  VERNEED,
  VERNEED_COUNT,
  W,
  whole,
  X,
} from './made.ts';

export interface Strange {
  readonly name: string;
  readonly bytes: Buffer;
  /** The calls that it can make, beside those of the kernel's own library; or what the error says. */
  readonly expected: readonly string[] | RegExp;
}

export const strange: readonly Strange[] = [
  { name: 'nothing strange', bytes: elf({ sections: [text] }), expected: calls },
  { name: 'no sections', bytes: elf({}), expected: calls },
  {
    name: 'no sections are announced where headers of sections would be',
    bytes: elf({ sections: [text], patch: (bytes) => bytes.writeUInt16LE(0, 60) }),
    expected: calls,
  },
  {
    name: 'names of sections in a section that is not there',
    bytes: elf({ sections: [text], patch: (bytes) => bytes.writeUInt16LE(99, 62) }),
    expected: calls,
  },
  {
    name: 'sections that leave out the code',
    bytes: elf({ sections: [{ ...text, address: 0x1800, offset: 0x1800 }] }),
    expected: calls,
  },
  {
    name: 'code in a section that is not in the file',
    bytes: elf({ sections: [{ ...text, type: 8 }] }),
    expected: calls,
  },
  {
    name: 'many sections over the same code',
    bytes: elf({
      length: 0x81000,
      segments: [{ type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x80000 }],
      sections: Array.from({ length: 20_000 }, () => ({ ...text, size: 0x80000 })),
    }),
    expected: calls,
  },
  {
    name: 'a section at 2^63',
    bytes: elf({ sections: [text, { name: '.data', offset: HALF, address: HALF, size: HALF }] }),
    expected: calls,
  },
  { name: 'an entry in no segment', bytes: elf({ entry: 0x9000 }), expected: /entry/ },
  { name: 'an entry in data', bytes: elf({ entry: DATA }), expected: /entry/ },
  { name: 'an entry at 2^63', bytes: elf({ entry: HALF }), expected: /entry/ },
  {
    name: 'segments over one another',
    bytes: elf({
      segments: [
        ...whole(0x4000),
        { type: LOAD, flags: R | X, offset: DATA, address: CODE + 7, size: 0x1000 },
      ],
    }),
    expected: /segment/,
  },
  {
    name: 'one part of the file at two addresses',
    bytes: elf({
      segments: [
        ...whole(0x4000),
        { type: LOAD, flags: R | X, offset: CODE, address: 0x10_0000, size: 0x1000 },
      ],
      entry: 0x10_0000,
    }),
    expected: calls,
  },
  {
    name: 'a segment at an offset of 2^63',
    bytes: elf({ segments: [...whole(0x4000), { type: LOAD, offset: HALF, address: 0x10_0000, size: 8 }] }),
    expected: /segment 2 lies outside/,
  },
  {
    name: 'a segment at an address of 2^63',
    bytes: elf({ segments: [...whole(0x4000), { type: LOAD, offset: DATA, address: HALF, size: 8 }] }),
    expected: /segment 2 is too large/,
  },
  {
    name: 'a segment of 2^64 - 1 bytes',
    bytes: elf({ segments: [...whole(0x4000), { type: LOAD, offset: DATA, address: 0x10_0000, size: ALL }] }),
    expected: /segment 2 lies outside/,
  },
  {
    name: 'memory without content of 2^52 bytes, whose address is taken beside a jump through a pointer',
    bytes: elf({
      length: 0x2008,
      segments: [
        { type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x1000 },
        { type: LOAD, flags: R | W, offset: DATA, address: DATA, size: 8, memory: 2 ** 52 },
      ],
      // lea 0x3000(%rip),%rdx; mov $39,%eax; syscall; jmp *%rax
      content: [[CODE, hex('488d15f91f0000 b827000000 0f05 ffe0')]],
    }),
    expected: ['getpid'],
  },
  {
    name: 'constants behind the content of a segment that is only read',
    bytes: elf({
      length: 0x2008,
      segments: [
        { type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x1000 },
        { type: LOAD, flags: R, offset: DATA, address: DATA, size: 8, memory: 0x10000 },
      ],
      // lea 0x3000(%rip),%rdx; mov 0x2ff2(%rip),%eax; syscall; jmp *%rdx
      content: [[CODE, hex('488d15f91f0000 8b05f31f0000 0f05 ffe2')]],
    }),
    // What is not in the file is zero: read.
    expected: /number/,
  },
  { name: 'no program headers', bytes: elf({ segments: [] }), expected: /0 program headers/ },
  {
    name: 'program headers of another size',
    bytes: elf({ patch: (bytes) => bytes.writeUInt16LE(32, 54) }),
    expected: /program headers of 32 bytes/,
  },
  {
    name: 'program headers at 2^63',
    bytes: elf({ patch: (bytes) => bytes.writeBigUInt64LE(HALF, 32) }),
    expected: /program headers lies outside/,
  },
  {
    name: 'more program headers than the field holds',
    bytes: elf({ patch: (bytes) => bytes.writeUInt16LE(0xffff, 56) }),
    expected: /65535 program headers/,
  },
  {
    name: 'a loader whose name has no end',
    bytes: elf({
      segments: [...whole(0x4000), { type: INTERP, offset: DATA, address: DATA, size: 4 }],
      content: [[DATA, Buffer.from('/lib/x')]],
    }),
    expected: /has no end/,
  },
  {
    name: 'a loader that is not there',
    bytes: elf({
      segments: [...whole(0x4000), { type: INTERP, offset: DATA, address: DATA, size: 13 }],
      content: [[DATA, Buffer.from('/nonexistent\0')]],
    }),
    expected: /loader cannot be read.*\/nonexistent/,
  },
  {
    name: 'a loader that is a device without an end',
    bytes: elf({
      segments: [...whole(0x4000), { type: INTERP, offset: DATA, address: DATA, size: 10 }],
      content: [[DATA, Buffer.from('/dev/zero\0')]],
    }),
    expected: /\/dev\/zero/,
  },
  {
    name: 'a library that is a device without an end',
    bytes: dynamic([tag(STRINGS, BEHIND), tag(STRINGS_SIZE, 16), tag(NEEDED, 0)], {
      content: [[BEHIND, Buffer.from('/dev/zero\0')]],
    }),
    expected: /\/dev\/zero/,
  },
  {
    name: 'a name behind the table of names',
    bytes: dynamic([tag(STRINGS, BEHIND), tag(STRINGS_SIZE, 16), tag(NEEDED, ALL)]),
    expected: /outside the string table/,
  },
  {
    name: 'a table of names at 2^63',
    bytes: dynamic([tag(STRINGS, HALF), tag(STRINGS_SIZE, 16), tag(NEEDED, 0)]),
    expected: /outside the string table/,
  },
  {
    name: 'a million needed libraries with one long name',
    bytes: dynamic(
      [tag(STRINGS, 0x20_2000), tag(STRINGS_SIZE, 0x10_0000), ...new Array(100_000).fill(tag(NEEDED, 0))],
      { length: 0x40_0000, content: [[0x20_2000, Buffer.alloc(0xf_ffff, 'a')]] },
    ),
    expected: /names/,
  },
  {
    name: 'a hash table that counts 2^32 - 1 symbols',
    bytes: dynamic([tag(SYMBOLS, BEHIND), tag(HASH, BEHIND)], {
      content: [[BEHIND, Buffer.concat([u32(1), u32(0xffffffff)])]],
    }),
    expected: /symbols/,
  },
  {
    name: 'a hash table that counts more symbols than the file holds',
    bytes: dynamic([tag(SYMBOLS, BEHIND), tag(HASH, BEHIND)], {
      content: [[BEHIND, Buffer.concat([u32(1), u32(100_000)])]],
    }),
    expected: /table of symbols lies outside/,
  },
  {
    name: 'a hash table that is not in the file',
    bytes: dynamic([tag(SYMBOLS, BEHIND), tag(HASH, HALF)]),
    expected: /hash table is not in the file/,
  },
  {
    name: 'a GNU hash table with 2^32 - 1 buckets',
    bytes: dynamic([tag(SYMBOLS, BEHIND), tag(GNU_HASH, BEHIND)], {
      content: [[BEHIND, Buffer.concat([u32(0xffffffff), u32(1), u32(1), u32(1)])]],
    }),
    expected: /hash table is too large/,
  },
  {
    name: 'a GNU hash table whose last chain has no end',
    bytes: dynamic([tag(SYMBOLS, BEHIND), tag(GNU_HASH, BEHIND)], {
      content: [[BEHIND, Buffer.concat([u32(1), u32(1), u32(1), u32(1), u64(0), u32(2)])]],
    }),
    expected: /outside the file/,
  },
  {
    name: 'a GNU hash table without buckets, and without symbols',
    bytes: dynamic([tag(STRINGS, BEHIND), tag(STRINGS_SIZE, 1), tag(SYMBOLS, BEHIND), tag(GNU_HASH, BEHIND)]),
    expected: calls,
  },
  {
    name: 'symbols whose names are each as long as the table of names',
    bytes: dynamic(
      [tag(STRINGS, 0x20_0000), tag(STRINGS_SIZE, 0x20_0000), tag(SYMBOLS, BEHIND), tag(HASH, 0x1f_f000)],
      {
        length: 0x40_0000,
        content: [
          [0x1f_f000, Buffer.concat([u32(1), u32(60_000)])],
          [0x20_0000, Buffer.alloc(0x1f_ffff, 'a')],
        ],
      },
    ),
    expected: /names/,
  },
  {
    name: 'versions of which each leads through all others',
    bytes: dynamic(
      [
        tag(STRINGS, 0x3000),
        tag(STRINGS_SIZE, 16),
        tag(SYMBOLS, 0x3000),
        tag(HASH, 0x3100),
        tag(VERNEED, 0x4000),
        tag(VERNEED_COUNT, 60_000),
      ],
      {
        length: 0x40_0000,
        content: [
          [0x3100, Buffer.concat([u32(1), u32(1)])],
          [
            0x4000,
            Buffer.concat(
              Array.from({ length: 60_000 }, (_, index) =>
                Buffer.concat([u16(1), u16(0xffff), u32(0), u32(960_000 - 16 * index), u32(16)]),
              ),
            ),
          ],
          [
            0x4000 + 960_000,
            Buffer.concat(new Array(65_535).fill(Buffer.concat([u32(0), u16(0), u16(2), u32(0), u32(16)]))),
          ],
        ],
      },
    ),
    expected: /versions/,
  },
  {
    name: 'relocations at addresses of 2^63, of symbols that are not there, of kinds that there are not',
    bytes: dynamic([tag(RELA, BEHIND), tag(RELA_SIZE, 72)], {
      content: [
        [
          BEHIND,
          Buffer.concat([
            ...[HALF, 8, CODE].map(u64),
            ...[DATA + 64, (99n << 32n) | 6n, 0].map(u64),
            ...[DATA + 72, 77, ALL].map(u64),
          ]),
        ],
      ],
    }),
    expected: calls,
  },
  {
    name: 'a relocation beyond all memory, of a function that gets its number from whoever calls it',
    bytes: dynamic([tag(RELA, BEHIND), tag(RELA_SIZE, 24)], {
      content: [
        [CODE, hex('0f05 0f0b')],
        [BEHIND, Buffer.concat([HALF, 8, CODE].map(u64))],
      ],
    }),
    expected: /number of a call is not known/,
  },
  {
    name: 'the form of start files, cut off by the end of the code',
    bytes: elf({
      length: 0x4000,
      sections: [{ ...text, size: 0x12 }],
      content: [[CODE, hex('488d3df9ffffff 488d05f2ffffff 4839f8 74')]],
    }),
    expected: [],
  },
  {
    name: 'a table of relocations that is larger than the file',
    bytes: dynamic([tag(RELA, BEHIND), tag(RELA_SIZE, HALF)]),
    expected: /relocations lies outside/,
  },
  {
    name: 'relative relocations at the end of the file, of what lies behind it',
    bytes: dynamic([tag(RELR, 0x3ff0), tag(RELR_SIZE, 16)], {
      content: [[0x3ff0, Buffer.concat([u64(0x3ff8), u64(ALL)])]],
    }),
    expected: calls,
  },
  {
    name: 'a relative relocation of the last four bytes of the file',
    bytes: dynamic([tag(RELR, 0x3ff0), tag(RELR_SIZE, 8)], { content: [[0x3ff0, u64(0x3ffc)]] }),
    expected: /outside the file/,
  },
  {
    name: 'relative relocations that begin with a bitmap, at 0',
    bytes: dynamic([tag(RELR, 0x3ff0), tag(RELR_SIZE, 16)], {
      content: [[0x3ff0, Buffer.concat([u64(3), u64(5)])]],
    }),
    expected: calls,
  },
  {
    name: 'more relative relocations than memory holds',
    bytes: dynamic([tag(RELR, BEHIND), tag(RELR_SIZE, 0x40_0000 - BEHIND)], {
      length: 0x40_0000,
      content: [[BEHIND, Buffer.alloc(0x40_0000 - BEHIND, 0xff)]],
    }),
    expected: /relocations/,
  },
  {
    name: 'initialisers without an end',
    bytes: dynamic([tag(INIT_ARRAY, DATA), tag(INIT_ARRAY_SIZE, HALF)]),
    expected: calls,
  },
  {
    name: 'an unwind table with an augmentation that nobody knows',
    bytes: elf(
      unwound(frame(cie('zXYZ', hex('01 00')), Buffer.concat([u32(24), u64(CODE), u64(16), hex('00')]))),
    ),
    expected: calls,
  },
  {
    name: 'an unwind table with an augmentation that has no end',
    bytes: elf(unwound(Buffer.alloc(0x2000, 0x61).fill(hex('fc1f0000 00000000 01'), 0, 9))),
    expected: calls,
  },
  {
    name: 'an unwind table whose entries name themselves as their description',
    bytes: elf(
      unwound(frame(...new Array(100).fill(Buffer.concat([u32(4), u64(CODE), u64(16), hex('00')])))),
    ),
    expected: calls,
  },
  {
    name: 'a function of 2^63 bytes in an unwind table, and one at 2^63',
    bytes: elf(
      unwound(
        frame(
          cie('', Buffer.alloc(0)),
          Buffer.concat([u32(20), u64(CODE), u64(HALF)]),
          Buffer.concat([u32(44), u64(HALF), u64(16)]),
        ),
      ),
    ),
    expected: calls,
  },
  {
    name: 'an unwind table with many entries that share one description without an end',
    bytes: elf(
      unwound(
        Buffer.concat([
          ...Array.from({ length: 20_000 }, (_, index) =>
            Buffer.concat([
              u32(20),
              u32(0x10000 - 0x10000 + index * 24 + 4 - 20_000 * 24),
              u64(CODE),
              u64(8),
            ]),
          ),
          Buffer.alloc(0x10_0000, 0x61),
        ]),
      ),
    ),
    expected: calls,
  },
  {
    name: 'an unwind table that is pointed to outside the file',
    bytes: elf({
      segments: [...whole(0x4000), { type: EH_FRAME, offset: DATA, address: DATA, size: 16 }],
      content: [[DATA, hex('01 1b 03 3b ffffff7f')]],
    }),
    expected: calls,
  },
  {
    name: 'a table of Go functions that ends at once',
    bytes: elf({
      length: 0x2004,
      segments: whole(0x2004),
      sections: [text, { name: '.gopclntab', offset: DATA, address: DATA, size: 4 }],
      patch: (bytes) => bytes.fill(0xff, DATA, DATA + 4),
    }),
    expected: calls,
  },
  {
    name: 'many functions of which each calls the next and none returns',
    bytes: elf({
      length: 0x8_1000,
      segments: [{ type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x8_0000 }],
      content: [[CODE, Buffer.concat([...new Array(20_000).fill(hex('e80300000090 90 90')), code])]],
    }),
    expected: calls,
  },
  {
    name: 'many calls in a row, each with its number',
    bytes: elf({
      length: 0x8_1000,
      segments: [{ type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x8_0000 }],
      content: [[CODE, Buffer.concat([...new Array(5_000).fill(code.subarray(0, 7)), code])]],
    }),
    expected: calls,
  },
];
