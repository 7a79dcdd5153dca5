// Micro programs that exhaust a bound of the analysis, or exceeded one that it had: an answer may get wider then, never narrower.

import { jumps } from './pitfalls.ts';
import { type Micro, program } from './programs.ts';

const rare = [321, 246];

export const limits: readonly Micro[] = [
  {
    name: 'more numbers that are not known than are told, and rare ones before and behind them',
    source: program(
      `static volatile long numbers[] = { 39, 110 }; FAR long wrap(long n, int more) { return call(n) + more; }
       void run(void) { if (argc_ > 99) wrap(${rare[0]}, 1); ${Array.from({ length: 20 }, (_, index) => `wrap(numbers[argc_ & 1], ${index});`).join(' ')} if (argc_ > 99) wrap(${rare[1]}, 1); }`,
    ),
    calls: ['bpf', 'getpid', 'getppid', 'kexec_load'],
    isWide: true,
  },
  {
    name: 'a mark behind five functions that only jump, and a number that changes before the jump back',
    source: program(
      `${jumps} ${[
        'mark1: jmp mark2',
        'mark2: jmp mark3',
        'mark3: jmp mark4',
        'mark4: jmp mark5',
        'mark5: jmp mark',
      ]
        .map(
          (line) =>
            `__asm__(".text\\n.type ${line.slice(0, 5)},@function\\n.cfi_startproc\\n${line.replace(': ', ':\\n')}\\n.cfi_endproc\\n");`,
        )
        .join(' ')}
       __attribute__((returns_twice)) int mark1(long *);
       void run(void) { volatile long n = 39; if (mark1(kept) == 0) { n = 110; back(kept); } call(n); }`,
    ),
    calls: ['getppid'],
    isWide: true,
  },
  {
    name: 'a table of jumps with more than 4096 entries',
    source: program(
      `__asm__(".text\\n.type pick,@function\\npick:\\n.cfi_startproc\\nlea table(%rip),%rdx\\nmov %edi,%edi\\nmovslq (%rdx,%rdi,4),%rax\\nadd %rdx,%rax\\njmp *%rax\\n1: mov $39,%eax\\njmp 3f\\n2: mov $110,%eax\\n3: syscall\\nret\\n.cfi_endproc\\n.section .rodata\\n.balign 4\\ntable: .rept 5000\\n.long 1b-table\\n.endr\\n.long 2b-table\\n.text\\n");
       void pick(int); void run(void) { pick(argc_ & 1 ? 5000 : 7); }`,
    ),
    calls: ['getpid', 'getppid'],
  },
];
