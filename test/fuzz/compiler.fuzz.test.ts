// The differential test for as long as it is given: FUZZ_SECONDS, 600 if not said, is for all fuzz targets together, and this one
// takes its share. SEED repeats a run.

import { expect, test } from 'vitest';
import { type AbiName, abis } from '../../lib/linux/abi.ts';
import { difference } from '../support/differential.ts';
import { randomFrom, seed } from '../support/random.ts';

const families: readonly (readonly AbiName[])[] = [
  ['x86_64'],
  ['x86_64', 'i386', 'x32'],
  ['aarch64', 'arm'],
  ['s390x'],
  ['mips64'],
  ['riscv64'],
];

/** The share of this target in a run of all of them. */
const SHARE = 0.4;

const seconds = Number(process.env.FUZZ_SECONDS ?? 600) * SHARE;

test(`compiler against reference for ${seconds} s`, () => {
  const end = performance.now() + 1000 * seconds;
  let rounds = 0;
  console.log(`SEED=${seed}`);
  while (performance.now() < end) {
    const start = seed + rounds * 7919;
    const served = families[rounds % families.length]!.map((name) => abis[name]);
    expect(
      difference(randomFrom(start), served, 300),
      `SEED=${start}, ${served.map((abi) => abi.name)}`,
    ).toBeUndefined();
    rounds++;
  }
  console.log(`${rounds} policies, ${300 * rounds} calls, no difference`);
  expect(rounds).toBeGreaterThan(0);
});
