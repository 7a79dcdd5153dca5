// Functions behind data that looks like the beginning of an instruction, each named by the one before alone: Haskell's compiler puts data before
// all of its functions. Debian: gcc.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, runsUnder } from './programs.ts';

const folder = temporaryFolder('hidden');
const COUNT = 100;

test('a chain of many is read to its end', () => {
  const file = join(folder, 'chain');
  // mov $…,%rax, whose number is the whole next function.
  const links = Array.from(
    { length: COUNT },
    (_, index) => `.byte 0x48, 0xb8\nf${index}: call f${index + 1}\nret\nnop\nnop\n`,
  );
  writeFileSync(
    `${file}.s`,
    `.globl _start\n_start: call f0\nmov $60,%eax\nxor %edi,%edi\nsyscall\nhlt\n${links.join('')}.byte 0x48, 0xb8\nf${COUNT}: mov $111,%eax\nsyscall\nret\n.section .note.GNU-stack,"",@progbits\n`,
  );
  execFileSync('gcc', ['-nostdlib', '-static', '-o', file, `${file}.s`]);
  execFileSync('strip', [file]);
  const analysis = analysisOf(file);
  expect([...analysis.calls.keys()].sort()).toEqual(['exit', 'getpgrp', 'restart_syscall']);
  expect(analysis.unknown).toEqual([]);
  runsUnder(policyOfAnalysis(analysis), file);
});
