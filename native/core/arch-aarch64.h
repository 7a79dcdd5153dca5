// One raw system call on AArch64. Source: syscall(2), "Architecture calling conventions": number in x8, arguments in
// x0 to x5, result in x0. Arguments count as changed: a tracer may have put another call in this one's place (execute.h).
// The fourth to sixth registers carry the launch's cookie: exec clears all of them for the new program
// (arch/arm64/include/asm/processor.h, start_thread_common).

#ifndef SANDBOX_RUN_ARCH_H
#define SANDBOX_RUN_ARCH_H

#include <linux/audit.h>

/** This machine's calls, as seccomp_data.arch names them. */
#define SR_AUDIT_ARCH AUDIT_ARCH_AARCH64

static inline long sr_syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2)
                   : "r"(x8), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}

/** The first instructions of a program without a C library: `function` gets the address of argc, behind which lie argv, the
 * environment and the auxiliary vector (System V ABI for AArch64, "Process Initialization"). */
#define SR_START(function)                          \
  __asm__(                                        \
      ".globl _start\n"                           \
      "_start:\n"                                 \
      "  mov x29, #0\n"                           \
      "  mov x30, #0\n"                           \
      "  mov x0, sp\n"                            \
      "  bl " #function "\n"                      \
      "  brk #0\n")

#endif
