// Further micro programs without a C library: one for each pitfall of program analysis that is known to have led to a wrong
// answer somewhere, and for kinds of code that a search over calls and jumps alone does not see.

import { type Micro, program } from './programs.ts';

const calls = `
SELF long call2(long n, long a, long b) {
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b) : "rcx", "r11", "memory"); return r; }
SELF long call6(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d; register long r8 __asm__("r8") = e; register long r9 __asm__("r9") = f;
  long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory"); return r; }
typedef long (*F)(void);
FAR long a(void) { return call(39); } FAR long b(void) { return call(110); } FAR long c(void) { return call(102); }
`;
const own = (text: string) => program(`${calls}${text}`);
const assembly = (name: string, text: string) =>
  `__asm__(".text\\n.type ${name},@function\\n${text.replaceAll('\n', '\\n').replaceAll('"', '\\"')}\\n");`;

/** A C library's own way to come back to a place, under a name that nothing knows. */
export const jumps = `
${assembly(
  'mark',
  `.cfi_startproc
mark: mov %rbx,(%rdi)
mov %rbp,8(%rdi)
mov %r12,16(%rdi)
mov %r13,24(%rdi)
mov %r14,32(%rdi)
mov %r15,40(%rdi)
lea 8(%rsp),%rdx
mov %rdx,48(%rdi)
mov (%rsp),%rdx
mov %rdx,56(%rdi)
xor %eax,%eax
ret
.cfi_endproc
.cfi_startproc
back: mov (%rdi),%rbx
mov 8(%rdi),%rbp
mov 16(%rdi),%r12
mov 24(%rdi),%r13
mov 32(%rdi),%r14
mov 40(%rdi),%r15
mov 48(%rdi),%rsp
mov $1,%eax
jmp *56(%rdi)
.cfi_endproc`,
)}
__attribute__((returns_twice)) int mark(long *);
__attribute__((noreturn)) void back(long *);
static long kept[8];
`;

/** The number and its arguments out of one structure, as all threads of a C library are told to change their identity. */
const together = (number: number, offsets: readonly number[]) => `
${assembly(
  'each',
  `.cfi_startproc
each: push %rbx
.cfi_adjust_cfa_offset 8
lea ${number}(%rdi),%rbx
mov ${offsets[0]! - number}(%rbx),%rdi
mov ${offsets[1]! - number}(%rbx),%rsi
mov ${offsets[2]! - number}(%rbx),%rdx
mov (%rbx),%eax
syscall
pop %rbx
.cfi_adjust_cfa_offset -8
ret
.cfi_endproc`,
)}
void each(void *);
static char data[64];
void run(void) { for (int i = 0; i < 3; i++) *(long *)(data + (int[]){ ${offsets.join(', ')} }[i]) = -1; *(int *)(data + ${number}) = 117; each(data); }
`;
const identities = ['setgid', 'setgroups', 'setregid', 'setresgid', 'setresuid', 'setreuid', 'setuid'];

export const pitfalls: readonly Micro[] = [
  {
    name: 'data in front of a function of assembly that looks like the beginning of an instruction',
    source: own(
      '__asm__(".text\\nfirst: mov $102,%eax\\nsyscall\\nret\\n.byte 0x48,0xb8\\nsecond: mov $110,%eax\\nsyscall\\nret\\n.byte 0xe8\\nthird: call fourth\\nret\\n.byte 0x48,0xb8\\nfourth: mov $107,%eax\\nsyscall\\nret\\n.byte 0xe8\\nfifth: mov $152,%eax\\nsyscall\\nret\\n.balign 16\\n"); void first(void), second(void), third(void); void run(void) { first(); second(); third(); }',
    ),
    calls: ['geteuid', 'getppid', 'getuid'],
  },
  {
    name: 'calls at the fixed addresses that old programs know, in code and out of data',
    source: own(
      'typedef long (*T)(long *, long *); static volatile T processor = (T)0xffffffffff600800; FAR void never(void) { ((T)0xffffffffff600000)(0, 0); } void run(void) { if (((T)0xffffffffff600400)(0, 0) > 0) call(39); processor(0, 0); }',
    ),
    calls: ['getcpu', 'getpid', 'time'],
    needs: '[vsyscall]',
  },
  {
    name: 'a variable that is read-only once the program has started is no constant',
    source: own(
      '__attribute__((section(".data.rel.ro"))) volatile long number = 39; void run(void) { if (argc_ > 1) number = 110; call(number); }',
    ),
    calls: ['getpid', 'getppid'],
    isWide: true,
  },
  {
    name: 'a pointer to a function that is read-only once the program has started, and what start-up puts there',
    source: own(
      '__attribute__((section(".data.rel.ro"))) F volatile chosen = a; void run(void) { if (argc_ > 1) chosen = b; chosen(); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a table of bytes that leads into a table of distances between labels',
    source: own(
      'FAR void pick(int w) { static const unsigned char step[] = { 0, 2, 1, 0, 2, 1, 0, 0 }; static const int table[] = { &&one - &&one, &&two - &&one, &&three - &&one }; long n; goto *(&&one + table[step[w & 7]]); one: n = 39; goto end; two: n = 110; goto end; three: n = 102; end: call(n); } FAR void never(void) { call(152); } void run(void) { pick(argc_); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
    // Where the depth of the stack is not known behind such a jump, the number there is not.
    isWidePlain: true,
  },
  {
    name: 'a table of bytes that are distances themselves',
    source: own(
      `${assembly(
        'pick',
        `.cfi_startproc
pick: and $3,%edi
lea steps(%rip),%rdx
movzbl (%rdx,%rdi),%eax
lea first(%rip),%rcx
add %rcx,%rax
jmp *%rax
first: mov $39,%eax
jmp finish
second: mov $110,%eax
jmp finish
third: mov $102,%eax
finish: syscall
ret
.cfi_endproc
.section .rodata
steps: .byte 0, second-first, third-first, 0
.text`,
      )} void pick(int); void run(void) { pick(argc_); }`,
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'a number from the hot part of a function for a call in the part that was moved away',
    source: own(
      'FAR __attribute__((cold)) void rare(void) { call(24); } FAR void both(int w) { long n = w & 1 ? 39 : 110; if (w & 2) { rare(); call(n); rare(); } else call(102); } void run(void) { both(argc_); }',
    ),
    calls: ['getpid', 'getppid', 'getuid', 'sched_yield'],
    flags: ['-freorder-blocks-and-partition'],
  },
  {
    name: 'numbers that are counted: every one of them, or none is known',
    source: own('void run(void) { for (long n = 104; n <= 104 + 4 * (argc_ & 3); n += 4) call(n); }'),
    calls: ['getgid', 'getegid', 'setsid', 'getresuid'],
    isWide: true,
  },
  {
    name: 'an unwind entry that begins one byte before its function',
    source: own(
      `${assembly('early', '.cfi_startproc\nnop\nearly: mov $110,%eax\nsyscall\nret\n.cfi_endproc')} void early(void); FAR void before(void) { call(152); } void run(void) { early(); call(39); }`,
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a signal handler, and the code that it returns to',
    source: own(
      `struct K { void (*handler)(int); unsigned long flags; void (*restorer)(void); unsigned long mask; };
       ${assembly('restore', '.cfi_startproc\n.cfi_signal_frame\nnop\nrestore: mov $15,%eax\nsyscall\n.cfi_endproc')} void restore(void);
       FAR void handler(int s) { call(102); }
       void run(void) { struct K k = { handler, 0x04000000, restore, 0 }; call6(13, 10, (long)&k, 0, 8, 0, 0); call2(62, call(39), 10); }`,
    ),
    calls: ['getpid', 'getuid', 'kill', 'rt_sigaction', 'rt_sigreturn'],
  },
  {
    name: 'a call for all threads out of a structure, as glibc has it',
    source: own(together(0, [8, 16, 24])),
    calls: identities,
  },
  {
    name: 'a call for all threads out of a structure, as musl has it',
    source: own(together(12, [0, 4, 8])),
    calls: identities,
  },
  {
    name: 'a call out of a structure of another form',
    source: own(together(0, [8, 16, 32])),
    calls: ['setresuid'],
    isWide: true,
  },
  {
    name: 'a number that changes before a jump back to a place that was marked',
    source: own(
      `${jumps} void run(void) { volatile long n = 39; if (mark(kept) == 0) { n = 110; back(kept); } call(n); }`,
    ),
    calls: ['getppid'],
    isWide: true,
  },
  {
    name: 'a number that does not change between mark and jump, but is kept on the stack',
    source: own(
      `${jumps} void run(void) { if (mark(kept) == 0) { if (argc_ & 1) back(kept); call(39); } else call(110); }`,
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'a jump back that the compiler makes itself, with a call through a pointer beside it',
    source: own(
      'static void *place[5]; FAR void leave(void) { __builtin_longjmp(place, 1); } void run(void) { volatile long n = 39; F volatile f = c; f(); if (__builtin_setjmp(place) == 0) { n = 110; leave(); } call(n); }',
    ),
    calls: ['getppid', 'getuid'],
    isWide: true,
  },
  {
    name: 'a number that a child changes, which has the memory and the stack of its parent',
    source: own(
      `${assembly(
        'branch',
        `.cfi_startproc
branch: pop %rdx
mov $58,%eax
syscall
push %rdx
ret
.cfi_endproc`,
      )} __attribute__((returns_twice)) long branch(void); void run(void) { volatile long n = 39; if (branch() == 0) { n = 110; call(60); } call(n); }`,
    ),
    calls: ['getppid', 'vfork'],
    isWide: true,
  },
  {
    name: 'pointers to functions in a list that is built in fresh memory',
    source: own(
      'struct N { struct N *next; F f; }; void run(void) { struct N *first = 0, *at = (struct N *)call6(9, 0, 4096, 3, 0x22, -1, 0); for (int i = 0; i < 2 + (argc_ & 1); i++, at++) { at->f = i ? b : a; at->next = first; first = at; } for (; first; first = first->next) first->f(); }',
    ),
    calls: ['getpid', 'getppid', 'mmap'],
  },
  {
    name: 'a thread of its own',
    source: own(
      `${assembly(
        'begin_thread',
        `.cfi_startproc
begin_thread: sub $16,%rsi
mov %rdi,(%rsi)
mov $0x50f00,%edi
xor %edx,%edx
xor %r10d,%r10d
mov $56,%eax
syscall
test %eax,%eax
jnz 1f
.cfi_undefined rip
xor %ebp,%ebp
pop %rax
call *%rax
xor %edi,%edi
mov $60,%eax
syscall
1: ret
.cfi_endproc`,
      )} void begin_thread(void (*)(void), void *); static long stack[4096] __attribute__((aligned(16))); static volatile int done; FAR void other(void) { call(110); done = 1; } void run(void) { begin_thread(other, stack + 4096); while (done == 0) call(24); }`,
    ),
    calls: ['clone', 'getppid', 'sched_yield'],
  },
  {
    name: 'a wrapper that is jumped to through a pointer at the end of a function, and calls through others',
    source: own(
      'FAR long wrap(long n) { return call(n); } FAR long last(long (*f)(long), long n) { return f(n); } void run(void) { F volatile f = c; f(); long (*volatile g)(long) = wrap; last(g, 110); wrap(39); }',
    ),
    calls: ['getpid', 'getppid', 'getuid'],
  },
  {
    name: 'a function that calls itself, with the number as parameter',
    source: own(
      'FAR void deep(long n, int left) { if (left) { deep(n, left - 1); __asm__ volatile(""); } else call(n); } void run(void) { deep(39, argc_ & 3); deep(110, 1); }',
    ),
    calls: ['getpid', 'getppid'],
  },
  {
    name: 'virtual functions of two bases, through corrected pointers, and pointers to members',
    source: program(
      `extern "C" void __cxa_pure_virtual() {} extern "C" { void *_ZTVN10__cxxabiv117__class_type_infoE[4]; void *_ZTVN10__cxxabiv121__vmi_class_type_infoE[4]; }
       struct A { virtual long f() { return call(39); } }; struct B { virtual long g() { return call(110); } };
       struct C : A, B { long f() override { return call(102); } long g() override { return call(104); } FAR long h() { return call(107); } };
       static A a; static B b; static C c; A *volatile p; B *volatile q;
       void run() { A *y = argc_ & 1 ? &a : &c; B *z = argc_ & 1 ? &b : &c; p = y; q = z; p->f(); q->g(); long (C::*volatile m)() = argc_ & 2 ? &C::h : &C::f; (c.*m)(); } extern "C"`,
    ),
    calls: ['getpid', 'getppid', 'getuid', 'getgid', 'geteuid'],
    language: 'c++',
    flags: ['-fno-exceptions'],
  },
];
