// Micro programs without a C library, so that what they can call is known exactly. Each stands for one thing that an analysis
// gets wrong if it is careless.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Analysis, analyze } from '../../lib/analysis/analyze.ts';
import type { Asked } from '../../lib/analysis/work.ts';
import { spawnSync } from '../../lib/node/sync.ts';
import type { Policy } from '../../lib/policy/model.ts';

export interface Micro {
  readonly name: string;
  readonly source: string;
  /** Exactly these, beside exit, which each has. */
  readonly calls: readonly string[];
  readonly flags?: readonly string[];
  readonly language?: 'c' | 'c++';
  /** Memory of every process that it needs to run: a kernel can be started without. */
  readonly needs?: string;
  /** A number cannot be known: in any case, or without optimisation. */
  readonly isWide?: true;
  readonly isWidePlain?: true;
}

/** __NR_ numbers of x86-64 that the programs use: getpid 39, getppid 110, getuid 102, getgid 104, gettid 186, sync 162,
 * sched_yield 24, umask 95, pause 34, alarm 37, times 100, geteuid 107, getegid 108, getpgrp 111, setsid 112. */
const head = `
#define SELF static inline __attribute__((always_inline))
#define FAR __attribute__((noinline, noipa))
SELF long call(long n) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory"); return r; }
extern volatile int argc_; volatile int argc_;
`;
/** Begins with how many words the program was started with: `argc_` is 1 and more, and chooses among its ways. */
export const start = `
__asm__(".text\\n.globl _start\\n.type _start,@function\\n_start: .cfi_startproc\\n.cfi_undefined rip\\nmov (%rsp),%edi\\nand $-16,%rsp\\ncall begin\\nhlt\\n.cfi_endproc\\n");
`;
const tail = `
__attribute__((used)) void begin(int words) { argc_ = words; run(); for (;;) call(60); }
${start}`;
export const program = (text: string) => `${head}${text}${tail}`;

export const micros: readonly Micro[] = [
  {
    name: 'a call that is written out, and one in a function that nothing calls',
    source: program('FAR void never(void) { call(162); } void run(void) { call(39); }'),
    calls: ['getpid'],
  },
  {
    name: 'a wrapper that takes the number, and one around it',
    source: program(
      'FAR long deep(long n) { return call(n) + 1; } FAR long wrap(int x, long n) { return deep(n) * x; } void run(void) { wrap(1, 39); if (argc_) wrap(2, 110); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a tail call to a wrapper',
    source: program(
      'FAR long wrap(long n) { return call(n); } FAR long outer(void) { return wrap(102); } void run(void) { outer(); }',
    ),
    calls: ['getuid'],
  },
  {
    name: 'a number that is chosen: conditional move, arithmetic, loop',
    source: program(
      'FAR void pick(int a) { call(a ? 39 : 110); } FAR void loop(void) { for (int i = 0; i < 3; i++) call(102); } void run(void) { pick(argc_); loop(); call(argc_ & 1 ? 104 : 186); }',
    ),
    calls: ['getpid', 'getppid', 'getuid', 'getgid', 'gettid'],
  },
  {
    name: 'a switch through a jump table, each case with its number',
    source: program(
      'FAR void pick(int a) { long n; switch (a) { case 0: n = 39; break; case 1: n = 110; break; case 2: n = 102; break; case 3: n = 104; break; case 4: n = 107; break; case 5: n = 108; break; case 6: n = 111; break; default: n = 186; } call(n); } void run(void) { pick(argc_); }',
    ),
    flags: ['-fno-tree-switch-conversion'],
    calls: ['getpid', 'getppid', 'getuid', 'getgid', 'geteuid', 'getegid', 'getpgrp', 'gettid'],
  },
  {
    name: 'a switch whose cases lie in a part that was moved away',
    source: program(
      'FAR __attribute__((cold)) void rare(int a) { call(152 + (a & 0)); } FAR void pick(int a) { switch (a) { case 0: call(39); break; case 1: rare(1); break; case 2: call(102); break; case 3: rare(3); break; case 4: call(104); break; case 5: call(186); } } void run(void) { pick(argc_); }',
    ),
    calls: ['getpid', 'munlockall', 'getuid', 'getgid', 'gettid'],
    flags: ['-freorder-blocks-and-partition'],
  },
  {
    name: 'pointers to functions, in a table and in memory that is written',
    source: program(
      'FAR long a(void) { return call(39); } FAR long b(void) { return call(110); } FAR long c(void) { return call(102); } typedef long (*F)(void); static F const table[] = { a, b }; struct S { F f; }; static struct S heap; void run(void) { heap.f = c; table[argc_ & 1](); ((volatile struct S *)&heap)->f(); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'a number out of a table',
    source: program(
      'static const volatile long table[] = { 39, 110 }; void run(void) { for (int i = 0; i < 2; i++) call(table[i]); }',
    ),
    calls: ['getpid', 'getppid'],
    isWide: true,
  },
  {
    name: 'a number from outside',
    source: program('void run(void) { call(argc_); }'),
    calls: [],
    isWide: true,
  },
  {
    name: 'a wrapper that is called through a pointer',
    source: program(
      'FAR long wrap(long n) { return call(n); } void run(void) { long (*volatile f)(long) = wrap; f(39); f(110); wrap(102); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'a number that is kept over a call, in a register and on the stack',
    source: program(
      'FAR void other(void) { call(39); } FAR void keep(int a) { long n = a ? 110 : 102; other(); call(n); } void run(void) { keep(argc_); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'constants that look like addresses',
    source: program(
      'FAR void hidden(void) { call(162); } volatile long sink; void run(void) { sink = 0x1000; sink = 0x401000 + argc_; call(39); }',
    ),
    calls: ['getpid'],
    flags: ['-fPIE', '-static-pie'],
  },
  {
    name: 'a label as a value',
    source: program(
      'FAR void pick(int a) { static void *const table[] = { &&one, &&two, &&three }; long n = 0; goto *table[a & 1 ? 0 : a & 2 ? 1 : 2]; one: n = 39; goto end; two: n = 110; goto end; three: n = 102; end: call(n); } void run(void) { pick(argc_); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'code without unwind tables',
    source: program(
      'FAR long wrap(long n) { return call(n); } FAR void used(void) { wrap(110); } FAR void never(void) { call(162); } void run(void) { used(); call(39); }',
    ),
    calls: ['getpid', 'getppid'],
    flags: ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables'],
  },
  {
    name: 'a function of assembly whose unwind entry ends before it does',
    source: program(
      '__asm__(".text\\n.globl cut\\n.type cut,@function\\ncut:\\n.cfi_startproc\\nmov $110,%eax\\n.cfi_endproc\\nsyscall\\nret\\n"); void cut(void); void run(void) { cut(); call(39); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'tables between functions of assembly, with bytes of a system call in them',
    source: program(
      '__asm__(".text\\n.globl tab\\n.type tab,@function\\ntab:\\nmov $110,%eax\\nsyscall\\nret\\n.byte 0x0f,0x05,0xb8,0x0f,0x05,0x90\\n"); void tab(void); void run(void) { tab(); call(39); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'virtual functions',
    source: program(
      'struct A { virtual long f() { return call(39); } }; struct B : A { long f() override { return call(110); } }; static A a; static B b; A *volatile p; extern "C" void __cxa_pure_virtual() {} extern "C" { void *_ZTVN10__cxxabiv117__class_type_infoE[4]; void *_ZTVN10__cxxabiv120__si_class_type_infoE[4]; } void run() { A *x = argc_ ? &a : &b; p = x; p->f(); } extern "C"',
    ),
    calls: ['getpid', 'getppid'],
    language: 'c++',
    flags: ['-fno-exceptions'],
  },
];

/** What is found in a program that is started without words, and with nothing else said. */
export function analysisOf(program: string, said: Partial<Asked> = {}): Analysis {
  const environment = { PATH: '/usr/bin:/bin' };
  return analyze({ program, words: [], also: [], plugins: [], environment, ...said });
}

/** Builds a program; the file's path. Debian: gcc, g++. */
export function build(micro: Micro, optimisation: string, isPie: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-run-micro-'));
  const isC = micro.language !== 'c++';
  const source = join(folder, isC ? 'x.c' : 'x.cc');
  const file = join(folder, 'x');
  writeFileSync(source, micro.source);
  const link = isPie ? ['-fPIE', '-static-pie'] : ['-no-pie', '-static'];
  execFileSync(isC ? 'gcc' : 'g++', [
    optimisation,
    '-w',
    '-nostdlib',
    '-ffreestanding',
    '-fno-stack-protector',
    // A caller knows no more of a function than the ABI says.
    '-fno-ipa-ra',
    '-fcf-protection=none',
    ...link,
    ...(micro.flags ?? []),
    '-o',
    file,
    source,
  ]);
  return file;
}

const WAYS = 4;

/** Starts a program with one to four words under a policy: it has to come to its end. */
export function runsUnder(policy: Policy, file: string): void {
  for (let words = 0; words < WAYS; words++) {
    const { signal, error } = spawnSync(file, new Array<string>(words).fill('x'), {
      sandbox: policy,
      stdio: 'ignore',
      timeout: 10_000,
    });
    expect({ words, signal, error }).toEqual({ words, signal: null, error: undefined });
  }
}
