// One raw system call on x86-64. Source: syscall(2), "Architecture calling conventions": number in rax, arguments in
// rdi rsi rdx r10 r8 r9, result in rax; the instruction itself overwrites rcx and r11.
// The fourth to sixth registers carry the launch's cookie: exec clears them for the new program, which
// test/kernel/registers.test.ts reads.

#ifndef SANDBOX_RUN_ARCH_H
#define SANDBOX_RUN_ARCH_H

static inline long sr_syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#endif
