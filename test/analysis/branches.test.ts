// A branch that was passed says what the register in its comparison holds, and says nothing where the flags can come from
// elsewhere. The number of each program's call comes out of memory that anything may stand in.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { printPolicy } from '../../lib/policy/language/print.ts';
import { analysisOf, build, program, runsUnder } from './programs.ts';

/** The number is 0 or 39, so that a run comes to the call; label 1 ends it. */
const source = (body: string) =>
  program(`void run(void) { argc_ = ${body.startsWith('test') ? 0 : 39}; __asm__ volatile("movl argc_(%%rip), %%eax\\n ${body.replaceAll('\n', '\\n')}\\n 1:"
    : : : "rax", "rcx", "rdx", "rdi", "rsi", "r11", "rbx", "memory", "cc"); }`);

function answer(body: string): { calls: readonly string[]; isKnown: boolean } {
  const file = build({ name: 'branch', source: source(body), calls: [] }, '-O2', false);
  try {
    const analysis = analysisOf(file);
    runsUnder(policyOfAnalysis(analysis), file);
    return {
      calls: [...analysis.calls]
        .filter(([, site]) => site?.module.path === file && !site.names.includes('exit'))
        .map(([name]) => name),
      isKnown: analysis.unknown.length === 0,
    };
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

test.each([
  ['zero, as glibc 2.31 reads', 'test %%eax, %%eax\njne 1f\nsyscall', ['read']],
  ['zero, where the branch is taken', 'test %%eax, %%eax\nje 2f\njmp 1f\n2: syscall', ['read']],
  ['a number', 'cmp $39, %%eax\njne 1f\nsyscall', ['getpid']],
  ['all of the register', 'cmp $39, %%rax\njne 1f\nsyscall', ['getpid']],
  [
    'instructions between that keep it',
    'cmp $39, %%eax\nmov %%ebx, %%edi\nlea 1(%%rdi), %%rsi\njne 1f\nsyscall',
    ['getpid'],
  ],
  ['a number that is changed behind it', 'cmp $39, %%eax\njne 1f\nadd $71, %%eax\nsyscall', ['getppid']],
  ['one of two', 'cmp $39, %%eax\nje 2f\ncmp $110, %%eax\njne 1f\n2: syscall', ['getpid', 'getppid']],
  ['in another register', 'mov %%eax, %%ecx\ncmp $39, %%ecx\njne 1f\nmov %%ecx, %%eax\nsyscall', ['getpid']],
])('%s', (_, body, calls) => {
  expect(answer(body)).toEqual({ calls, isKnown: true });
});

test.each([
  ['the other side', 'cmp $39, %%eax\nje 1f\nsyscall'],
  ['another condition', 'cmp $39, %%eax\njg 1f\nsyscall'],
  ['both ways lead there', 'cmp $39, %%eax\nje 2f\n2: syscall'],
  ['another way leads there', 'test %%ebx, %%ebx\nje 2f\ncmp $39, %%eax\njne 1f\n2: syscall'],
  ['the branch is jumped to', 'cmp $1, %%ebx\nje 2f\ncmp $39, %%eax\n2: jne 1f\nsyscall'],
  ['other flags come between', 'cmp $39, %%eax\nadd $0, %%ebx\njne 1f\nsyscall'],
  ['the register is written between', 'cmp $39, %%eax\nmov argc_(%%rip), %%eax\njne 1f\nsyscall'],
  ['a half of it', 'cmp $39, %%al\njne 1f\nsyscall'],
  ['another register', 'cmp $39, %%ecx\njne 1f\nsyscall'],
])('nothing is known: %s', (_, body) => {
  expect(answer(body).isKnown).toBe(false);
});

test('an argument is held to what was asked of it', () => {
  const file = build(
    {
      name: 'argument',
      source: source(
        'mov %%eax, %%esi\\ncmp $0x5401, %%esi\\nje 2f\\ncmp $0x5413, %%esi\\njne 1f\\n2: mov $16, %%eax\\nsyscall',
      ),
      calls: [],
    },
    '-O2',
    false,
  );
  try {
    const text = printPolicy(policyOfAnalysis(analysisOf(file)));
    expect(text).toContain('ioctl(cmd in {TCGETS, TIOCGWINSZ})');
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
});
