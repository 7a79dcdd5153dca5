// Which memory can be executed: what the C library and its loader map is held to the headers of all files, and what headers ask
// for in earnest still works (Debian: gcc, with the C library).

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { summaryOf } from '../../lib/analysis/summary.ts';
import { evaluate } from '../../lib/index.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf } from './programs.ts';

const folder = temporaryFolder('executable');
const PROTECTIONS = 8;

function compile(name: string, source: string, ...words: string[]): string {
  const file = join(folder, name);
  writeFileSync(`${file}.c`, source);
  execFileSync('gcc', ['-O2', '-o', file, `${file}.c`, ...words]);
  return file;
}

const shared = ['-shared', '-fPIC'];
const functions = 'long sum(long a) { return a + 1; }';
const libraries: readonly (readonly [
  name: string,
  source: string,
  options: readonly string[],
  how: string,
])[] = [
  ['ordinary', functions, shared, 'files'],
  ['executable-stack', functions, [...shared, '-z', 'execstack'], 'written'],
  [
    'text-relocations',
    // An address in the code itself.
    'long value = 1; long sum(long a) { long *p; __asm__("movabs $value, %0" : "=r"(p)); return a + *p; }',
    ['-shared', '-fno-pic', '-mcmodel=large', '-Wl,-z,notext', '-w'],
    'written',
  ],
  [
    'writable-code',
    `${functions} __asm__(".section .both,\\"awx\\",@progbits\\n nop\\n ret\\n .text\\n");`,
    shared,
    'written',
  ],
];

test.each(libraries)('a thread, and a library that it loads: %s', (name, source, options, how) => {
  const library = compile(`lib${name}.so`, source, ...options);
  const program = compile(
    name,
    `#include <dlfcn.h>
     #include <pthread.h>
     #include <stdio.h>
     static void *start(void *word) {
       void *library = dlopen("${library}", RTLD_NOW);
       long (*sum)(long) = dlsym(library, "sum");
       printf("%ld\\n", sum(41));
       return word;
     }
     int main(void) {
       pthread_t thread;
       pthread_create(&thread, 0, start, 0);
       pthread_join(thread, 0);
       return 0;
     }`,
    '-pthread',
  );
  const analysis = analysisOf(program);
  expect(summaryOf(analysis).executable).toBe(how);
  const policy = policyOfAnalysis(analysis);
  const { stdout, signal } = spawnSync(program, [], { sandbox: policy, encoding: 'utf8', timeout: 20_000 });
  expect({ stdout, signal }).toEqual({ stdout: '42\n', signal: null });
  if (how !== 'files') return;
  for (let prot = 0; prot < PROTECTIONS; prot++) {
    const isCode = (prot & 4) !== 0;
    const changes = evaluate(policy, { call: 'mprotect', args: [0x1000n, 4096n, BigInt(prot), 0n, 0n, 0n] });
    const maps = evaluate(policy, { call: 'mmap', args: [0n, 4096n, BigInt(prot), 0x22n, -1n, 0n] });
    if (isCode) expect([prot, changes.kind, maps.kind]).toEqual([prot, 'kill', 'kill']);
  }
});

// What a program hands to the C library's mmap and mprotect looks like a thread's stack there, and is none.
test.each([
  ['mmap', 'mmap(0, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)'],
  ['mprotect', '(mprotect(place, 4096, prot), place)'],
])('a protection that a program computes for %s, writable and perhaps executable', (call, made) => {
  const program = compile(
    `computed-${call}`,
    `#include <stdio.h>
     #include <string.h>
     #include <sys/mman.h>
     static volatile int how;
     static char place[4096] __attribute__((aligned(4096)));
     int main(int count, char **words) {
       how = count;
       int prot = PROT_READ | PROT_WRITE | (how & 1) << 2;
       char *code = ${made};
       memcpy(code, "\\xb8\\x2a\\0\\0\\0\\xc3", 6);
       printf("%d\\n", ((int (*)(void))code)());
       return 0;
     }`,
  );
  const analysis = analysisOf(program);
  expect(summaryOf(analysis).executable).toBe('written');
  const { stdout, signal } = spawnSync(program, [], {
    sandbox: policyOfAnalysis(analysis),
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ stdout, signal }).toEqual({ stdout: '42\n', signal: null });
});
