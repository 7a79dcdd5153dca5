// One raw system call on x86-64. Source: syscall(2), "Architecture calling conventions": number in rax, arguments in
// rdi rsi rdx r10 r8 r9, result in rax; the instruction itself overwrites rcx and r11.
// Arguments count as changed: a tracer may have put another call in this one's place (execute.h).
// The fourth to sixth registers carry the launch's cookie: exec clears them for the new program, which
// test/kernel/registers.test.ts reads.

#ifndef SANDBOX_RUN_ARCH_H
#define SANDBOX_RUN_ARCH_H

#include <linux/audit.h>

/** This machine's calls, as seccomp_data.arch names them. */
#define SR_AUDIT_ARCH AUDIT_ARCH_X86_64

static inline long sr_syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                   : "0"(number), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/** The first instructions of a program without a C library: `function` gets the address of argc, behind which lie argv, the
 * environment and the auxiliary vector (the System V ABI for AMD64, "Initial Stack and Register State"). */
#define SR_START(function)                          \
  __asm__(                                        \
      ".globl _start\n"                           \
      "_start:\n"                                 \
      "  xor %ebp, %ebp\n"                        \
      "  mov %rsp, %rdi\n"                        \
      "  and $-16, %rsp\n"                        \
      "  call " #function "\n"                    \
      "  hlt\n")

#endif
