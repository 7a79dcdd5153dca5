// The compiler's programs against the optimum: a dynamic program over JGE splits and JEQ peelings on the maximal intervals
// of constant answer, measured once for each of these policies, without guards for the architecture and x32.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { measure } from '../../bench/quality.ts';
import { prove } from '../../lib/bpf/prove.ts';
import { compileUnproved } from '../../lib/compiler/compile.ts';
import { specify } from '../../lib/compiler/specify.ts';
import { abis } from '../../lib/linux/abi.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';

/** The optimum's mean of executed instructions and its size. */
const cases = [
  { file: 'a-thirteen', mean: 7.23, size: 17 },
  { file: 'b-docker', mean: 8.76, size: 74 },
  { file: 'c-system-service', mean: 8.09, size: 44 },
  { file: 'd-arguments', mean: 9.78, size: 133 },
  { file: 'e-deny-twenty', mean: 7.29, size: 25 },
];

function policyOf(file: string) {
  const path = new URL(`../../bench/policies/${file}.policy`, import.meta.url);
  return parsePolicy(readFileSync(path, 'utf8'), { file });
}

test.for(cases)('$file is within 5 % of the optimum', ({ file, mean, size }) => {
  const policy = policyOf(file);
  const programs = compileUnproved(policy, { abis: [abis.x86_64] });
  const quality = measure(programs, policy, abis.x86_64);
  console.log(file, quality);
  expect(quality.mean).toBeLessThanOrEqual(1.05 * mean);
  expect(quality.size).toBeLessThanOrEqual(1.15 * size + 4);
  expect(quality.worst).toBeLessThanOrEqual(25);
  expect(quality.notConstant).toEqual([]);
  if (file === 'd-arguments') expect(quality.checkedMean).toBeLessThanOrEqual(13.2);
});

test.for([
  'b-docker',
  'c-system-service',
  'd-arguments',
])('%s compiles and is proved in 50 ms once warm', (file) => {
  const policy = policyOf(file);
  const once = () => {
    const start = performance.now();
    const programs = compileUnproved(policy, { abis: [abis.x86_64] });
    prove(programs, specify(policy, [abis.x86_64], []));
    return performance.now() - start;
  };
  const times = Array.from({ length: 8 }, once);
  expect(Math.min(...times.slice(3))).toBeLessThan(50);
});
