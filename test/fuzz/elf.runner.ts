// The process in which elf.fuzz.test.ts reads damaged files: apart from the test, so that one that never ends, or takes all
// memory, ends this process and not the test. Says what it is about to do before it does it: `MODE CASE` on a line each.
//
// Arguments: mode (read, analyse), seed, seconds, a folder for the damaged files, seeds.

import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { analyze } from '../../lib/analysis/analyze.ts';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { readDynamic } from '../../lib/elf/dynamic.ts';
import { buildId, type ElfFile, parseElf } from '../../lib/elf/file.ts';
import { readRelocations } from '../../lib/elf/relocations.ts';
import { parseLoaderCache } from '../../lib/elf/search.ts';
import { functionRanges, landingPads } from '../../lib/elf/unwind.ts';
import { SandboxError } from '../../lib/errors.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { type Random, randomFrom } from '../support/random.ts';

const [, , mode, seed, seconds, folder, ...seeds] = process.argv as string[];
const originals = seeds.map((path) => ({ path, bytes: readFileSync(path) }));
const isElf = (bytes: Buffer) => bytes.readUInt32BE(0) === 0x7f454c46;
/** Processor time for one case, in µs: the largest seed as it is takes a few hundred ms. */
const LIMIT = 15_000_000;
/** Of heap and buffers, for one case. */
const MEMORY = 700 * 1024 * 1024;

/** Numbers that sizes, offsets and addresses lie with. */
const odd = [0, 1, 7, 8, 0x7f, 0xff, 0xfff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Where what is written matters most: headers, and the tables that they lead to. */
function places(bytes: Buffer): readonly (readonly [start: number, end: number])[] {
  const found: (readonly [number, number])[] = [[0, Math.min(64, bytes.length)]];
  try {
    const elf: ElfFile = parseElf({ file: 'x', bytes });
    const phoff = Number(bytes.readBigUInt64LE(32));
    const shoff = Number(bytes.readBigUInt64LE(40));
    found.push([phoff, phoff + 56 * bytes.readUInt16LE(56)], [shoff, shoff + 64 * bytes.readUInt16LE(60)]);
    for (const one of elf.sections)
      if (/^\.(dyn|gnu|rel|eh_frame|gcc_except|note|init_array|got|plt|rodata|data|text)/.test(one.name))
        found.push([one.offset, one.offset + Math.min(one.size, 1 << 16)]);
  } catch {
    // No ELF file: anywhere.
  }
  return found.filter(([start, end]) => end > start && end <= bytes.length);
}

const interesting = originals.map(({ bytes }) => places(bytes));

function damaged(random: Random, which: number): Buffer {
  const bytes = Buffer.from(originals[which]!.bytes);
  for (let left = 1 + random.below(8); left > 0; left--) {
    const [start, end] =
      random.chance(0.9) && interesting[which]!.length > 0
        ? random.pick(interesting[which]!)
        : [0, bytes.length];
    const at = start + random.below(end - start);
    const value = random.chance(0.5)
      ? random.pick(odd)
      : random.chance(0.5)
        ? bytes.length - random.below(16)
        : random.below(2 ** 31);
    switch (random.below(7)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        if (at + 2 <= bytes.length) bytes.writeUInt16LE(value & 0xffff, at & ~1);
        break;
      case 2:
        if ((at & ~3) + 4 <= bytes.length) bytes.writeUInt32LE(value >>> 0, at & ~3);
        break;
      case 3:
      case 4:
        if ((at & ~7) + 8 <= bytes.length)
          bytes.writeBigUInt64LE(
            random.chance(0.2) ? 0xffffffffffffffffn - BigInt(value) : BigInt(value),
            at & ~7,
          );
        break;
      case 5:
        bytes.copy(bytes, at, start, Math.min(end, start + random.below(256)));
        break;
      default:
        if (random.chance(0.2)) return bytes.subarray(0, at);
    }
  }
  return bytes;
}

/** Everything that an analysis reads of a file. */
function read(bytes: Buffer): void {
  if (!isElf(bytes.length < 4 ? Buffer.alloc(4) : bytes) && mode === 'cache') {
    parseLoaderCache({ file: 'x', bytes });
    return;
  }
  const elf = parseElf({ file: 'x', bytes });
  readRelocations(elf, readDynamic(elf));
  buildId(elf);
  for (const range of functionRanges(elf).ranges) {
    try {
      landingPads(elf, range);
    } catch (error) {
      if (!(error instanceof SandboxError || error instanceof RangeError)) throw error;
    }
  }
}

const question = { words: [], also: [], environment: { PATH: '/nonexistent' } };

const random = randomFrom(Number(seed));
const end = Date.now() + Number(seconds) * 1000;
const counts = { fine: 0, refused: 0 };
for (let round = 0; Date.now() < end; round++) {
  const which = random.below(originals.length);
  const bytes = damaged(random, which);
  const file = join(folder!, 'case');
  writeFileSync(file, bytes, { mode: 0o755 });
  writeSync(1, `${mode} SEED=${seed} round ${round} of ${originals[which]!.path}\n`);
  const before = process.cpuUsage();
  try {
    if (mode === 'analyse') {
      const isPlugin = originals[which]!.path.endsWith('.so');
      const program = isPlugin ? originals[0]!.path : file;
      printPolicy(policyOfAnalysis(analyze({ ...question, program, plugins: isPlugin ? [file] : [] })));
    } else read(bytes);
    counts.fine++;
  } catch (error) {
    if (!(error instanceof SandboxError) || error.message === '' || error.advice === '') throw error;
    counts.refused++;
  }
  const { user, system } = process.cpuUsage(before);
  if (user + system > LIMIT) throw new Error(`it took ${(user + system) / 1e6} s`);
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  if (heapUsed + arrayBuffers > MEMORY) {
    globalThis.gc?.();
    const after = process.memoryUsage();
    if (after.heapUsed + after.arrayBuffers > MEMORY)
      throw new Error(`it holds ${after.heapUsed + after.arrayBuffers} bytes`);
  }
}
writeSync(1, `done ${JSON.stringify(counts)}\n`);
