// Builds ELF files of a few parts, each of which can be wrong in any way: what a linker would never write.

/** The last number that eight bytes hold, and the first that a signed one does not. */
export const ALL = 0xffff_ffff_ffff_ffffn;
export const HALF = 0x8000_0000_0000_0000n;

interface Segment {
  readonly type: number;
  readonly flags?: number;
  readonly offset: number | bigint;
  readonly address: number | bigint;
  readonly size: number | bigint;
  readonly memory?: number | bigint;
}

interface Section {
  readonly name: string;
  readonly type?: number;
  readonly flags?: number;
  readonly offset: number | bigint;
  readonly address: number | bigint;
  readonly size: number | bigint;
}

interface Shape {
  readonly segments?: readonly Segment[];
  readonly sections?: readonly Section[];
  readonly content?: readonly (readonly [at: number, bytes: Buffer])[];
  readonly entry?: number | bigint;
  readonly length?: number;
  readonly patch?: (bytes: Buffer) => void;
}

export const [LOAD, DYNAMIC, INTERP, EH_FRAME] = [1, 2, 3, 0x6474e550];
export const [X, W, R] = [1, 2, 4];
export const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
};
export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
export const u16 = (value: number) => u32(value).subarray(0, 2);

/** Code stands at 0x1000 of the file and of memory, everything else from 0x2000 on. */
export const CODE = 0x1000;
export const DATA = 0x2000;
export const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** mov $39,%eax; syscall; mov $60,%eax; syscall; ud2 */
export const code = hex('b827000000 0f05 b83c000000 0f05 0f0b');
export const calls = ['exit', 'getpid'];

export const whole = (length: number): readonly Segment[] => [
  { type: LOAD, flags: R | X, offset: CODE, address: CODE, size: 0x1000 },
  { type: LOAD, flags: R | W, offset: DATA, address: DATA, size: length - DATA },
];

/** Program headers follow the file's header, section headers and their names stand at its end. */
export function elf(shape: Shape): Buffer {
  const length = shape.length ?? 0x4000;
  const segments = shape.segments ?? whole(length);
  const sections = shape.sections ?? [];
  const names = Buffer.from(`\0${sections.map((one) => one.name).join('\0')}\0.shstrtab\0`, 'latin1');
  const headers = sections.length === 0 ? 0 : (sections.length + 2) * 64;
  const bytes = Buffer.alloc(length + (headers === 0 ? 0 : headers + names.length));
  Buffer.concat([
    hex('7f454c46 02 01 01 00 0000000000000000'),
    u16(3),
    u16(62),
    u32(1),
    u64(shape.entry ?? CODE),
    u64(64),
    u64(headers === 0 ? 0 : length),
    u32(0),
    u16(64),
    u16(56),
    u16(segments.length),
    u16(64),
    u16(headers === 0 ? 0 : sections.length + 2),
    u16(headers === 0 ? 0 : sections.length + 1),
  ]).copy(bytes);
  segments.forEach((one, index) => {
    Buffer.concat([
      u32(one.type),
      u32(one.flags ?? R),
      ...[one.offset, one.address, one.address, one.size, one.memory ?? one.size, 0x1000].map(u64),
    ]).copy(bytes, 64 + index * 56);
  });
  code.copy(bytes, CODE);
  for (const [at, piece] of shape.content ?? []) piece.copy(bytes, at);
  const all: readonly Section[] = [
    { name: '', type: 0, offset: 0, address: 0, size: 0 },
    ...sections,
    { name: '.shstrtab', type: 3, flags: 0, offset: length + headers, address: 0, size: names.length },
  ];
  let name = 0;
  for (const [index, one] of headers === 0 ? [] : all.entries()) {
    Buffer.concat([
      u32(name),
      u32(one.type ?? 1),
      u64(one.flags ?? 2),
      ...[one.address, one.offset, one.size].map(u64),
      u32(0),
      u32(0),
      u64(1),
      u64(0),
    ]).copy(bytes, length + index * 64);
    name += one.name.length + 1;
  }
  if (headers !== 0) names.copy(bytes, length + headers);
  shape.patch?.(bytes);
  return bytes;
}

export const tag = (number: number, value: number | bigint) => Buffer.concat([u64(number), u64(value)]);
export const [STRINGS, SYMBOLS, STRINGS_SIZE, NEEDED, RUNPATH] = [5, 6, 10, 1, 29];
export const [HASH, RELA, RELA_SIZE, RELR, RELR_SIZE] = [4, 7, 8, 36, 35];
export const [GNU_HASH, VERNEED, VERNEED_COUNT] = [0x6ffffef5, 0x6ffffffe, 0x6fffffff];
export const [INIT_ARRAY, INIT_ARRAY_SIZE] = [25, 27];

/** A file with a dynamic section at 0x2000, which `entries` fill. */
export const dynamic = (entries: readonly Buffer[], rest: Shape = {}): Buffer => {
  const length = rest.length ?? 0x4000;
  const table = Buffer.concat([...entries, tag(0, 0)]);
  return elf({
    ...rest,
    segments: [
      ...(rest.segments ?? whole(length)),
      { type: DYNAMIC, offset: DATA, address: DATA, size: table.length },
    ],
    content: [[DATA, table], ...(rest.content ?? [])],
  });
};
export const BEHIND = 0x3000;

export const text: Section = { name: '.text', flags: 6, offset: CODE, address: CODE, size: code.length };

/** Entries of an unwind table; a length before each. */
export const frame = (...bodies: readonly Buffer[]) =>
  Buffer.concat([...bodies.flatMap((one) => [u32(one.length), one]), u32(0)]);
export const unwound = (table: Buffer, size = table.length): Shape => ({
  length: DATA + Math.max(0x2000, table.length),
  sections: [text, { name: '.eh_frame', offset: DATA, address: DATA, size }],
  content: [[DATA, table]],
});
export const cie = (augmentation: string, rest: Buffer) =>
  Buffer.concat([u32(0), hex('01'), Buffer.from(`${augmentation}\0`, 'latin1'), hex('01 78 10'), rest]);

/** A program that needs libraries of its own folder. */
export function needing(...names: readonly string[]): Buffer {
  const all = ['$ORIGIN', ...names];
  const offsets = all.map((_, index) => all.slice(0, index).join('\0').length + (index === 0 ? 0 : 1));
  return dynamic(
    [
      tag(STRINGS, BEHIND),
      tag(STRINGS_SIZE, 256),
      tag(RUNPATH, 0),
      ...offsets.slice(1).map((offset) => tag(NEEDED, offset)),
    ],
    { content: [[BEHIND, Buffer.from(`${all.join('\0')}\0`)]] },
  );
}
