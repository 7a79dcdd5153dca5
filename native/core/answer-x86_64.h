// What answer.c has to know of x86-64: registers of 64-bit and of i386 code alike, and an instruction that calls the kernel.

#ifndef SANDBOX_RUN_ANSWER_ARCH_H
#define SANDBOX_RUN_ANSWER_ARCH_H

#include "tracee-x86_64.h"

enum { SR_RBX = 5, SR_RCX = 11, SR_CS = 17 };

/** `syscall` and `int $0x80` alike; the place in the vDSO behind sysenter follows an `int $0x80` (arch/x86/entry/vdso/vdso32). */
#define SR_CALL_BYTES 2

#define SR_LONG_MODE 0x33
#define SR_I386_SECCOMP 354

// Unlike PTRACE_GETREGSET these have 64-bit registers for i386 code, too (arch/x86/kernel/ptrace.c).
static inline long sr_get_registers(int32_t id, uint64_t *registers) {
  return sr_syscall4(__NR_ptrace, PTRACE_GETREGS, id, 0, (long)registers);
}

static inline long sr_set_registers(int32_t id, const uint64_t *registers) {
  return sr_syscall4(__NR_ptrace, PTRACE_SETREGS, id, 0, (long)registers);
}

/** Makes of the registers behind a call those before its answer (arch/x86/include/asm/syscall.h, syscall_rollback). Whether they are behind
 * that call at all. `first`: its first argument. */
static inline int sr_set_back(uint64_t *registers, uint32_t number, uint64_t first, uint64_t behind) {
  (void)first;
  if ((uint32_t)registers[SR_ORIG_RAX] != number || registers[SR_RIP] != behind) return 0;
  registers[SR_RAX] = registers[SR_ORIG_RAX];
  return 1;
}

struct sr_injected {
  /** Where to go for a call. */
  uint64_t at;
  /** It is a call through the i386 gate. */
  int is_32;
};

#define SR_VDSO_BYTES 8192

/** A `syscall` in the vDSO, which any code of 64 bits may use; 0 where there is none. */
static inline uint64_t sr_vdso_call(int32_t id, uint64_t vdso) {
  for (uint64_t offset = 0; vdso != 0 && offset < SR_VDSO_BYTES; offset += 7) {
    uint64_t word;
    if (sr_failed(sr_syscall4(__NR_ptrace, PTRACE_PEEKDATA, id, (long)(vdso + offset), (long)&word))) return 0;
    for (unsigned byte = 0; byte < 7; byte++) {
      if ((word >> 8 * byte & 0xffff) == 0x050f) return vdso + offset + byte;
    }
  }
  return 0;
}

/** How to make a call in the thread, which stands behind one. 0, or -1 where there is no way. */
static inline int sr_injected_call(int32_t id, const uint64_t *registers, uint64_t behind, uint64_t vdso,
                                   struct sr_injected *way) {
  uint64_t code;
  if (sr_failed(sr_syscall4(__NR_ptrace, PTRACE_PEEKDATA, id, (long)(behind - SR_CALL_BYTES), (long)&code))) return -1;
  *way = (struct sr_injected){.at = behind - SR_CALL_BYTES, .is_32 = registers[SR_CS] != SR_LONG_MODE};
  if ((code & 0xffff) == (way->is_32 ? 0x80cd : 0x050f)) return 0;
  if (way->is_32) return -1;
  way->at = sr_vdso_call(id, vdso);
  return way->at == 0 ? -1 : 0;
}

/** Registers for seccomp(2) with three arguments. */
static inline void sr_prepare_injected(uint64_t *registers, const struct sr_injected *way, uint64_t a, uint64_t b, uint64_t c) {
  const uint64_t arguments[6] = {a, b, c, 0, 0, 0};
  sr_prepare_call(registers, __NR_seccomp, arguments);
  registers[SR_RIP] = way->at;
  if (!way->is_32) return;
  registers[SR_RAX] = SR_I386_SECCOMP;
  registers[SR_RBX] = a;
  registers[SR_RCX] = b;
  registers[SR_RDX] = c;
}

#endif
