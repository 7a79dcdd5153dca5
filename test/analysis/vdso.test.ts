// Functions of the kernel's own library that the loader keeps for functions of the C library: permitted once these are used.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('vdso');
const names = ['clock_getres', 'gettimeofday'];

test.each([
  ['neither', 'return 0;', []],
  // Of a clock that the kernel itself has to be asked about.
  ['clock_getres', 'struct timespec t; return clock_getres(CLOCK_PROCESS_CPUTIME_ID, &t);', ['clock_getres']],
  [
    'another function that asks for it',
    'struct timespec t; return timespec_getres(&t, TIME_UTC) != TIME_UTC;',
    ['clock_getres'],
  ],
  ['gettimeofday', 'struct timeval t; return gettimeofday(&t, 0);', ['gettimeofday']],
  [
    'looked up',
    'struct timeval t; return ((int (*)(void *, void *))dlsym(RTLD_DEFAULT, "gettimeofday"))(&t, 0);',
    ['gettimeofday'],
  ],
])('%s', (name, body, expected) => {
  const file = join(folder, name.replaceAll(/\W/g, '-'));
  const source = `#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <sys/time.h>\n#include <time.h>\nint main(void) { ${body} }`;
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-O2', '-w', '-std=gnu2x', '-o', file, `${file}.c`]);
  const analysis = analysisOf(file);
  expect(names.filter((one) => analysis.calls.has(one))).toEqual(expected);
  const { status, signal } = spawnSync(file, [], { sandbox: policyOfAnalysis(analysis), timeout: 10_000 });
  expect({ status, signal }).toEqual({ status: 0, signal: null });
});
