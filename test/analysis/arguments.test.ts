// What the arguments of system calls can be, in micro programs without a C library, so that the exact answer is known, and in
// programs with one; those without run under just that. Each stands for one thing that would permit too little if it were overlooked, or nothing if it were not
// understood.

import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { policyOfAnalysis } from '../../lib/analysis/policy.ts';
import { summaryOf } from '../../lib/analysis/summary.ts';
import { parsePolicy } from '../../lib/policy/language/parse.ts';
import { printCall, printPolicy } from '../../lib/policy/language/print.ts';
import type { Policy } from '../../lib/policy/model.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { analysisOf, build, runsUnder, start } from './programs.ts';

const head = `
#define SELF static inline __attribute__((always_inline))
#define FAR __attribute__((noinline, noipa))
SELF long call3(long n, long a, long b, long c) {
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r; }
SELF long call4(long n, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory"); return r; }
extern volatile int argc_; volatile int argc_;
FAR void other(void) { __asm__ volatile("" : : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory"); }
FAR void fill(void *p) { *(volatile int *)p = argc_; }
enum { IOCTL = 16, FCNTL = 72, SOCKET = 41, MPROTECT = 10, MMAP = 9, MADVISE = 28, OPENAT = 257 };
`;
const tail = `
__attribute__((used)) void begin(int words) { argc_ = words; run(); for (;;) call3(60, 0, 0, 0); }
${start}`;

interface Micro {
  readonly name: string;
  readonly source: string;
  /** The calls with arguments that the policy has, as it writes them. */
  readonly calls: readonly string[];
  readonly language?: 'c++';
  /** Without optimisation a compiler keeps values in memory that others can reach: then less is known. */
  readonly plain?: readonly string[];
}

const micros: readonly Micro[] = [
  {
    name: 'a constant, in a call that is written out',
    source: 'void run(void) { call3(IOCTL, 0, 0x5401, 0); }',
    calls: ['ioctl(cmd == TCGETS)'],
  },
  {
    name: 'two callers of a wrapper, whose values belong together',
    source:
      'FAR long sock(int d, int t, int p) { return call3(SOCKET, d, t, p); } void run(void) { sock(1, 1, 0); if (argc_) sock(2, 0x80002, 17); }',
    calls: [
      'socket(family == AF_UNIX && type == SOCK_STREAM && protocol == 0)',
      'socket(family == AF_INET && type == SOCK_DGRAM|SOCK_CLOEXEC && protocol == IPPROTO_UDP)',
    ],
  },
  {
    name: 'a wrapper around a wrapper, and one that is jumped to',
    source:
      'FAR long deep(int fd, long c) { return call3(IOCTL, fd, c, 0); } FAR long wrap(int fd, long c) { return deep(fd, c) + 1; } FAR long jump(int fd) { return deep(fd, 0x5413); } void run(void) { wrap(1, 0x5401); jump(2); }',
    calls: ['ioctl(cmd in {TCGETS, TIOCGWINSZ})'],
  },
  {
    name: 'a wrapper that is called through a pointer, too',
    source:
      'FAR long wrap(int fd, long c) { return call3(IOCTL, fd, c, 0); } void run(void) { long (*volatile f)(int, long) = wrap; f(0, 0x5401); wrap(0, 0x5413); }',
    calls: ['ioctl'],
  },
  {
    name: 'a wrapper whose address stands in a table of data',
    source:
      'FAR long wrap(long fd, long c) { return call3(IOCTL, fd, c, 0); } static long (*volatile const table[])(long, long) = { wrap }; void run(void) { table[argc_ & 0](0, argc_); wrap(0, 0x5413); }',
    calls: ['ioctl'],
  },
  {
    name: 'a value that is kept over a call',
    source:
      'FAR void keep(int a) { long c = a ? 0x5401 : 0x5413; other(); call3(IOCTL, 0, c, 0); } void run(void) { keep(argc_); }',
    calls: ['ioctl(cmd in {TCGETS, TIOCGWINSZ})'],
  },
  {
    name: 'more values than registers, kept on the stack over a call while another address goes out',
    source:
      'FAR void many(long a, long b, long c, long d, long e, long f) { int x; fill(&x); other(); call3(IOCTL, a, b, c); call3(FCNTL, d, e, f); call3(MADVISE, a, c, f); call3(MPROTECT, b, d, e); other(); call3(IOCTL, f, e, a + x); } void run(void) { many(0x5401, 0x5402, 0x5403, 0x5404, 5, 4); }',
    calls: [
      'fcntl(cmd == F_GETLK)',
      'ioctl(cmd in {5, TCSETS})',
      'madvise(behavior == MADV_DONTNEED)',
      'mprotect(prot == PROT_READ|PROT_EXEC)',
    ],
  },
  {
    name: 'a variable whose address is passed on',
    source: 'void run(void) { int c = 0x5401; fill(&c); call3(IOCTL, 0, c, 0); }',
    calls: ['ioctl'],
  },
  {
    name: 'a field of a structure whose address is passed on',
    source: 'void run(void) { struct { int a, c; } s = { 1, 0x5401 }; fill(&s); call3(IOCTL, 0, s.c, 0); }',
    calls: ['ioctl'],
  },
  {
    name: 'a field behind a pointer, before and behind a call',
    source:
      'struct S { int a, c; }; static struct S global; FAR void use(struct S *s) { s->c = 0x5401; call3(IOCTL, 0, s->c, 0); other(); call3(FCNTL, 0, s->c, 0); } void run(void) { use(&global); }',
    calls: ['fcntl', 'ioctl(cmd == TCGETS)'],
    plain: ['fcntl', 'ioctl'],
  },
  {
    name: 'flags that are added in branches',
    source:
      'FAR long at(long f) { return call4(OPENAT, -100, 0, f, 0); } FAR void run(void) { long f = 0x80000; if (argc_ & 1) f |= 0x400; if (argc_ & 2) f |= 0x200; at(f); }',
    calls: [
      'openat(dfd == AT_FDCWD && flags in {O_RDONLY|O_CLOEXEC, O_RDONLY|O_TRUNC|O_CLOEXEC, O_RDONLY|O_APPEND|O_CLOEXEC, O_RDONLY|O_TRUNC|O_APPEND|O_CLOEXEC})',
    ],
  },
  {
    name: 'flags that are added in a loop: those bits and no others',
    source:
      'FAR long at(int f) { return call4(OPENAT, -100, 0, f, 0); } FAR void run(void) { int f = 0; for (; argc_ & 1; argc_ += argc_ < 9 ? 2 : 1) { switch (argc_) { case 1: f |= 0x400; break; case 3: f |= 0x200; break; case 5: f |= 0x40; break; case 7: f |= 0x80; break; case 9: f |= 0x80000; break; } } at(f); }',
    calls: ['openat(dfd == AT_FDCWD && flags & ~(O_CREAT|O_EXCL|O_TRUNC|O_APPEND|O_CLOEXEC) == 0)'],
  },
  {
    name: 'a part of a value from outside',
    source:
      'void run(void) { call3(MPROTECT, 0, 0, argc_ & 3); call4(OPENAT, -100, 0, (argc_ & 0xc00) | 1, 0); }',
    calls: [
      'mprotect(prot in {PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ|PROT_WRITE})',
      'openat(dfd == AT_FDCWD && flags in {O_WRONLY, O_WRONLY|O_APPEND, O_WRONLY|O_NONBLOCK, O_WRONLY|O_APPEND|O_NONBLOCK})',
    ],
  },
  {
    name: 'a value from outside with some bits cleared, and with some set',
    source:
      'void run(void) { call4(OPENAT, -100, 0, argc_ & ~0x443, 0); call4(OPENAT, -100, 0, argc_ | 0x80000, 0); call3(FCNTL, 0, argc_ & ~1, 0); }',
    calls: [
      'fcntl',
      'openat(dfd == AT_FDCWD && (flags & O_ACCMODE|O_CREAT|O_APPEND == 0 || flags & O_CLOEXEC == O_CLOEXEC))',
    ],
  },
  {
    name: 'two parts that are put together',
    source:
      'FAR void run(void) { int mode = 1, more = 0x40; if (argc_ & 1) { other(); mode = 2; } if (argc_ & 2) { other(); more = 0x200; } other(); call4(OPENAT, -100, 0, mode | more, 0); }',
    calls: [
      'openat(dfd == AT_FDCWD && flags in {O_WRONLY|O_CREAT, O_RDWR|O_CREAT, O_WRONLY|O_TRUNC, O_RDWR|O_TRUNC})',
    ],
  },
  {
    name: 'a flag that a comparison makes, in the low byte of any register',
    source:
      'FAR void made(long a, long b) { call3(SOCKET, 1, b, 0); call4(OPENAT, -100, 0, a, 0); } FAR long read(void) { return argc_; } void run(void) { long n = read(), m = read(); made(n > 2 ? 0x800 : 0, m > 3 ? 2 : 1); }',
    calls: [
      'openat(dfd == AT_FDCWD && flags in {O_RDONLY, O_RDONLY|O_NONBLOCK})',
      'socket(family == AF_UNIX && type in {SOCK_STREAM, SOCK_DGRAM} && protocol == 0)',
    ],
  },
  {
    name: 'a value from outside',
    source: 'void run(void) { call3(IOCTL, 0, argc_, 0); }',
    calls: ['ioctl'],
  },
  {
    name: 'a value that a function returned, and one that the kernel did',
    source:
      'FAR int pick(void) { return 0x5401; } void run(void) { call3(IOCTL, 0, pick(), 0); call3(FCNTL, 0, call3(39, 0, 0, 0), 0); }',
    calls: ['fcntl', 'ioctl'],
  },
  {
    name: 'a counter',
    source: 'void run(void) { for (int c = 0; c < argc_; c++) call3(IOCTL, 0, c, 0); }',
    calls: ['ioctl'],
  },
  {
    name: 'a number and its arguments through one wrapper',
    source:
      'FAR long any(long n, long a, long b, long c) { return call3(n, a, b, c); } void run(void) { any(IOCTL, 0, 0x5401, 0); any(FCNTL, 0, 3, 0); any(FCNTL, 0, 4, 0); any(SOCKET, 1, 1, 0); any(39, argc_, argc_, argc_); }',
    calls: [
      'fcntl(cmd in {F_GETFL, F_SETFL})',
      'ioctl(cmd == TCGETS)',
      'socket(family == AF_UNIX && type == SOCK_STREAM && protocol == 0)',
    ],
  },
  {
    name: 'the low half of a register is what an int is made of',
    source:
      'void run(void) { call3(SOCKET, 0xffffffff00000001 | (long)argc_ << 32, 1, 0); call4(OPENAT, 0xffffff9c, 0, 0, 0); }',
    calls: [
      'openat(dfd == AT_FDCWD && flags == O_RDONLY)',
      'socket(family == AF_UNIX && type == SOCK_STREAM && protocol == 0)',
    ],
  },
  {
    name: 'an argument on the stack of the caller',
    source:
      'FAR long far(long a, long b, long c, long d, long e, long f, long cmd) { other(); return call3(IOCTL, a, cmd, b); } void run(void) { far(1, 2, 3, 4, 5, 6, 0x5401); if (argc_) far(1, 2, 3, 4, 5, 6, 0x5413); }',
    calls: ['ioctl(cmd in {TCGETS, TIOCGWINSZ})'],
  },
  {
    name: 'a virtual function with the flags as parameter',
    source:
      'struct A { virtual long f(long c) { return call3(IOCTL, 0, c, 0); } }; struct B : A { long f(long c) override { return call3(FCNTL, 0, c, 0); } }; static A a; static B b; A *volatile p; extern "C" void __cxa_pure_virtual() {} extern "C" { void *_ZTVN10__cxxabiv117__class_type_infoE[4]; void *_ZTVN10__cxxabiv120__si_class_type_infoE[4]; } void run() { A *x = argc_ ? &a : &b; p = x; p->f(1); call3(SOCKET, 1, 1, 0); } extern "C"',
    language: 'c++',
    calls: ['fcntl', 'ioctl', 'socket(family == AF_UNIX && type == SOCK_STREAM && protocol == 0)'],
  },
];

const withArguments = new Set(['ioctl', 'fcntl', 'socket', 'mprotect', 'mmap', 'madvise', 'openat']);

/** As it is read again. */
const policyOf = (file: string) =>
  parsePolicy(printPolicy(policyOfAnalysis(analysisOf(file))), { file: 'analysed' });
const callsOf = (file: string) => callsIn(policyOf(file));

function callsIn(policy: Policy): readonly string[] {
  return policy.statements.flatMap((one) =>
    one.calls.flatMap((call) =>
      call.target.kind === 'name' && withArguments.has(call.target.name) ? [printCall(call)] : [],
    ),
  );
}

describe.each(micros)('$name', (micro) => {
  test.each([
    ['-O0', false],
    ['-O2', false],
    ['-O2', true],
    ['-Os', true],
  ])('%s, position independent: %s', (optimisation, isPie) => {
    const file = build(
      {
        name: micro.name,
        source: `${head}${micro.source}${tail}`,
        calls: [],
        flags: ['-fno-tree-switch-conversion', ...(micro.language === undefined ? [] : ['-fno-exceptions'])],
        ...(micro.language === undefined ? {} : { language: micro.language }),
      },
      optimisation,
      isPie,
    );
    try {
      const expected = optimisation === '-O0' ? (micro.plain ?? micro.calls) : micro.calls;
      const policy = policyOf(file);
      expect([...callsIn(policy)].sort()).toEqual([...expected].sort());
      // Nobody relocates a program without a loader and a C library.
      if (!isPie) runsUnder(policy, file);
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  });
});

describe('a program with a C library (Debian: musl-tools)', () => {
  const folder = temporaryFolder('arguments');
  const file = join(folder, 'program');
  writeFileSync(
    `${file}.c`,
    `#include <fcntl.h>
     #include <sys/ioctl.h>
     #include <sys/mman.h>
     #include <sys/socket.h>
     #ifndef WANTED
     #define WANTED PROT_NONE
     #endif
     static _Thread_local int kept = TIOCGWINSZ;
     int main(int argc, char **argv) {
       int fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0600);
       fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
       if (argc > 1) kept = argc;
       ioctl(fd, TIOCGPGRP, argv);
       mprotect(mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0), 4096, WANTED);
       return socket(AF_UNIX, SOCK_SEQPACKET, 0) + (argc > 2 ? madvise(argv, 1, kept) : 0);
     }`,
  );
  const link = (...flags: string[]) =>
    execFileSync('musl-gcc', ['-O2', '-static', '-o', file, `${file}.c`, ...flags]);
  const analysed = () => analysisOf(file);

  test('variadic functions, wrappers, and a variable of a thread', () => {
    link();
    const calls = callsOf(file);
    for (const one of [
      'ioctl(cmd == TIOCGPGRP)',
      'mprotect(prot == PROT_NONE)',
      'socket(family == AF_UNIX && type == SOCK_SEQPACKET && protocol == 0)',
      'madvise',
    ])
      expect(calls).toContain(one);
    expect(calls.find((one) => one.startsWith('fcntl('))).toMatch(/F_GETFL, F_SETFL/);
  });

  test('no memory can be executed that was not there, and with one more call what was written can', () => {
    link();
    const bare = summaryOf(analysed());
    expect(bare.executable).toBe('nothing');
    expect(bare.arguments.constrained).toBeGreaterThan(5);
    expect(bare.open).toContainEqual(expect.objectContaining({ call: 'madvise', argument: 'behavior' }));
    link('-DWANTED=PROT_EXEC');
    expect(summaryOf(analysed()).executable).toBe('written');
  });

  test('--names-only leaves arguments out', () => {
    link();
    const analysis = analysisOf(file, { namesOnly: true });
    const { statements } = policyOfAnalysis(analysis);
    expect(statements.flatMap((one) => one.calls).every((call) => call.when === undefined)).toBe(true);
  });
});
