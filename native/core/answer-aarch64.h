// What answer.c has to know of AArch64; see answer-x86_64.h. 32-bit code is not served there.

#ifndef SANDBOX_RUN_ANSWER_ARCH_H
#define SANDBOX_RUN_ANSWER_ARCH_H

#include <elf.h>

#include "tracee-aarch64.h"

#define SR_CALL_BYTES 4
#define SR_CALL_NUMBER 8

static inline long sr_get_registers(int32_t id, uint64_t *registers) {
  struct iovec piece = {registers, SR_REGISTERS * sizeof *registers};
  long result = sr_syscall4(__NR_ptrace, PTRACE_GETREGSET, id, NT_PRSTATUS, (long)&piece);
  return !sr_failed(result) && piece.iov_len != SR_REGISTERS * sizeof *registers ? -1 : result;
}

static inline long sr_set_registers(int32_t id, const uint64_t *registers) {
  struct iovec piece = {(void *)registers, SR_REGISTERS * sizeof *registers};
  return sr_syscall4(__NR_ptrace, PTRACE_SETREGSET, id, NT_PRSTATUS, (long)&piece);
}

/** The result stands where the first argument stood (arch/arm64/include/asm/syscall.h, syscall_rollback). */
static inline int sr_set_back(uint64_t *registers, uint32_t number, uint64_t first, uint64_t behind) {
  if ((uint32_t)registers[SR_CALL_NUMBER] != number || registers[SR_PC] != behind) return 0;
  registers[SR_RESULT] = first;
  return 1;
}

struct sr_injected {
  uint64_t at;
  int is_32;
};

static inline int sr_injected_call(int32_t id, const uint64_t *registers, uint64_t behind, uint64_t vdso,
                                   struct sr_injected *way) {
  (void)registers;
  (void)vdso;
  uint64_t code;
  *way = (struct sr_injected){.at = behind - SR_CALL_BYTES};
  if (sr_failed(sr_syscall4(__NR_ptrace, PTRACE_PEEKDATA, id, (long)way->at, (long)&code))) return -1;
  return sr_is_call(code) ? 0 : -1;
}

static inline void sr_prepare_injected(uint64_t *registers, const struct sr_injected *way, uint64_t a, uint64_t b, uint64_t c) {
  const uint64_t arguments[6] = {a, b, c, 0, 0, 0};
  sr_prepare_call(registers, __NR_seccomp, arguments);
  registers[SR_PC] = way->at;
}

#endif
