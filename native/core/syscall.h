// Raw system calls: the core uses no C library, because the static launcher has none, and because between the filter
// and exec nothing may run that could make a call of its own. Results are the kernel's: a value, or a negated errno.
// An architecture is listed here only after a test has read, in a started program, that exec clears the three registers
// that carry the cookie. riscv64 keeps them, so it must not be added as it is.

#ifndef SANDBOX_RUN_SYSCALL_H
#define SANDBOX_RUN_SYSCALL_H

#include <asm/unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
#include "arch-x86_64.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch-aarch64.h"
#else
#error "sandbox-run does not know how this architecture starts a program; see native/core/syscall.h"
#endif

/** Errors are -4095 to -1. */
static inline int sr_failed(long result) { return (unsigned long)result > -4096UL; }

static inline long sr_syscall4(long number, long a, long b, long c, long d) {
  return sr_syscall6(number, a, b, c, d, 0, 0);
}

#endif
