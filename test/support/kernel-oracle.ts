// Asks the running kernel what programs answer (see kernel-oracle.c, which this compiles with gcc for the test run).

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { encode, type Program } from '../../lib/bpf/instruction.ts';
import { abis } from '../../lib/linux/abi.ts';
import type { SeccompData } from '../../lib/policy/evaluate.ts';
import { temporaryFolder } from './temporary.ts';

export interface Question {
  /** In the order of their installation. */
  readonly programs: readonly Program[];
  readonly calls: readonly SeccompData[];
}

export interface Answer {
  /** 0, or the errno with which the kernel refused a program. */
  readonly refused: number;
  /** The signal that ended the calling process on the way; 0 if it came through. */
  readonly died: number;
  /** What each call returned: 0 or a negative errno. */
  readonly results: readonly number[];
}

/** Why the kernel cannot be asked here, if so. */
export const unaskable =
  process.arch === 'x64'
    ? spawnSync('gcc', ['--version']).status === 0
      ? undefined
      : 'gcc is missing (Debian package gcc)'
    : `the oracle is written for x86-64, not ${process.arch}`;

let built: string | undefined;

function helper(): string {
  if (built !== undefined) return built;
  const folder = temporaryFolder('oracle');
  const source = new URL('kernel-oracle.c', import.meta.url).pathname;
  const output = join(folder, 'oracle');
  const made = spawnSync('gcc', ['-O1', '-Wall', '-o', output, source], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`gcc: ${made.stderr}`);
  built = output;
  return output;
}

/** Every question in one run of the helper. Calls must be x86_64's, x32's or i386's. */
export function askKernel(questions: readonly Question[]): readonly Answer[] {
  const parts = questions.flatMap(({ programs, calls }) => [
    words(programs.length),
    ...programs.flatMap((program) => [words(program.length), encode(program)]),
    words(calls.length),
    ...calls.map(encodeCall),
  ]);
  const run = spawnSync(helper(), { input: Buffer.concat(parts), maxBuffer: 2 ** 28, timeout: 60_000 });
  if (run.status !== 0) throw new Error(`the oracle ended with ${run.status ?? run.signal}`);
  let at = 0;
  return questions.map(({ calls }) => {
    const refused = run.stdout.readInt32LE(at);
    const died = run.stdout.readInt32LE(at + 4);
    const results = calls.map((_, index) => Number(run.stdout.readBigInt64LE(at + 8 + 8 * index)));
    at += 8 + 8 * calls.length;
    return { refused, died, results };
  });
}

function words(...list: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * list.length);
  list.forEach((word, index) => {
    buffer.writeUInt32LE(word, 4 * index);
  });
  return buffer;
}

function encodeCall({ arch, nr, args }: SeccompData): Buffer {
  const buffer = Buffer.alloc(56);
  buffer.writeUInt32LE(arch === abis.i386.auditArch ? 1 : 0, 0);
  buffer.writeUInt32LE(nr, 4);
  args.forEach((one, index) => {
    buffer.writeBigUInt64LE(one, 8 + 8 * index);
  });
  return buffer;
}
