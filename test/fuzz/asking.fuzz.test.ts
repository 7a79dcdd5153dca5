// Whatever the bytes, reading them as a filter ends soon, in a policy that has been proved or in an error of the family. Bytes are
// those of random and of compiled programs, changed in places. The same for tables of expected answers.
//
// FUZZ_SECONDS sets how long (30), SEED what is tried (the seed of a failed run repeats it).

import { expect, test } from 'vitest';
import { readTable } from '../../lib/asking/table.ts';
import { encode } from '../../lib/bpf/instruction.ts';
import { compile } from '../../lib/compiler/compile.ts';
import { ProofError, SandboxError } from '../../lib/errors.ts';
import { isRaw, readRaw } from '../../lib/formats/raw.ts';
import { abis } from '../../lib/linux/abi.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { type Random, randomFrom, seed } from '../support/random.ts';
import { randomPolicy } from '../support/random-policy.ts';
import { randomProgram } from '../support/random-program.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 30) / 2;
/** Processor time for one filter, in microseconds: for the longest and oddest ones. */
const LIMIT = 20_000_000;

/** A compiled or a random program, with some bytes changed, doubled or cut off. */
function randomBytes(random: Random): Uint8Array {
  const served = random.chance(0.5) ? [abis.x86_64] : [abis.x86_64, abis.i386, abis.x32];
  const parts = random.chance(0.6)
    ? [compile(randomPolicy(random, served), { abis: served })[0]!]
    : Array.from({ length: 1 + random.below(6) }, () => randomProgram(random, abis.x86_64.auditArch));
  const bytes = [...encode(parts.flat())];
  for (let change = random.below(5); change > 0 && bytes.length > 8; change--) {
    const at = random.below(bytes.length);
    const kind = random.below(6);
    if (kind < 3) bytes[at] = random.below(256);
    else if (kind === 3) bytes.splice(at - (at % 8), 8);
    else if (kind === 4)
      bytes.splice(at - (at % 8), 0, ...bytes.slice(at - (at % 8), at - (at % 8) + 8 * random.below(20)));
    else bytes.splice(at);
  }
  return Uint8Array.from(bytes);
}

test(
  'raw filters',
  () => {
    const random = randomFrom(seed);
    const end = Date.now() + SECONDS * 1000;
    let read = 0;
    for (let round = 0; Date.now() < end; round++) {
      const bytes = randomBytes(random);
      const told = `SEED=${seed} round ${round}: ${Buffer.from(bytes).toString('hex')}`;
      const before = process.cpuUsage();
      try {
        const { policy } = readRaw(bytes, 'fuzz.bpf', abis.x86_64);
        expect(isRaw(bytes), told).toBe(true);
        printPolicy(policy);
        read++;
      } catch (error) {
        // A failed proof would be a fault of the lifter, unless it is the proof that gave up.
        const isKnown =
          error instanceof SandboxError &&
          !(error instanceof ProofError && !/gave up|does not follow/.test(error.message));
        if (!isKnown) throw new Error(`${String(error)}\n${told}`, { cause: error });
      }
      const used = process.cpuUsage(before);
      expect(used.user + used.system, told).toBeLessThan(LIMIT);
    }
    expect(read).toBeGreaterThan(0);
  },
  SECONDS * 1000 + 60_000,
);

const words = [
  'allow',
  'errno',
  'EPERM',
  'trap',
  '7',
  'refused',
  'read',
  '(',
  ')',
  ',',
  '#',
  '450',
  ' ',
  '\n',
  ':',
  'i386',
  '\0',
  '😀',
  '-1',
  '|',
  'O_RDONLY',
  '@basic-io',
];

test(
  'tables',
  () => {
    const random = randomFrom(seed);
    const end = Date.now() + Math.min(SECONDS, 10) * 1000;
    while (Date.now() < end) {
      const text = Array.from({ length: random.below(60) }, () => random.pick(words)).join(
        random.pick(['', ' ']),
      );
      try {
        expect(readTable(text, 'fuzz.table').length).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof SandboxError))
          throw new Error(`SEED=${seed} ${JSON.stringify(text)}`, { cause: error });
      }
    }
  },
  SECONDS * 1000 + 60_000,
);
